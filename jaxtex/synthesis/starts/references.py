"""References: the images that a start resembles, styles or else the content."""

import numpy as np

from jaxtex import images
from jaxtex.losses import regions
from jaxtex.synthesis import input_images
from jaxtex.synthesis.canvas import extension
from jaxtex.synthesis.starts import fine_details, spot_noise


def of(inputs: input_images.Inputs) -> list[np.ndarray]:
    """Returns the styles, or the content if there is no style."""
    if inputs.styles or inputs.content is None:
        return inputs.styles
    return [inputs.content]


def masks(inputs: input_images.Inputs) -> list[np.ndarray | None]:
    """Returns where each of the references is used; None: everywhere."""
    return list(inputs.style_masks) or [None] * len(of(inputs))


def noise_sources(inputs: input_images.Inputs, size: tuple[int, int]) -> list[spot_noise.Source]:
    """Returns what the noise at a scale is made from.

    Args:
      inputs: the images.
      size: height and width of the scale, in pixels.
    """
    reduced, used = _reduce(inputs, size)
    return [spot_noise.source_of(*each) for each in zip(reduced, used, strict=True)]


def detail_examples(inputs: input_images.Inputs, size: tuple[int, int]) -> fine_details.Examples:
    """Returns what the details that are added at a scale are taken from.

    Args:
      inputs: the images.
      size: height and width of the scale, in pixels.
    """
    return fine_details.examples_of(*_reduce(inputs, size))


def _reduce(
    inputs: input_images.Inputs, size: tuple[int, int]
) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """Returns the references at a scale, and which of their pixels are used; None: all."""
    factor = 1 / extension.factor_of(inputs.height, size[0])
    reduced: list[np.ndarray] = []
    used: list[np.ndarray | None] = []
    for image, mask in zip(of(inputs), masks(inputs), strict=True):
        height, width = (max(images.MIN_SIDE, round(side * factor)) for side in image.shape[:2])
        reduced.append(images.resize(image, height, width))
        used.append(None if mask is None else regions.white_pixels(mask, height, width))
    return reduced, used
