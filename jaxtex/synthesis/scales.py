"""Scales of a synthesis: the image from small to full size, each scale twice the one before."""

import bisect
import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxtex import errors, images, networks, optimizers
from jaxtex.losses import targets
from jaxtex.runtime import sharding
from jaxtex.synthesis import input_images, memory_budget
from jaxtex.synthesis import settings as choices

COARSEST = 96  # pixels: `scales=0` halves down to this side
OCTAVES = {64: 3, 48: 2, 0: 1}  # cells of the coarsest layer, and more -> octaves
ENOUGH_CELLS = 32  # of the coarsest scale: it has the octaves that fit the result
MAX_SIDE = 2**16  # pixels, for a search: no image is as large


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
      UserError: strips do not match the scales or the loss, a layer has no positions, or memory is
        too small.
    """
    config, layout = settings.config, settings.layout
    factors = scale_factors(inputs.shortest_side, config.scales)
    validate_layers(spec, inputs, factors, config.style_scale)
    strips = list(settings.strips)
    if len(strips) not in (1, len(factors)):
        raise errors.UserError(
            f"--strips={config.strips}: {len(strips)} values for {len(factors)} scales; give one "
            "for all scales, or one for each"
        )
    if len(strips) == 1:
        strips = strips * len(factors)

    full_size = (inputs.height, inputs.width)
    full_devices = sharding.row_devices(layout, inputs.height)
    state_bytes = functools.partial(_state_bytes, settings.optimizer)
    full_strip = memory_budget.choose_strip(
        spec, strips[-1], full_size, full_devices, state_bytes(*full_size)
    )
    memory_budget.validate_memory(spec, inputs.styles, full_size, full_strip, full_devices)

    scales = []
    for factor, strip in zip(factors, strips, strict=True):
        height, width = reduced_size(inputs, factor)
        devices = sharding.row_devices(layout, height)
        height, width = memory_budget.padded_size(spec, height, width, devices)
        rows = memory_budget.choose_strip(
            spec, strip, (height, width), devices, state_bytes(height, width)
        )
        scales.append(Scale(factor, height, width, devices, rows))
    return scales


def _state_bytes(optimizer: optimizers.Optimizer, height: int, width: int) -> int:
    """Returns the bytes of an optimizer's state for an image."""
    image = jax.ShapeDtypeStruct((height, width, 3), np.float32)
    shapes = jax.eval_shape(functools.partial(optimizers.init_state, optimizer), image)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


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
    return images.resize(image, *reduced_sides(image.shape[:2], factor))


def reduced_sides(sides: tuple[int, ...], factor: int) -> tuple[int, int]:
    """Returns height and width of the result of `reduce_image`.

    Args:
      sides: height and width of the image, in pixels.
      factor: how many times the result is smaller, at least 1.
    """
    height, width = (max(images.MIN_SIDE, round(side / factor)) for side in sides)
    return height, width


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


def scale_octaves(settings: choices.Settings, side: int, transfer: bool = False) -> list[int]:
    """Returns the number of octaves of each scale, from coarse to fine.

    The coarsest scale has several. Each later scale has one: the scales before have matched what
    its other octaves would compare. In a style transfer what is large is the content's, so a single
    octave matches the style.

    If the last octave had few positions, its covariances would determine what is where: only the
    exemplar itself, at its place, would reach a low loss. So the number of the coarsest scale
    follows the cells of the coarsest layer along the shortest side; see docs/defaults.md.

    Args:
      settings: `octaves`, which all scales have unless it is 0, `scales` and the network.
      side: shortest side of exemplars and result, in pixels.
      transfer: True if there is a content beside the style.

    Raises:
      UserError: as `scale_factors`, or a layer is unknown.
    """
    factors = scale_factors(side, settings.config.scales)
    if settings.config.octaves or transfer:
        return [settings.config.octaves or 1] * len(factors)

    halvings = settings.halvings()
    coarsest, finest = (side // factor >> halvings for factor in (factors[0], 1))
    cells = finest if coarsest >= ENOUGH_CELLS else coarsest
    fitting = next(octaves for least, octaves in OCTAVES.items() if cells >= least)
    return [fitting] + [1] * (len(factors) - 1)


class SmallLayer(NamedTuple):
    """Layer with fewer positions than its statistics need.

    Attributes:
      image: "the style", "style 2", "the content" or "the result".
      sides: height and width of the image at its scale, in pixels.
      factor: of the scale.
      layer: name, with its octave.
      positions: height and width of the layer.
      needed: positions that it needs along each axis.
    """

    image: str
    sides: tuple[int, int]
    factor: int
    layer: str
    positions: tuple[int, int]
    needed: int


def validate_layers(
    spec: targets.LossSpec,
    inputs: input_images.Inputs,
    factors: Sequence[int],
    style_scale: float = 1.0,
) -> None:
    """Validates that no layer is too small in any image at any scale.

    Args:
      spec: the loss: octaves and poolings of its network, and its statistics.
      inputs: exemplars, content, and the size of the result.
      factors: of the scales, from coarse to fine.
      style_scale: that of the config.

    Raises:
      UserError: a layer is too small; the message says what would fit.
    """
    found = next(_small_layers(spec, spec.network, inputs, factors), None)
    if found is None:
        return

    network = spec.network
    remedies = []
    matched = [layer for term in spec.texture_terms for layer in term.layers]
    octave = networks.octave_of(found.layer)
    of_content = bool(matched) and octave > max(map(networks.octave_of, matched))
    flag = "--content_layers" if of_content else f"--octaves={network.octaves}"
    for octaves in range(network.octaves - 1, 0, -1):
        if not of_content and not any(
            _small_layers(spec, network.clone(octaves=octaves), inputs, factors)
        ):
            remedies.append(f"--octaves={octaves}")
            break
    for first in range(1, len(factors)):
        if not any(_small_layers(spec, network, inputs, factors[first:])):
            remedies.append(f"--scales={len(factors) - first}")
            break
    least = _smallest_side(spec)
    small = _small_layers(spec, network, inputs, factors)
    if style_scale < 1 and not any(each.image in ("the content", "the result") for each in small):
        enough = math.ceil(100 * style_scale * least / min(found.sides)) / 100
        remedies.append(f"--style_scale={enough:g} or larger")
    remedies.append(f"at least {least * factors[0]} pixels on each side, or another layer")

    height, width = found.sides
    rows, columns = found.positions
    lack = "has no positions"
    if found.needed > 1:
        lack = f"has {rows} x {columns} positions and needs {found.needed} x {found.needed}"
    scale = f" at the coarsest of {len(factors)} scales" if found.factor > 1 else ""
    raise errors.UserError(
        f"{flag}: layer '{found.layer}' {lack} in {found.image} of "
        f"{width} x {height} pixels{scale}: use {', or '.join(remedies)}"
    )


def _small_layers(
    spec: targets.LossSpec,
    network: networks.Pyramid,
    inputs: input_images.Inputs,
    factors: Sequence[int],
) -> Iterator[SmallLayer]:
    """Yields the layers that are too small in a network with any number of octaves."""
    least = _needed_positions(spec)
    for factor in factors:
        for image, sides in _sides_at(spec, inputs, factor):
            for layer, (rows, columns, _) in networks.feature_shapes(network, *sides).items():
                needed = least.get(layer, 1)
                if min(rows, columns) < needed:
                    yield SmallLayer(image, sides, factor, layer, (rows, columns), needed)


def _needed_positions(spec: targets.LossSpec) -> dict[str, int]:
    """Returns the positions along each axis that the statistics of a layer need."""
    least: dict[str, int] = {}
    for term in spec.texture_terms:
        for layer in term.layers:
            least[layer] = max(least.get(layer, 1), term.statistic.min_side)
    return least


def _sides_at(
    spec: targets.LossSpec, inputs: input_images.Inputs, factor: int
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yields name, height and width of each image whose features are compared at a scale."""
    numbered = len(inputs.styles) > 1
    if spec.texture_terms or "excitement" in spec.terms:
        for number, style in enumerate(inputs.styles, 1):
            name = f"style {number}" if numbered else "the style"
            yield name, reduced_sides(style.shape[:2], factor)
    if inputs.content is not None:
        yield "the content", reduced_sides(inputs.content.shape[:2], factor)
    yield "the result", reduced_size(inputs, factor)


def _smallest_side(spec: targets.LossSpec) -> int:
    """Returns the pixels on each side from which on each layer has the needed positions."""
    least = _needed_positions(spec)

    def fits(side: int) -> bool:
        shapes = networks.feature_shapes(spec.network, side, side)
        return all(min(shape[:2]) >= least.get(layer, 1) for layer, shape in shapes.items())

    return 1 + bisect.bisect_left(range(1, MAX_SIDE), True, key=fits)
