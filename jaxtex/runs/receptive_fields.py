"""What a feature map sees: the patches of pictures that excite it most.

The image that excites it most by optimisation is a term of the loss, `losses.excitement`.

References:
  Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, https://arxiv.org/abs/1311.2901:
  the strongest patches. They show them beside what the activation is traced back to, which is left out here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxtex import errors, networks
from jaxtex.runtime import xla_options
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images
from jaxtex.weights import loading

COUNT = 9  # patches of a mosaic
SHOWN = 30  # pixels that a patch has at least there: small ones are enlarged
GAP = 2  # pixels between them


class ReceptiveField(NamedTuple):
    """The part of the image that one position of a layer sees, in pixels; the same along both axes."""

    side: int
    stride: int  # from one position to the next
    first: int  # where the part of position 0 begins; negative: beyond the border


def receptive_field(network: networks.VGG, layer: str) -> ReceptiveField:
    """The receptive field of a layer, by adding up convolutions and poolings on the way to it."""
    if not isinstance(network, networks.VGG):
        raise errors.UserError("--excite: only networks of the VGG family are looked into")
    side, stride, first, reach = 1, 1, 0, network.side // 2
    for name in networks.evaluated_layers(networks.select_layers(network, (layer,))):
        kind = networks.parse_layer(name)[0]
        if kind == "conv":
            side, first = side + 2 * reach * stride, first - reach * stride
        elif kind == "pool":
            side, stride = side + stride, 2 * stride
    return ReceptiveField(side, stride, first)


def strongest_positions(
    responses: Sequence[np.ndarray], count: int, apart: int
) -> list[tuple[int, int, int]]:
    """Where a feature map is excited most.

    Args:
      responses: of each picture, `[H, W]`.
      count: how many places are wanted.
      apart: positions that two places of a picture differ by at least, along one of the axes.

    Returns:
      Picture, row and column of each place, the strongest first.
    """
    left, found = [np.array(response, np.float64) for response in responses], []
    for _ in range(count):
        picture = int(np.argmax([response.max() for response in left]))
        row, column = (
            int(i) for i in np.unravel_index(left[picture].argmax(), left[picture].shape)
        )
        if not np.isfinite(left[picture][row, column]):
            break
        found.append((picture, row, column))
        left[picture][
            max(0, row - apart + 1) : row + apart, max(0, column - apart + 1) : column + apart
        ] = -np.inf
    return found


def cut_patch(picture: np.ndarray, field: ReceptiveField, row: int, column: int) -> np.ndarray:
    """The part of a picture that a position sees, `[side, side, 3]`; what is beyond the border is mirrored."""
    begin = [field.first + field.stride * position for position in (row, column)]
    rows, columns = (np.arange(start, start + field.side) for start in begin)
    return picture[reflect(rows, picture.shape[0])][:, reflect(columns, picture.shape[1])]


def reflect(places: np.ndarray, size: int) -> np.ndarray:
    """Places beyond 0 ... size - 1, reflected there as often as it takes."""
    period = max(1, 2 * (size - 1))
    places = places % period
    return np.minimum(places, period - places)


def strongest_patches(pictures: Sequence[np.ndarray], config: configs.Config) -> np.ndarray:
    """The patches of pictures that excite the feature map `config.excite` most, in a square, the strongest first.

    Raises:
      UserError: no such layer or channel.
    """
    layer, channel = configs.parse_feature_map(config.excite)
    network, variables = loading.load_network(config, (layer,))
    apply = jax.jit(network.apply, compiler_options=xla_options.compiler_options(often=False))
    pictures = [input_images.resize_input(picture, config.size) for picture in pictures]
    responses = [np.asarray(apply(variables, picture)[layer][..., channel]) for picture in pictures]
    field = receptive_field(network.network, layer)
    places = strongest_positions(responses, COUNT, max(1, field.side // (2 * field.stride)))
    return _square(
        [cut_patch(pictures[picture], field, row, column) for picture, row, column in places]
    )


def _square(patches: list[np.ndarray]) -> np.ndarray:
    columns = int(np.ceil(len(patches) ** 0.5))
    patches = [
        patch.repeat(-(-SHOWN // len(patch)), 0).repeat(-(-SHOWN // len(patch)), 1)
        for patch in patches
    ]
    framed = [np.pad(patch, ((0, GAP), (0, GAP), (0, 0)), constant_values=1.0) for patch in patches]
    framed += [np.ones_like(framed[0])] * (-len(framed) % columns)
    return np.concatenate(
        [np.concatenate(framed[i : i + columns], 1) for i in range(0, len(framed), columns)]
    )
