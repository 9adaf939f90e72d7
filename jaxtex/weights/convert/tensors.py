"""Checkpoints as the readers return them: layers in order, whose values are still in the file."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Tensor(NamedTuple):
    """A tensor in a file.

    Attributes:
      shape: its shape.
      read: returns its values.
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


class Layer(NamedTuple):
    """A convolution and the batch norm that follows it.

    Attributes:
      name: name of the convolution in the file.
      kernel: `[D, C, 3, 3]` or `[3, 3, C, D]`, see `Checkpoint.hwio`.
      bias: `[D]`, or None.
      norm: `{"scale", "bias", "mean", "var"}`, `[D]` each, or None.
      epsilon: added to the variance by the batch norm.
    """

    name: str
    kernel: Tensor
    bias: Tensor | None
    norm: dict[str, Tensor] | None = None
    epsilon: float = 1e-5


class Preprocessing(NamedTuple):
    """Preprocessing of an RGB image in [0, 1]: the network's input is `(image - mean) / deviation`.

    Attributes:
      mean: for each channel, R, G, B.
      deviation: for each channel, R, G, B.
      bgr: True if the input channels of the first kernel are blue, green, red.
    """

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    bgr: bool


class Checkpoint(NamedTuple):
    """The part of a VGG network that a file holds, without the classifier.

    Attributes:
      layers: the convolutions, in the order of evaluation.
      hwio: True if kernels are `[3, 3, C, D]`, False if they are `[D, C, 3, 3]`.
      preprocessing: a row of `PREPROCESSINGS`.
      folded: True if the batch norms are merged into the convolutions.
    """

    layers: list[Layer]
    hwio: bool
    preprocessing: str
    folded: bool = False


def _byte_values(red: float, green: float, blue: float) -> Preprocessing:
    """Returns the preprocessing of networks that take images in 0..255, BGR, minus this mean."""
    return Preprocessing((red / 255, green / 255, blue / 255), (1 / 255,) * 3, True)


PREPROCESSINGS = {
    "torchvision": Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), False),
    "keras": _byte_values(123.68, 116.779, 103.939),
    "gatys": _byte_values(0.48501961 * 255, 0.45795686 * 255, 0.40760392 * 255),
}
