"""Receptive fields of layers: their share of a region, and patches with the strongest responses.

References:
  Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
  https://arxiv.org/abs/1311.2901. The paper shows such patches next to the activations projected
  back to pixels; the projection is not implemented here.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors
from jaxtex.networks import (
    octaves,
    padding_pooling,
    pixel_patches,
    registry,
    steerable_pyramid,
    vgg,
)


class ReceptiveField(NamedTuple):
    """Pixels that one position of a layer depends on; the same along both axes."""

    side: int  # pixels
    stride: int  # pixels from one position to the next
    first: int  # first pixel of position 0; negative beyond the border


def receptive_field(network: vgg.VGG, layer: str) -> ReceptiveField:
    """Computes the receptive field of a layer from the convolutions and poolings before it.

    Args:
      network: of the VGG family.
      layer: name of the layer.

    Raises:
      UserError: the network is of another family.
    """
    if not isinstance(network, vgg.VGG):
        raise errors.UserError("--excite: --network must be of the VGG family")
    side = stride = 1
    first = 0
    reach = network.side // 2  # pixels beyond the center of a kernel
    for name in vgg.evaluated_layers(registry.select_layers(network, (layer,))):
        kind = vgg.parse_layer(name)[0]
        if kind == "conv":
            side += 2 * reach * stride
            first -= reach * stride
        elif kind == "pool":
            side += stride
            stride *= 2
    return ReceptiveField(side, stride, first)


def strongest_positions(
    responses: Sequence[np.ndarray], count: int, distance: int
) -> list[tuple[int, int, int]]:
    """Finds the positions with the strongest responses of a feature map.

    Args:
      responses: of each image, `[H, W]`.
      count: number of positions.
      distance: minimum difference, along at least one axis, of two positions in the same image.

    Returns:
      Image, row and column of each position, the strongest first; fewer than `count` if no
      further position is far enough from the others.
    """
    remaining = [np.array(response, np.float64) for response in responses]
    positions: list[tuple[int, int, int]] = []
    for _ in range(count):
        image = int(np.argmax([response.max() for response in remaining]))
        response = remaining[image]
        row, column = map(int, np.unravel_index(response.argmax(), response.shape))
        if not np.isfinite(response[row, column]):
            break
        positions.append((image, row, column))

        rows = slice(max(0, row - distance + 1), row + distance)
        columns = slice(max(0, column - distance + 1), column + distance)
        response[rows, columns] = -np.inf
    return positions


def cut_patch(image: np.ndarray, field: ReceptiveField, row: int, column: int) -> np.ndarray:
    """Cuts out the receptive field of one position.

    Args:
      image: `[H, W, C]`.
      field: receptive field of the layer.
      row: of the position, in the layer.
      column: of the position, in the layer.

    Returns:
      `[side, side, C]`; the image is mirrored beyond its border.
    """
    top = field.first + field.stride * row
    left = field.first + field.stride * column
    rows = reflect(np.arange(top, top + field.side), image.shape[0])
    columns = reflect(np.arange(left, left + field.side), image.shape[1])
    return image[rows][:, columns]


def reflect(indices: np.ndarray, size: int) -> np.ndarray:
    """Reflects indices at both borders, any number of times, without repeating the border.

    Args:
      indices: integers of any shape, also negative ones.
      size: number of positions.

    Returns:
      Integers in `[0, size)`, of the shape of `indices`.
    """
    period = max(1, 2 * (size - 1))
    indices = indices % period
    return np.minimum(indices, period - indices)


def covered_shares(network: octaves.Pyramid, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Computes how much of the receptive field of each position a mask covers.

    The pixels of a field have the weights that they have if all kernels are boxes: few paths lead
    to the outermost ones, so the weights fall off to the border of the field nearly as in a
    Gaussian. A steerable filter weights them by its magnitude.

    Args:
      network: its layers selected.
      mask: `[H, W]`, 1 inside and 0 outside. It is padded as the network pads; where that is with
        zeros, by its outermost pixels.

    Returns:
      Layer -> `[H', W']` in [0, 1].
    """
    padding = network.network.padding.replace("zero", "replicate")
    of_network = _SHARES[type(network.network)]
    covered = mask.astype(np.float32)
    shares = {}
    for octave in range(network.octaves):
        if octave:
            covered = _halve(covered, padding)
        of_octave = of_network(network.network, covered, padding)
        for layer in octaves.layers_of(network, octave):
            shares[octaves.octave_name(layer, octave)] = of_octave[layer]
    return shares


def _vgg_shares(network: vgg.Network, covered: np.ndarray, padding: str) -> dict[str, np.ndarray]:
    """Returns the shares of one octave of a VGG network."""
    assert isinstance(network, vgg.VGG)
    box = np.full(network.side, 1 / network.side, np.float32)
    shares = {}
    for layer in network.names():
        kind = vgg.parse_layer(layer)[0]
        if kind == "conv":
            covered = _filter(covered, box, padding)
        elif kind == "pool":
            height, width = covered.shape[0] // 2, covered.shape[1] // 2
            blocks = covered[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
            covered = blocks.mean((1, 3))
        shares[layer] = covered
        if shares.keys() >= set(network.layers):
            break
    return {layer: shares[layer] for layer in network.layers}


def _steerable_shares(
    network: vgg.Network, covered: np.ndarray, padding: str
) -> dict[str, np.ndarray]:
    """Returns the shares of one octave of the steerable pyramid."""
    angles = tuple(
        np.arange(steerable_pyramid.ORIENTATIONS) * np.pi / steerable_pyramid.ORIENTATIONS
    )
    magnitude = np.abs(steerable_pyramid.filter_bank(angles)).sum((0, 1, 3))
    magnitude = magnitude / magnitude.sum()

    fine = _filter(covered, magnitude, padding)
    shares = {"colours": covered, "bands": fine, "moduli": fine}
    if network.halvings():
        coarse = _filter(_halve(covered, padding), magnitude, padding)
        coarse = coarse.repeat(2, 0).repeat(2, 1)
        both = np.minimum(fine[: coarse.shape[0], : coarse.shape[1]], coarse)
        shares |= {"phases": both, "parents": both}
    return {layer: shares[layer] for layer in network.layers}


def _patch_shares(network: vgg.Network, covered: np.ndarray, padding: str) -> dict[str, np.ndarray]:
    """Returns the shares of one octave of patches of pixels."""
    box = np.full(pixel_patches.SIDE, 1 / pixel_patches.SIDE, np.float32)
    share = _filter(covered, box, padding)
    for axis, name in enumerate(padding_pooling.split_padding(padding)):
        if name != "wrap":  # patches beyond the border are left out
            kept = slice(pixel_patches.SIDE // 2, share.shape[axis] - pixel_patches.SIDE // 2)
            share = share[kept] if axis == 0 else share[:, kept]
    return dict.fromkeys(network.layers, share)


# Kind of network -> (network, mask of an octave, padding) -> shares.
_SHARES: dict[type, Callable[[vgg.Network, np.ndarray, str], dict[str, np.ndarray]]] = {
    vgg.VGG: _vgg_shares,
    steerable_pyramid.Steerable: _steerable_shares,
    pixel_patches.PixelPatches: _patch_shares,
}


def _halve(covered: np.ndarray, padding: str) -> np.ndarray:
    """Halves a mask as `padding_pooling.halve` does an image."""
    height, width = covered.shape[0] // 2, covered.shape[1] // 2
    weights = np.array([0, 1, 3, 3, 1], np.float32) / 8
    return _filter(covered[: 2 * height, : 2 * width], weights, padding)[::2, ::2]


def _filter(covered: np.ndarray, weights: np.ndarray, padding: str) -> np.ndarray:
    """Filters rows and columns, `[H, W]` -> `[H, W]`, with an odd number of weights."""
    radius = len(weights) // 2
    for axis, name in enumerate(padding_pooling.split_padding(padding)):
        rows = np.moveaxis(covered, axis, 0)
        padded = np.pad(rows, ((radius, radius), (0, 0)), padding_pooling.PADDINGS[name])
        parts = [weight * padded[i : i + len(rows)] for i, weight in enumerate(weights)]
        covered = np.moveaxis(np.sum(parts, 0), 0, axis)
    return covered
