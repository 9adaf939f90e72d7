"""What every reader of a checkpoint returns: layers in order, whose numbers are still in the file."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Tensor(NamedTuple):
    """Numbers in a file: their shape is known, and they are read when asked for."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


class Layer(NamedTuple):
    """A convolution and its batch norm."""

    name: str  # in the file
    kernel: Tensor  # [D, C, 3, 3] or [3, 3, C, D], as the checkpoint says
    bias: Tensor | None
    norm: dict[str, Tensor] | None = None  # scale, bias, mean, var: [D] each
    epsilon: float = 1e-5  # of the variance


class Preprocessing(NamedTuple):
    """An image, RGB in [0, 1], enters the network as `(image - mean) / deviation`."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    bgr: bool  # whether the first kernel's input channels are blue, green, red


class Checkpoint(NamedTuple):
    """What a file holds of a VGG network."""

    layers: list[Layer]
    hwio: bool  # whether kernels are [3, 3, C, D]
    preprocessing: str  # a row of `PREPROCESSINGS`
    folded: bool = False  # whether the batch norms are already in the convolutions


def bytes_of_colours(mean: tuple[float, float, float]) -> Preprocessing:
    """Images in 0..255, blue first, less a mean that is given red first."""
    return Preprocessing(tuple(value / 255 for value in mean), (1 / 255,) * 3, True)


PREPROCESSINGS = {
    "torchvision": Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), False),
    "keras": bytes_of_colours((123.68, 116.779, 103.939)),
    "gatys": bytes_of_colours((0.48501961 * 255, 0.45795686 * 255, 0.40760392 * 255)),
}
