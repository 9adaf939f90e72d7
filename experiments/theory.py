"""What does matching moments mean?

    jaxtex --experiment=theory         (40 s on two CPU cores with other work; wants the extra `plots`)

Every claim of docs/theory.md, checked with numbers on features of real textures. Came out: all hold. The identities of
Kullback and Leibler's divergence to rounding, as they are exact for samples, too; the critics, which learn, find what
there is but for 6 hundredths at most. The sheet is docs/theory.jpg.
"""

import pathlib

import jax
import numpy as np

import jaxtex
from claims import distributions, families, limits, measures, picture
from jaxtex import images, weights

LAYER, CHANNELS, SMALL = (
    "relu2_1",
    6,
    96,
)  # the channels of highest mean; pixels where all 80 are looked at
CHECKS = families.CHECKS + distributions.CHECKS + limits.CHECKS


def demonstrate(folder: pathlib.Path) -> list[dict]:
    """Every claim with what was expected and found; leaves `sheet.png`.

    Raises:
      UserError: matplotlib is not installed, or an exemplar is not there.
    """
    picture.figures()  # first, since the rest takes its time
    seen = look()
    with jax.enable_x64(True):
        picture.draw(seen, folder / "sheet.png")
        return [found for check in CHECKS for found in check(seen)]


def look() -> measures.Seen:
    """The features of two exemplars, and of a texture made from one."""
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
