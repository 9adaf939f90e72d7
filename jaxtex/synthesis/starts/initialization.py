"""Initial image of a synthesis: noise, shifted copies of the exemplar, or an image."""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence

import numpy as np

from jaxtex import errors, images
from jaxtex.images import builtin, color_transfer
from jaxtex.losses import content, regions
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, scales
from jaxtex.synthesis.canvas import extension, sizes
from jaxtex.synthesis.starts import fine_details, references, shifted_copies, spot_noise

KINDS = configs.INITS
KEPT = "kept"  # the picture of which pixels are kept, with its hole filled
WHITE_NOISE = 0.02  # default standard deviation of white noise
CONTENT_NOISE = 0.005  # the same on a content
ENLARGED = 1.5  # factor of an image's pixels from which on it lacks detail
DIVERSE_NOISE = 0.032  # the same with --diversity
SPECTRUM_CONTRAST = 0.5  # default contrast of spectrum noise, in units of the exemplar's
COPIES_CONTRAST = 0.25  # the same beside shifted copies


def initial_image(
    inputs: input_images.Inputs, config: configs.Config, height: int, width: int
) -> np.ndarray:
    """Returns the initial image of the coarsest scale.

    An image with fewer than 1 / `ENLARGED` of the pixels gets the details that it lacks from noise
    with the exemplar's spectrum, which avoids hatching on smooth areas.

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
    if kind == KEPT:
        assert inputs.kept is not None
        return inputs.kept.at(height, width)["picture"]
    if kind == "spectrum":
        size = (height, width)
        sources = [] if inputs.masks else references.noise_sources(inputs, size)
        return spot_noise.unlike(sources, lambda: _spectrum_noise(inputs, config, size, rng))
    if kind == "copies":
        return _shifted_copies(inputs, config, (height, width), rng)
    if kind == "noise":
        means = [
            regions.inside(image, mask).mean((0, 1))
            for image, mask in zip(references.of(inputs), references.masks(inputs), strict=True)
        ]
        mean = _blend_regions(inputs, means, height, width) if inputs.masks else means[0]
        return add_noise(mean, inputs, config, (height, width), rng)
    if kind == "content":
        if inputs.content is None:
            raise errors.UserError(f"--init={kind}: --content is missing")
        padded = _placed(inputs, inputs.content, height, width)
        return add_noise(padded, inputs, config, (height, width), rng, CONTENT_NOISE)
    if kind == "style":
        if not inputs.styles:
            raise errors.UserError(f"--init={kind}: --style is missing")
        resized = [_placed(inputs, style, height, width) for style in inputs.styles]
        return _blend_regions(inputs, resized, height, width) if inputs.masks else resized[0]

    if inputs.material.maps:
        raise errors.UserError(
            f"--init={config.init}: with maps it must be spectrum, copies, noise or style"
        )
    image = inputs.init
    if image is None:
        if kind.isidentifier() and not os.path.exists(builtin.resolve(kind)):
            raise errors.unknown("--init", kind, [*KINDS, *builtin.names()])
        image = images.load(kind)
    sizes.warn_if_stretched("init", image.shape[:2], inputs.height, inputs.width)
    if inputs.unchanged is not None:
        enlarged = _after_frame(inputs, image, height, width)
    else:
        enlarged = _placed(inputs, image, height, width, config.tile)
    factor = height * width / (image.shape[0] * image.shape[1])
    if inputs.unchanged is None and factor > ENLARGED:
        default = dataclasses.replace(config, noise=0.0)  # `noise` is not for initial images
        noise = _spectrum_noise(inputs, default, (height, width), rng)
        details = spot_noise.missing_details(noise, image.shape[:2], config.tile)
        enlarged = np.clip(enlarged + details, 0, 1).astype(np.float32)
    gray = inputs.gray_at(height, width)
    return color_transfer.blend_gray(enlarged, gray, color_transfer.LUMINANCE)


def add_noise(
    image: np.ndarray,
    inputs: input_images.Inputs,
    config: configs.Config,
    size: tuple[int, int],
    rng: np.random.Generator,
    default: float = WHITE_NOISE,
) -> np.ndarray:
    """Adds white noise to an image.

    Args:
      image: of `size`, `[*size, C]`, or a color `[C]`.
      inputs: say where the result is gray.
      config: `noise`.
      size: height and width, in pixels.
      rng: random numbers.
      default: standard deviation, without `noise` and `diversity`.

    Returns:
      `[*size, C]` in [0, 1].
    """
    white = rng.standard_normal((*size, image.shape[-1]), np.float32)
    white = color_transfer.blend_gray(white, inputs.gray_at(*size), color_transfer.FIRST)
    deviation = config.noise or (DIVERSE_NOISE if config.diversity else default)
    return np.clip(image + deviation * white, 0, 1).astype(np.float32)


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
    return _placed(inputs, image, height, width)


def _blend_regions(
    inputs: input_images.Inputs, values: Sequence[np.ndarray], height: int, width: int
) -> np.ndarray:
    """Blends a value of each style, `[C]` or `[height, width, C]`, see `regions.blend_shares`."""
    shares = regions.blend_shares(inputs.mixtures, inputs.masks, height, width)
    blend = sum(share * value for share, value in zip(shares, values, strict=True))
    return (blend / shares.sum(0)).astype(np.float32)


def _placed(
    inputs: input_images.Inputs, image: np.ndarray, height: int, width: int, tile: str = ""
) -> np.ndarray:
    """Resizes an image to the result at a scale, and pads it as the content is padded.

    Stretched to the canvas of the scale, which may be a few pixels larger, it would not be where
    the content is.

    Args:
      inputs: have the size of the result.
      image: `[H, W, C]` in [0, 1], of any size.
      height: of the canvas, in pixels.
      width: of the canvas, in pixels.
      tile: axes along which the result is periodic. It fills the canvas there.

    Returns:
      `[height, width, C]`.
    """
    factor = extension.factor_of(inputs.height, height)
    rows, columns = scales.reduced_sides((inputs.height, inputs.width), factor)
    rows = height if "y" in tile else min(rows, height)
    columns = width if "x" in tile else min(columns, width)
    return content.pad_to(images.resize(image, rows, columns, tile), height, width)


def scale_details(
    inputs: input_images.Inputs, config: configs.Config, sizes: Sequence[tuple[int, int]]
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Returns what is added when the image is enlarged from each scale to the next.

    After a start from spectrum noise or copies these are details of the exemplars, after one from
    the content, or from a picture that is kept, its own; otherwise nothing is added.

    Args:
      inputs: exemplars and content.
      config: `init`, `seed` and `tile`.
      sizes: height and width of each scale, from coarse to fine.

    Returns:
      A function for each size but the first: the image of the scale before after `extension.fit`
      -> what is added after doubling it, `[height, width, C]`. Empty if nothing is added.
    """
    kind, kept = _kind(inputs, config), inputs.kept
    pictures: list[np.ndarray] = []
    if kind == KEPT and kept is not None:
        pictures = [kept.extended(size).at(*size)["picture"] for size in sizes[1:]]
    if kind == "content" and inputs.content is not None:
        pictures = [_placed(inputs, inputs.content, *size) for size in sizes[1:]]
    if pictures:
        return [
            functools.partial(_details_of_picture, picture, config.tile) for picture in pictures
        ]
    if kind not in ("spectrum", "copies"):
        return []
    return [functools.partial(_details_of, inputs, size, config.tile) for size in sizes[1:]]


def _details_of(
    inputs: input_images.Inputs, size: tuple[int, int], tile: str, image: np.ndarray
) -> np.ndarray:
    """Returns details of the exemplars for an image that is enlarged to a size."""
    return fine_details.missing_from(image, size, references.detail_examples(inputs, size), tile)


def _details_of_picture(picture: np.ndarray, tile: str, halved: np.ndarray) -> np.ndarray:
    """Returns the details of a picture that an image of half the size lacks."""
    return spot_noise.missing_details(picture, halved.shape[:2], tile)


def _kind(inputs: input_images.Inputs, config: configs.Config) -> str:
    """Returns `config.init`, or its default.

    A style transfer starts from its content, so that light and arrangement are the content's. A
    content without a style is reconstructed from white noise.
    """
    if inputs.kept is not None and config.init not in KINDS:
        return KEPT  # an image is the picture that is kept
    if config.init:
        return config.init
    if inputs.content is None or not config.content_weight:
        return "spectrum"
    return "content" if inputs.is_transfer(config) else "noise"


def _spectrum_noise(
    inputs: input_images.Inputs,
    config: configs.Config,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns noise with the spectrum of the exemplars, or of the content, at a scale."""
    sources = references.noise_sources(inputs, size)
    contrast = config.noise or SPECTRUM_CONTRAST
    if inputs.masks:
        noises = [
            spot_noise.random_phase([source], [1.0], size, contrast, rng, config.tile)
            for source in sources
        ]
        return _blend_regions(inputs, noises, *size)
    weights = inputs.weights or [1.0]
    return spot_noise.random_phase(sources, weights, size, contrast, rng, config.tile)


def copies_in_phase(inputs: input_images.Inputs) -> bool:
    """Returns whether copies meet the borders as in the exemplar; small results would repeat it.

    Args:
      inputs: have the size of the result.
    """
    return min(inputs.height, inputs.width) >= spot_noise.LARGE


def _shifted_copies(
    inputs: input_images.Inputs,
    config: configs.Config,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns the mean of shifted copies of the exemplar at a scale, with noise."""
    if not inputs.styles:
        raise errors.UserError("--init=copies: --style is missing")
    contrast = config.noise or COPIES_CONTRAST
    in_phase = copies_in_phase(inputs)
    starts = [
        shifted_copies.with_noise(source, size, contrast, rng, config.tile, in_phase)
        for source in references.noise_sources(inputs, size)
    ]
    return _blend_regions(inputs, starts, *size) if inputs.masks else starts[0]
