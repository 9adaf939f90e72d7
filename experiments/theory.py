"""What does matching moments mean?

    jaxtex --experiment=theory   (40 s on two CPU cores with other work; needs the extra `plots`)

Checks every claim of docs/theory.md with numbers, on features of real textures.

Result: All claims hold. Identities of the Kullback-Leibler divergence hold up to rounding, as they
are exact for samples as well. The critics, which are trained, reach what can be reached to within
0.06. The sheet is docs/theory.jpg.
"""

import pathlib

import jax
import numpy as np

import jaxtex
from claims import distributions, families, limits, measures, picture
from jaxtex import images, weights

LAYER = "relu2_1"
CHANNELS = 6  # those of the highest mean
SMALL = 96  # side in pixels, where all 80 channels are used
CHECKS = families.CHECKS + distributions.CHECKS + limits.CHECKS


def demonstrate(folder: pathlib.Path) -> list[dict]:
    """Checks every claim; returns rows of expected and found values, and writes `sheet.png`.

    Raises:
      UserError: matplotlib is not installed, or an exemplar is missing.
    """
    picture.figures()  # fails before the slow part
    seen = look()
    with jax.enable_x64(True):
        picture.draw(seen, folder / "sheet.png")
        return [found for check in CHECKS for found in check(seen)]


def look() -> measures.Seen:
    """Computes features of two exemplars, and of a texture made from one of them."""
    network, variables = weights.load_network(weights.NetworkChoice(octaves=1), (LAYER,))
    bricks, pebbles = (images.load(f"images/{name}.png") for name in ("bricks", "pebbles"))
    small = images.resize(bricks, SMALL, SMALL)
    alone = {"arrangement_weight": 0, "detail_weight": 0, "balance": "equal", "statistic": "gram"}
    made = jaxtex.synthesize(
        small, size=SMALL, layers=LAYER, octaves=1, scales=1, num_steps=100, **alone
    )
    looked = [
        np.asarray(network.apply(variables, image)[LAYER], np.float64)
        for image in (bricks, pebbles, small, made)
    ]
    first, second = (features.reshape(-1, features.shape[-1]) for features in looked[:2])
    highest = np.argsort(-first.mean(0))[:CHANNELS]
    return measures.Seen(first[:, highest], second[:, highest], *looked[2:])
