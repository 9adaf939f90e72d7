"""Is a conversion right? Activations against golden values that another framework computed.

The values (`data/golden.json`) are the minimum, maximum and L2 norm of every layer of torchvision's networks for one
reproducible noise image without preprocessing, from the test assets of pystiche (BSD-3-Clause), commit 71217c24.
A kernel transposed or flipped and two colours exchanged change each of them at once.
"""

import json
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks
from jaxtex.weights import hdf5

TOLERANCE = 0.01  # the figures have three digits
NOISE = 256  # pixels on a side

Figures = dict[str, list[float]]  # layer -> minimum, maximum, norm


def golden() -> dict[str, Figures]:
    """Network -> layer -> minimum, maximum, L2 norm."""
    return json.loads((resources.files("jaxtex.weights") / "data" / "golden.json").read_text())


def noise() -> np.ndarray:
    """What `torch.manual_seed(0); torch.rand(1, 3, 256, 256)` draws, `[256, 256, 3]`."""
    generator = np.random.MT19937()
    generator._legacy_seeding(0)
    draws = (generator.random_raw(3 * NOISE * NOISE) & 0xFFFFFF).astype(np.float32) * np.float32(
        2**-24
    )
    return draws.reshape(3, NOISE, NOISE).transpose(1, 2, 0)


def figures(loaded: hdf5.Weights, layers: tuple[str, ...]) -> Figures:
    """Minimum, maximum and norm of these layers for the noise, zero padding and maximum pooling."""
    network = networks.select_layers(
        networks.NETWORKS[loaded.network].clone(pooling="max", padding="zero"), layers
    )
    variables = {
        **loaded.variables,
        "preprocessing": {"mean": np.zeros(3), "deviation": np.ones(3)},
    }
    summarise = lambda x: jnp.stack([x.min(), x.max(), jnp.sqrt(jnp.sum(x**2))])
    found = jax.jit(lambda v, x: jax.tree.map(summarise, network.apply(v, x)))(variables, noise())
    return {layer: [float(value) for value in found[layer]] for layer in layers}


def first_difference(found: Figures, expected: Figures) -> str:
    """The first layer whose figures are more than a hundredth off; empty if there is none."""
    wrong = (layer for layer in found if _error({layer: found[layer]}, expected) > TOLERANCE)
    return next(wrong, "")


REPAIRS = {  # of the first kernel
    "are torchvision's, with height and width of the kernels exchanged": lambda kernel: (
        kernel.swapaxes(0, 1)
    ),
    "are torchvision's, with the kernels flipped": lambda kernel: kernel[::-1, ::-1],
    "are torchvision's, with red and blue exchanged": lambda kernel: kernel[:, :, ::-1],
}


def judge(loaded: hdf5.Weights, table: dict[str, Figures]) -> tuple[bool, str]:
    """Whether the weights may be used, and what was found.

    Args:
      loaded: weights that fit their network.
      table: golden values, as `golden` returns them.
    """
    expected = table.get(loaded.network, {})
    available = networks.available_layers(networks.NETWORKS[loaded.network], loaded.variables)
    layers = tuple(layer for layer in expected if layer in available)
    if not layers or loaded.about.get("norm") == "folded":
        return True, "structure and hashes agree; there are no golden values for such a file"
    difference = first_difference(figures(loaded, layers), expected)
    if not difference:
        return True, f"all {len(layers)} layers agree with torchvision's golden values"
    if difference != layers[0]:
        return (
            False,
            f"the numbers are torchvision's up to '{difference}', which is wrong: {_guess(difference)}",
        )
    errors = {
        text: _error(figures(_repaired(loaded, repair), layers[:1]), expected)
        for text, repair in REPAIRS.items()
    }
    if (least := min(errors.values())) < TOLERANCE:
        return (
            False,
            f"the numbers {next(text for text, error in errors.items() if error == least)}",
        )
    if loaded.about.get("numbers") == "torchvision":
        return False, "the numbers should be torchvision's, and are not"
    return (
        True,
        "structure and hashes agree; the numbers are not torchvision's, for which alone there are golden values",
    )


def _error(found: Figures, expected: Figures) -> float:
    """The largest relative error."""
    pairs = [pair for layer in found for pair in zip(found[layer], expected[layer], strict=True)]
    return max(abs(own - wanted) / (abs(wanted) + TOLERANCE) for own, wanted in pairs)


def _guess(layer: str) -> str:
    return (
        "statistics of another batch norm?"
        if layer.startswith("bn")
        else "numbers of another layer, or changed"
    )


def _repaired(loaded: hdf5.Weights, repair) -> hdf5.Weights:
    params = {"conv1_1": dict(loaded.variables["params"]["conv1_1"])}
    params["conv1_1"]["kernel"] = np.ascontiguousarray(repair(params["conv1_1"]["kernel"]))
    return loaded._replace(variables={**loaded.variables, "params": params})
