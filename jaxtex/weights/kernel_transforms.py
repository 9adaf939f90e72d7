"""What is done to weights once, so that it need not be done at every step: kernels in the form of Winograd's tiles."""

import functools
import math
from collections.abc import Iterable

import jax

from jaxtex import networks
from jaxtex.networks import convolutions, winograd
from jaxtex.runtime import background, xla_options


def transform_kernels(
    network: networks.Pyramid, variables: dict, sizes: Iterable[tuple[int, int]]
) -> background.Ahead:
    """Gives kernels another form where `convolutions.choose` wants it: VGG-16's step at 256 px took a tenth less time.

    Args:
      network: any; nothing is done but to a VGG's kernels.
      variables: its weights.
      sizes: height and width of the images that it will see often; others it can still see.

    Returns:
      Variables with `tiles.Kernels` in the collection `networks.PREPARED`, two to eight times as large, and without those
      kernels in "params" that no size wants.
    """
    if not isinstance(network.network, networks.VGG):
        return background.given(variables)
    seen = [
        [side >> octave for side in size] for size in sizes for octave in range(network.octaves)
    ]
    params = {layer: dict(leaves) for layer, leaves in variables["params"].items()}
    chosen = {
        layer: _chosen(layer, params[layer]["kernel"].shape, seen)
        for layer in _convolutions(network)
    }
    wanted = {
        layer: params[layer]["kernel"]
        for layer in chosen
        if convolutions.winograd_convolution in chosen[layer]
    }
    sides = {
        layer: convolutions.tile_size(chosen[layer][convolutions.winograd_convolution])
        for layer in wanted
    }
    for layer in (layer for layer in wanted if len(chosen[layer]) == 1):
        del params[layer]["kernel"]
    transform = jax.jit(
        functools.partial(_transform, sides),
        compiler_options=xla_options.compiler_options(often=False),
    )
    kept = {**variables, "params": params}  # no more: those that are transformed leave memory
    kernels = background.run(transform, wanted) if wanted else background.given({})
    return kernels.placed(lambda kernels: {**kept, networks.PREPARED: kernels})


def _convolutions(network: networks.Pyramid) -> list[str]:
    return [
        layer for layer in networks.evaluated_layers(network.network) if layer.startswith("conv")
    ]


def _chosen(
    layer: str, kernel: tuple[int, ...], sizes: Iterable[tuple[int, int]]
) -> dict[convolutions.Convolution, int]:
    """The algorithms of a convolution for images of these sizes, and of each the most pixels that it sees."""
    halvings = networks.parse_layer(layer)[1] - 1
    inputs = [
        ((height >> halvings) + 2, (width >> halvings) + 2, kernel[2]) for height, width in sizes
    ]
    return {
        convolutions.choose_algorithm(features, kernel): math.prod(features[:2])
        for features in sorted(inputs, key=math.prod)
    }


def _transform(
    sides: dict[str, int], kernels: dict[str, jax.Array]
) -> dict[str, dict[str, winograd.Kernels]]:
    return {
        layer: {"kernel": winograd.transform_kernel(kernel, sides[layer])}
        for layer, kernel in kernels.items()
    }
