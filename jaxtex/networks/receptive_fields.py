"""Receptive fields of layers, and the image patches with the strongest responses.

References:
  Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
  https://arxiv.org/abs/1311.2901. The paper shows such patches next to the activations projected
  back to pixels; the projection is not implemented here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors
from jaxtex.networks import registry, vgg


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
    """Reflects indices into `0 ... size - 1`, any number of times, without repeating the border."""
    period = max(1, 2 * (size - 1))
    indices = indices % period
    return np.minimum(indices, period - indices)
