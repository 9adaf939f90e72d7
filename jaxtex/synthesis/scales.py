"""Scales of a synthesis: the image from small to full size, each scale twice the one before."""

from typing import NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.losses import targets
from jaxtex.runtime import sharding
from jaxtex.synthesis import input_images, memory_budget
from jaxtex.synthesis import settings as choices

COARSEST = 96  # pixels: `scales=0` halves down to this side


class Scale(NamedTuple):
    """Size of the image at one scale.

    Attributes:
      factor: the result is that many times as large.
      height: rows, in pixels; at least those of the result divided by `factor`.
      width: columns, in pixels.
      row_devices: devices that share the rows.
      strip: rows that are evaluated at once, 0 for the whole image.
    """

    factor: int
    height: int
    width: int
    row_devices: int
    strip: int


def build_scales(
    spec: targets.LossSpec, inputs: input_images.Inputs, settings: choices.Settings
) -> list[Scale]:
    """Builds the scales, from coarse to fine.

    Args:
      spec: the loss.
      inputs: exemplars and the size of the result.
      settings: `scales`, `strips` and the devices.

    Raises:
      UserError: strips do not match the scales or the loss, or memory is too small.
    """
    config, layout = settings.config, settings.layout
    factors = scale_factors(inputs.shortest_side, config.scales)
    strips = list(settings.strips)
    if len(strips) not in (1, len(factors)):
        raise errors.UserError(
            f"--strips={config.strips}: {len(strips)} values for {len(factors)} scales; give one "
            "for all scales, or one for each"
        )
    if len(strips) == 1:
        strips = strips * len(factors)

    masked = bool(inputs.masks)
    full_size = (inputs.height, inputs.width)
    full_devices = sharding.row_devices(layout, inputs.height)
    full_strip = memory_budget.choose_strip(spec, strips[-1], full_size, full_devices, masked)
    memory_budget.validate_memory(spec, inputs.styles, full_size, full_strip, full_devices)

    scales = []
    for factor, strip in zip(factors, strips, strict=True):
        height, width = reduced_size(inputs, factor)
        devices = sharding.row_devices(layout, height)
        height, width = memory_budget.padded_size(spec, height, width, devices)
        rows = memory_budget.choose_strip(spec, strip, (height, width), devices, masked)
        scales.append(Scale(factor, height, width, devices, rows))
    return scales


def reduced_size(inputs: input_images.Inputs, factor: int) -> tuple[int, int]:
    """Returns height and width of the result, divided by a factor and rounded up.

    Args:
      inputs: have the size of the result.
      factor: of the scale.
    """
    return -(-inputs.height // factor), -(-inputs.width // factor)


def reduce_image(image: np.ndarray, factor: int) -> np.ndarray:
    """Reduces an image, to no less than `images.MIN_SIDE` pixels on a side.

    Args:
      image: `[H, W, C]` in [0, 1].
      factor: by which each side is divided.
    """
    height, width = (max(images.MIN_SIDE, round(side / factor)) for side in image.shape[:2])
    return images.resize(image, height, width)


def scale_factors(side: int, scales: int) -> list[int]:
    """Returns how many times the result is larger than each scale, such as `[4, 2, 1]`.

    Args:
      side: shortest side of exemplars and result, in pixels.
      scales: number of scales; 0 halves down to `COARSEST` pixels.

    Raises:
      UserError: the coarsest scale would have fewer than `images.MIN_SIDE` pixels.
    """
    most = (side // images.MIN_SIDE).bit_length()
    if scales > most:
        raise errors.UserError(
            f"--scales={scales}: {side} pixels allow at most {most} scales, so that the coarsest "
            f"has {images.MIN_SIDE} pixels"
        )
    number = scales or max(1, (side // COARSEST).bit_length())
    return [2**scale for scale in reversed(range(number))]
