"""Comparison of a network's activations with golden values that another framework computed.

The golden values in `data/golden.json` are the minimum, maximum and L2 norm of every layer of
torchvision's networks for one image of noise without preprocessing. They come from the test assets
of pystiche (BSD-3-Clause), commit 71217c24. A transposed or flipped kernel or exchanged color
channels change all of them.
"""

import functools
import json
from collections.abc import Callable
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks
from jaxtex.runtime import xla_options
from jaxtex.weights import hdf5

TOLERANCE = 0.01  # relative: the golden values have three digits
NOISE_SIDE = 256  # pixels
NOISE_SEED = 0

Summary = dict[str, list[float]]  # layer -> minimum, maximum, L2 norm

# How to describe weights whose first kernel, changed like this, gives the golden values.
MISTAKES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "with height and width of the kernels exchanged": lambda kernel: kernel.swapaxes(0, 1),
    "with the kernels flipped": lambda kernel: kernel[::-1, ::-1],
    "with red and blue exchanged": lambda kernel: kernel[:, :, ::-1],
}


def compare(weights: hdf5.Weights, golden: dict[str, Summary]) -> tuple[bool, str]:
    """Compares the activations of a network with golden values.

    Args:
      weights: weights that fit their network.
      golden: network -> golden values, as `golden_values` returns them.

    Returns:
      False if the weights are wrong, and a description of the result. Weights without golden values
      count as right.

    Raises:
      UserError: JAX finds no device.
    """
    xla_options.require_backend()
    expected = golden.get(weights.network, {})
    available = networks.available_layers(networks.NETWORKS[weights.network], weights.variables)
    layers = tuple(layer for layer in expected if layer in available)
    if not layers or weights.about.get("norm") == "folded":
        return True, "structure and hashes are right; there are no golden values for this file"

    wrong = first_difference(summarize_layers(weights, layers), expected)
    if not wrong:
        return True, f"all {len(layers)} layers agree with torchvision's golden values"
    if wrong != layers[0]:
        text = f"the values are torchvision's up to '{wrong}', which is wrong: {_guess(wrong)}"
        return False, text

    if mistake := _find_mistake(weights, layers[0], expected):
        return False, f"the values are torchvision's, {mistake}"
    if weights.about.get("numbers") == "torchvision":
        return False, "the values should be torchvision's, and are not"
    return True, (
        "structure and hashes are right; the values are not torchvision's, and golden values of "
        "others do not exist"
    )


def golden_values() -> dict[str, Summary]:
    """Returns network -> layer -> minimum, maximum, L2 norm."""
    return json.loads((resources.files("jaxtex.weights") / "data" / "golden.json").read_text())


def noise() -> np.ndarray:
    """Returns the image of `torch.manual_seed(0); torch.rand(1, 3, 256, 256)`, `[256, 256, 3]`."""
    generator = np.random.MT19937()
    generator._legacy_seeding(NOISE_SEED)  # PyTorch seeds its Mersenne twister in this way
    mantissas = generator.random_raw(3 * NOISE_SIDE * NOISE_SIDE) & 0xFFFFFF
    values = mantissas.astype(np.float32) * np.float32(2**-24)
    return values.reshape(3, NOISE_SIDE, NOISE_SIDE).transpose(1, 2, 0)


def summarize_layers(weights: hdf5.Weights, layers: tuple[str, ...]) -> Summary:
    """Computes minimum, maximum and L2 norm of layers for the noise image.

    The network pads with zeros and uses max pooling, as torchvision's; nothing is preprocessed.

    Args:
      weights: the weights of the network.
      layers: names of the layers.
    """
    network = networks.NETWORKS[weights.network].clone(
        pooling="max", padding="zero", algorithms=networks.algorithms_for(jax.default_backend())
    )
    network = networks.select_layers(network, layers)
    identity = {"mean": np.zeros(3), "deviation": np.ones(3)}
    variables = {**weights.variables, "preprocessing": identity}
    summaries = _summarize(network, variables, noise())
    return {layer: [float(value) for value in summaries[layer]] for layer in layers}


def first_difference(summary: Summary, expected: Summary) -> str:
    """Returns the first layer whose values differ by more than `TOLERANCE`, or an empty string.

    Args:
      summary: the values of some layers.
      expected: the golden values of these layers and others.
    """
    for layer in summary:
        if _relative_error(summary[layer], expected[layer]) > TOLERANCE:
            return layer
    return ""


@functools.partial(jax.jit, static_argnums=0)
def _summarize(network: networks.Network, variables: dict, image: np.ndarray) -> dict:
    features = network.apply(variables, image)
    return {
        layer: jnp.stack([x.min(), x.max(), jnp.sqrt(jnp.sum(x**2))])
        for layer, x in features.items()
    }


def _relative_error(values: list[float], expected: list[float]) -> float:
    """Returns the largest relative error of minimum, maximum and norm."""
    return max(
        abs(value - golden) / (abs(golden) + TOLERANCE)
        for value, golden in zip(values, expected, strict=True)
    )


def _find_mistake(weights: hdf5.Weights, first: str, expected: Summary) -> str:
    """Returns the mistake that explains the values of the first layer best, or an empty string."""
    errors = {}
    for text, repair in MISTAKES.items():
        summary = summarize_layers(_repaired(weights, repair), (first,))
        errors[text] = _relative_error(summary[first], expected[first])
    best = min(errors, key=lambda text: errors[text])
    return best if errors[best] < TOLERANCE else ""


def _guess(layer: str) -> str:
    if layer.startswith("bn"):
        return "statistics of another batch norm?"
    return "values of another layer, or changed ones?"


def _repaired(weights: hdf5.Weights, repair: Callable[[np.ndarray], np.ndarray]) -> hdf5.Weights:
    """Returns the first convolution with a changed kernel; the other layers are left out."""
    convolution = dict(weights.variables["params"]["conv1_1"])
    convolution["kernel"] = np.ascontiguousarray(repair(convolution["kernel"]))
    variables = {**weights.variables, "params": {"conv1_1": convolution}}
    return weights._replace(variables=variables)
