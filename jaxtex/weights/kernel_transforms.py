"""Winograd transforms of convolution kernels, computed once instead of at every step."""

import functools
from collections.abc import Iterable

import jax

from jaxtex import networks
from jaxtex.networks import convolutions, winograd
from jaxtex.runtime import xla_options

Kernels = dict[str, dict[str, winograd.Kernels]]  # layer -> {"kernel": transformed}


def transform_kernels(
    network: networks.Pyramid, variables: dict, sizes: Iterable[tuple[int, int]]
) -> dict:
    """Adds transformed kernels for the convolutions that are faster in Winograd's form.

    Only the algorithms for one CPU use them. The variables of other networks, and those of fixed
    filters, are returned unchanged.

    Args:
      network: as `load_network` returns it.
      variables: its variables.
      sizes: height and width of the images that the network will see often. Others work too.

    Returns:
      The variables and the collection `networks.PREPARED`, `{layer: {"kernel": winograd.Kernels}}`.
      A transformed kernel takes two to eight times the memory of the plain one, which is left out
      of "params" where no size needs it.
    """
    inner = network.network
    if not isinstance(inner, networks.VGG) or inner.algorithms != "cpu":
        return variables

    params = {layer: dict(leaves) for layer, leaves in variables["params"].items()}
    plain_kernels: dict[str, jax.Array] = {}
    tile_sizes: dict[str, int] = {}
    for layer in networks.evaluated_layers(inner):
        if not layer.startswith("conv"):
            continue
        kernel = params[layer]["kernel"]
        octave_sizes = [
            (height >> octave, width >> octave)
            for height, width in sizes
            for octave in _octaves(network, layer)
        ]
        most_pixels = _algorithms(layer, kernel.shape, octave_sizes)
        if convolutions.winograd_convolution not in most_pixels:
            continue
        plain_kernels[layer] = kernel
        pixels = most_pixels[convolutions.winograd_convolution]
        tile_sizes[layer] = convolutions.tile_size(pixels)
        if len(most_pixels) == 1:
            del params[layer]["kernel"]

    transformed: Kernels = {}
    if plain_kernels:
        options = xla_options.compiler_options(often=False)
        transform = jax.jit(functools.partial(_transform, tile_sizes), compiler_options=options)
        transformed = transform(plain_kernels)
    return {**variables, "params": params, networks.PREPARED: transformed}


def _octaves(network: networks.Pyramid, layer: str) -> list[int]:
    """Returns the octaves in which a layer is evaluated."""
    return [
        octave
        for octave in range(network.octaves)
        if layer in networks.evaluated_layers(network.network, networks.layers_of(network, octave))
    ]


def _algorithms(
    layer: str, kernel: tuple[int, ...], sizes: Iterable[tuple[int, int]]
) -> dict[convolutions.Convolution, int]:
    """Returns the algorithms that a layer uses for images of these sizes.

    Args:
      layer: name of the convolution.
      kernel: shape of its kernel.
      sizes: height and width of the images.

    Returns:
      Algorithm -> the largest number of input pixels that it is used for, padding included.
    """
    halvings = networks.parse_layer(layer)[1] - 1
    most_pixels: dict[convolutions.Convolution, int] = {}
    for height, width in sizes:
        rows = (height >> halvings) + 2
        columns = (width >> halvings) + 2
        algorithm = convolutions.choose_algorithm(
            (rows, columns, kernel[2]), kernel, algorithms="cpu"
        )
        most_pixels[algorithm] = max(rows * columns, most_pixels.get(algorithm, 0))
    return most_pixels


def _transform(tile_sizes: dict[str, int], kernels: dict[str, jax.Array]) -> Kernels:
    return {
        layer: {"kernel": winograd.transform_kernel(kernel, tile_sizes[layer])}
        for layer, kernel in kernels.items()
    }
