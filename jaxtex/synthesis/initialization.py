"""Initial image of a synthesis: noise with the exemplar's spectrum, white noise, or an image."""

import itertools
import math
import os
from collections.abc import Sequence

import numpy as np

from jaxtex import errors, images
from jaxtex.images import builtin, color_transfer
from jaxtex.losses import content, regions
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, scales

KINDS = ("spectrum", "noise", "style", "content")
WHITE_NOISE = 0.02  # default standard deviation of white noise
SPECTRUM_CONTRAST = 0.5  # default contrast of spectrum noise, in units of the exemplar's
TAPER = 8  # the exemplar fades over this fraction of each side


def initial_image(
    inputs: input_images.Inputs, config: configs.Config, height: int, width: int
) -> np.ndarray:
    """Returns the initial image of the coarsest scale.

    Args:
      inputs: exemplars and content.
      config: `init`, `noise`, `seed` and `tile`.
      height: rows of the image, in pixels.
      width: columns of the image, in pixels.

    Returns:
      `[height, width, C]` in [0, 1], with as many channels as the exemplar or its maps have.

    Raises:
      UserError: `config.init` is neither a kind nor an image, or needs an image that is missing.
    """
    kind = _kind(inputs, config)
    if inputs.unchanged is not None and kind in KINDS:
        raise errors.UserError(
            f"--init={config.init}: with --previous_content it must be the result of that frame"
        )
    rng = np.random.default_rng(config.seed)
    if kind == "spectrum":
        return _spectrum_noise(inputs, config, (height, width), rng)
    if kind == "noise":
        means = [image.mean((0, 1)) for image in _references(inputs)]
        mean = _blend_regions(inputs, means, height, width) if inputs.masks else means[0]
        return _add_noise(mean, inputs, config, (height, width), rng)
    if kind == "content":
        if inputs.content is None:
            raise errors.UserError(f"--init={kind}: --content is missing")
        padded = _padded(inputs, inputs.content, height, width)
        return _add_noise(padded, inputs, config, (height, width), rng)
    if kind == "style":
        if not inputs.styles:
            raise errors.UserError(f"--init={kind}: --style is missing")
        resized = [images.resize(style, height, width) for style in inputs.styles]
        return _blend_regions(inputs, resized, height, width) if inputs.masks else resized[0]

    if inputs.material.maps:
        raise errors.UserError(
            f"--init={config.init}: with maps it must be spectrum, noise or style"
        )
    image = inputs.init
    if image is None:
        if kind.isidentifier() and not os.path.exists(builtin.resolve(kind)):
            raise errors.unknown("--init", kind, [*KINDS, *builtin.names()])
        image = images.load(kind)
    input_images.warn_if_stretched("init", image.shape[:2], inputs.height, inputs.width)
    if inputs.unchanged is not None:
        image = _after_frame(inputs, image, height, width)
    image = images.resize(image, height, width, config.tile)
    gray = inputs.gray_at(height, width)
    return color_transfer.blend_gray(image, gray, color_transfer.LUMINANCE)


def _add_noise(
    image: np.ndarray,
    inputs: input_images.Inputs,
    config: configs.Config,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Adds white noise to an image of this size, or to a color `[C]`."""
    white = rng.standard_normal((*size, image.shape[-1]), np.float32)
    white = color_transfer.blend_gray(white, inputs.gray_at(*size), color_transfer.FIRST)
    return np.clip(image + (config.noise or WHITE_NOISE) * white, 0, 1).astype(np.float32)


def _after_frame(
    inputs: input_images.Inputs, result: np.ndarray, height: int, width: int
) -> np.ndarray:
    """Returns the result of the frame before, and where something moved the content in its colors.

    Without the content, a moving object would leave its old form behind.

    Args:
      inputs: content, and where it is the same.
      result: of the frame before, of any size.
      height: of the initial image, in pixels.
      width: of the initial image, in pixels.

    Returns:
      `[height, width, 3]`.
    """
    assert inputs.content is not None and inputs.unchanged is not None
    result = images.resize(result, inputs.height, inputs.width)
    gray = inputs.gray_at(inputs.height, inputs.width)
    result = color_transfer.blend_gray(result, gray, color_transfer.LUMINANCE)
    moved = color_transfer.match_color(inputs.content, result)
    image = inputs.unchanged * result + (1 - inputs.unchanged) * moved
    return _padded(inputs, image, height, width)


def _blend_regions(
    inputs: input_images.Inputs, values: Sequence[np.ndarray], height: int, width: int
) -> np.ndarray:
    """Blends a value of each style, `[C]` or `[height, width, C]`, see `regions.blend_shares`."""
    shares = regions.blend_shares(inputs.weights, inputs.masks, height, width)
    blend = sum(share * value for share, value in zip(shares, values, strict=True))
    return (blend / shares.sum(0)).astype(np.float32)


def _padded(inputs: input_images.Inputs, image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Reduces an image of the result's size to a scale, and pads it as the content is padded.

    Stretched to the size of the scale, which may be a few pixels larger, it would not be where the
    content is.

    Args:
      inputs: have the size of the result.
      image: `[inputs.height, inputs.width, C]`.
      height: of the scale, in pixels.
      width: of the scale, in pixels.
    """
    factor = 2 ** max(0, round(math.log2(inputs.height / height)))
    rows, columns = scales.reduced_sides(image, factor)
    reduced = images.resize(image, min(rows, height), min(columns, width))
    return content.pad_to(reduced, height, width)


def scale_details(
    inputs: input_images.Inputs, config: configs.Config, sizes: Sequence[tuple[int, int]]
) -> list[np.ndarray]:
    """Returns what is added when the image is enlarged from each scale to the next.

    After a start from spectrum noise these are the frequencies that the smaller image cannot hold;
    otherwise zeros.

    Args:
      inputs: exemplars and content.
      config: `init`, `noise`, `seed` and `tile`.
      sizes: height and width of each scale, from coarse to fine.

    Returns:
      An array `[height, width, C]` for each size but the first.
    """
    if _kind(inputs, config) != "spectrum":
        channels = _reference(inputs).shape[-1]
        return [np.zeros((*size, channels), np.float32) for size in sizes[1:]]

    details = []
    for number, (coarse, fine) in enumerate(itertools.pairwise(sizes), 1):
        rng = np.random.default_rng([config.seed, number])
        noise = _spectrum_noise(inputs, config, fine, rng)
        smaller = images.resize(noise, *coarse, config.tile)
        details.append(noise - images.resize(smaller, *fine, config.tile))
    return details


def _kind(inputs: input_images.Inputs, config: configs.Config) -> str:
    """Returns `config.init`, or its default.

    A style transfer starts from its content, so that light and arrangement are the content's. A
    content without a style is reconstructed from white noise.
    """
    if config.init:
        return config.init
    if inputs.content is None or not config.content_weight:
        return "spectrum"
    return "content" if inputs.is_transfer(config) else "noise"


def _reference(inputs: input_images.Inputs) -> np.ndarray:
    """Returns the first style, or the content if there is no style."""
    return _references(inputs)[0]


def _references(inputs: input_images.Inputs) -> list[np.ndarray]:
    """Returns the styles, or the content if there is no style."""
    if inputs.styles or inputs.content is None:
        return inputs.styles
    return [inputs.content]


def _spectrum_noise(
    inputs: input_images.Inputs,
    config: configs.Config,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns noise with the spectrum of the exemplars, or of the content, at a scale."""
    factor = min(1.0, size[0] / inputs.height)
    exemplars = []
    for image in _references(inputs):
        height, width = (max(images.MIN_SIDE, round(side * factor)) for side in image.shape[:2])
        exemplars.append(images.resize(image, height, width))
    contrast = config.noise or SPECTRUM_CONTRAST
    if inputs.masks:
        noises = [
            random_phase([exemplar], [1.0], size, contrast, rng, config.tile)
            for exemplar in exemplars
        ]
        return _blend_regions(inputs, noises, *size)
    return random_phase(exemplars, inputs.weights or [1.0], size, contrast, rng, config.tile)


def random_phase(
    exemplars: Sequence[np.ndarray],
    weights: Sequence[float],
    size: tuple[int, int],
    contrast: float,
    rng: np.random.Generator,
    tile: str = "",
) -> np.ndarray:
    """Returns Gaussian noise with the mean and spectrum of exemplars.

    Args:
      exemplars: `[H, W, C]`.
      weights: one for each exemplar.
      size: height and width of the noise, in pixels.
      contrast: of the noise; 1 is the contrast of the exemplars.
      rng: random numbers.
      tile: axes along which the noise is periodic, as in `images.resize`.

    Returns:
      `[*size, C]`, clipped to [0, 1].

    References:
      Galerne, Gousseau and Morel, "Random Phase Textures: Theory and Synthesis", IEEE TIP 20, 2011:
      the asymptotic discrete spot noise. One white field for all colors keeps their correlations.
      Departs from it: the exemplar fades at its border; there it is made periodic.
    """
    shares = np.asarray(weights) / np.sum(weights)
    pairs = list(zip(shares, exemplars, strict=True))
    image = sum(share * exemplar.mean((0, 1)) for share, exemplar in pairs)
    for share, exemplar in pairs:
        image = image + contrast * np.sqrt(share) * _spot_noise(exemplar, size, rng, tile)
    return np.clip(image, 0, 1).astype(np.float32)


def _spot_noise(
    exemplar: np.ndarray, size: tuple[int, int], rng: np.random.Generator, tile: str
) -> np.ndarray:
    """Returns white noise convolved with the centered exemplar: `[*size, C]`, of mean 0."""
    rows, columns = (_taper(side) for side in exemplar.shape[:2])
    window = np.outer(rows, columns)[..., None]
    spot = (exemplar - exemplar.mean((0, 1))) * window / np.sqrt(np.sum(window**2))
    for axis, name in enumerate("yx"):
        if name in tile:
            spot = _wrap(spot, axis, size[axis])

    shape = np.maximum(spot.shape[:2], size)
    white = np.fft.rfft2(rng.standard_normal(shape))[..., None]
    noise = np.fft.irfft2(np.fft.rfft2(spot, shape, (0, 1)) * white, shape, (0, 1))
    return noise[: size[0], : size[1]]


def _wrap(spot: np.ndarray, axis: int, period: int) -> np.ndarray:
    """Adds what lies beyond the period to the beginning of an axis."""
    side = spot.shape[axis]
    parts = [
        spot.take(range(start, min(start + period, side)), axis) for start in range(0, side, period)
    ]
    for part in parts[1:]:
        np.moveaxis(parts[0], axis, 0)[: part.shape[axis]] += np.moveaxis(part, axis, 0)
    return parts[0]


def _taper(side: int) -> np.ndarray:
    """Returns a window that rises from 0 to 1 over a part of the side at both ends, `[side]`."""
    positions = np.arange(side) + 0.5
    from_border = np.minimum(positions, side - positions)
    return np.sin(np.pi / 2 * np.clip(from_border / (side / TAPER), 0, 1))
