"""Pixel formats: samples of a file, as Pillow returns them -> colors and transparency.

Floats have no white of their own. Those within [0, 1] are colors; others are numbers, such as
heights, and are scaled to [0, 1] by their own range, see `scale_floats`.
"""

from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from jaxtex.images import file_checks, icc

WHITE_IS_ZERO = 0  # value of the TIFF tag PhotometricInterpretation
FEW_BITS = {"L;2": 85, "L;4": 17}  # raw mode of gray -> factor by which Pillow scales it to 8 bits
UNIT = (0.0, 1.0)  # black and white of floats that are colors
HALF_LEVEL = 1 / 510  # of 255: floats that exceed [0, 1] by no more are colors
DIRECTION_ERROR = 0.05  # deviation from length 1 of a direction
DIRECTION_SHARE = 0.8  # of the pixels of a normal map that are directions
BULK = (1, 99)  # percentiles between which nearly all floats are
MIN_BULK = 1 / 8  # of the range: with less, a few values take all of the contrast
MAX_SAMPLED = 1 << 20  # values of which the percentiles are taken


class Floats(NamedTuple):
    """Range of the floats of a file."""

    black: float  # value that is 0 in the image
    white: float  # value that is 1 in the image; that of `black` if all are equal
    low: float  # the least value
    high: float  # the greatest value
    bulk: tuple[float, float]  # between which nearly all values are

    @property
    def values(self) -> tuple[float, float]:
        """Values of black and white."""
        return self.black, self.white


class Pixels(NamedTuple):
    """An image before its color profile is applied; either `levels` or `exact` is set."""

    levels: Image.Image | None  # 8 bits per sample, of mode L, RGB, CMYK or LAB
    exact: np.ndarray | None = None  # more than 8 bits per sample: [H, W, 1 or 3] in [0, 1]
    alpha: np.ndarray | None = None  # [H, W, 1] in [0, 1]; None if opaque
    floats: Floats | None = None  # range of float samples


def from_16_bit(image: Image.Image, values: np.ndarray, float_white: float | None) -> Pixels:
    """Converts integer samples of 9 to 16 bits, or float samples.

    Args:
      image: loaded; its tags describe the samples.
      values: samples, `[H, W, 1 to 4]`: gray or RGB, with or without alpha.
      float_white: value of white if the samples are floats; None: see `scale_floats`.

    Raises:
      UnsupportedError: a float sample is not finite.
    """
    if image.mode == "F":
        exact, floats = scale_floats(to_float32(values), float_white)
        return Pixels(None, exact, None, floats)

    alpha = _key_to_alpha(values, image.info.get("transparency"))
    exact = scale(values, _white(image))
    if exact.shape[2] in (2, 4):
        exact, alpha = exact[..., :-1], exact[..., -1:]

    photometric = _tags(image).get(ExifTags.Base.PhotometricInterpretation)
    if exact.shape[2] == 1 and photometric == WHITE_IS_ZERO:
        exact = 1 - exact
    return Pixels(None, exact, alpha)


def scale(values: np.ndarray, white: float) -> np.ndarray:
    """Scales samples, `[H, W, C]`, to [0, 1] in float32, and cuts what is beyond.

    Args:
      values: unsigned integers, or finite floats.
      white: value of a white sample.
    """
    exact = values.astype(np.float32)
    exact /= white
    return np.clip(exact, 0, 1, out=exact)


def to_float32(values: np.ndarray) -> np.ndarray:
    """Converts float samples, `[H, W, C]`, to float32.

    Raises:
      UnsupportedError: a sample is not finite in float32.
    """
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite
        exact = values.astype(np.float32)
    if not np.isfinite(exact).all():
        wrong = np.argwhere(~np.isfinite(exact).all(-1))  # rows and columns
        raise file_checks.UnsupportedError(
            f"NaN or infinite in {len(wrong)} pixels, the first at x={wrong[0, 1]}, "
            f"y={wrong[0, 0]}; must be finite numbers"
        )
    return exact


def scale_floats(
    values: np.ndarray, white: float | None = None, declared: tuple[float, float] | None = None
) -> tuple[np.ndarray, Floats]:
    """Scales floats to [0, 1] by the first range of these that applies.

    1. From 0 to a `white` that the user gives. What is beyond is cut.
    2. The range that the file declares, if it contains all values and reaches beyond [0, 1].
    3. [0, 1], if all values are within it: colors. Half a level of 255 beyond it is cut.
    4. [-1, 1], if the pixels are directions, of length 1, as in normal maps.
    5. From the least to the greatest value of all channels.

    Args:
      values: `[H, W, C]`, float32, finite.
      white: value of white; None without one.
      declared: least and greatest value; None without them.

    Returns:
      `[H, W, C]`, float32 in [0, 1], and the range.
    """
    low, high = float(values.min()), float(values.max())
    black, top = UNIT
    if white is not None:
        top = white
    elif declared and declared[0] <= low and high <= declared[1] and not _is_unit(*declared):
        black, top = declared
    elif not _is_unit(low, high):
        black, top = (-1.0, 1.0) if _are_directions(values) else (low, high)

    sampled = values.ravel()[:: 1 + values.size // MAX_SAMPLED]
    lower, upper = (float(value) for value in np.percentile(sampled, BULK))
    floats = Floats(black, top, low, high, (lower, upper))
    if black == 0:
        return scale(values, top), floats

    exact = np.empty_like(values)
    for channel in range(values.shape[2]):  # one by one: float64 takes twice the memory
        plane = values[..., channel].astype(np.float64)
        exact[..., channel] = (plane - black) / ((top - black) or 1.0)
    return np.clip(exact, 0, 1, out=exact), floats


def restore_floats(image: np.ndarray, values: tuple[float, float]) -> np.ndarray:
    """Undoes the scaling of `scale_floats`, up to the rounding of float32.

    Args:
      image: `[H, W, C]` in [0, 1].
      values: of black and white.
    """
    black, white = values
    return (black + image.astype(np.float64) * (white - black)).astype(np.float32)


def _is_unit(low: float, high: float) -> bool:
    return low >= -HALF_LEVEL and high <= 1 + HALF_LEVEL


def _are_directions(values: np.ndarray) -> bool:
    """True if most pixels of `[H, W, C]` are vectors of length 1, as in normal maps."""
    if values.shape[2] != 3 or np.abs(values).max() > 1 + DIRECTION_ERROR:
        return False
    deviation = np.abs(np.linalg.norm(values, axis=-1) - 1)
    return bool(np.mean(deviation < DIRECTION_ERROR) > DIRECTION_SHARE)


def describe(floats: Floats, white: float | None) -> str:
    """Describes what happened to floats; empty if they are colors, or none were cut.

    Args:
      floats: from `scale_floats`.
      white: the same as there.
    """
    if white is not None:
        return describe_cut(floats.low, floats.high, white)
    if floats.values == UNIT:
        return ""
    text = (
        f"floats from {floats.low:g} to {floats.high:g}, of which {floats.black:g} is seen as "
        f"black and {floats.white:g} as white; --output=FILE.tif --bits=32 writes the result in "
        "these values"
    )
    lower, upper = floats.bulk
    if upper - lower >= MIN_BULK * (floats.white - floats.black):
        return text
    return (
        f"{text}. 98% are from {lower:g} to {upper:g}: replace outliers and marks of missing data"
    )


def describe_cut(low: float, high: float, white: float) -> str:
    """Describes what is cut from floats; empty if no level of 255 changes.

    Args:
      low: the least value.
      high: the greatest value.
      white: the value of white; black is 0.
    """
    half_level = white * HALF_LEVEL
    if low >= -half_level and high <= white + half_level:
        return ""
    text = f"floats from {low:g} to {high:g}; cut below 0 (black) and above {white:g} (white)"
    if high <= white + half_level:
        return text
    fitting = [level for level in (255, 65535) if level // 10 < high <= level]
    likely = fitting[0] if fitting else high
    return f"{text}. If {likely:g} is white: jaxtex.load_image(path, white={likely:g})"


def from_8_bit(image: Image.Image, raw_mode: str) -> Pixels:
    """Converts samples of 1 to 8 bits.

    Args:
      image: loaded, of any mode with at most 8 bits.
      raw_mode: how the file stores the samples, see `decoding`.
    """
    if image.mode in ("1", "L", "RGB"):
        levels = image.convert("L") if image.mode == "1" else image
        key = image.info.get("transparency")
        if isinstance(key, int):
            key *= FEW_BITS.get(raw_mode, 1)
        return Pixels(levels, None, _key_to_alpha(np.atleast_3d(np.asarray(levels)), key))

    if image.mode in ("CMYK", "LAB"):
        return Pixels(image)
    if not image.has_transparency_data:
        return Pixels(image.convert("RGB"))

    # Palettes with transparency, premultiplied alpha, and plain LA and RGBA.
    gray = image.mode in ("LA", "La")
    straight = image.convert("LA" if gray else "RGBA")
    alpha = np.asarray(straight.getchannel("A"), np.float32)[..., None] / 255
    return Pixels(straight.convert("L" if gray else "RGB"), None, alpha)


def to_srgb(pixels: Pixels, profile: bytes | None) -> np.ndarray:
    """Converts pixels to sRGB.

    Args:
      pixels: the image.
      profile: its ICC profile. One that changes colors is applied with 8 bits per sample. Floats
        beyond [0, 1] are numbers, to which it does not apply.

    Returns:
      `[H, W, 3]`, float32 in [0, 1]; `[H, W, 4]` with transparency.
    """
    levels = pixels.levels
    if pixels.floats is not None and pixels.floats.values != UNIT:
        profile = None
    if pixels.exact is not None and profile:
        levels = _to_levels(pixels.exact)
    converted = None if levels is None else icc.to_srgb(levels, profile)

    if converted is None and pixels.exact is not None:
        colors = pixels.exact
    else:
        colors = np.atleast_3d(np.array(levels if converted is None else converted, np.float32))
        colors /= 255

    rgb = np.broadcast_to(colors, (*colors.shape[:2], 3))
    return rgb if pixels.alpha is None else np.concatenate([rgb, pixels.alpha], -1)


def over_white(image: np.ndarray) -> np.ndarray:
    """Composites `[H, W, 4]` over white, `[H, W, 3]`; returns an image without alpha unchanged."""
    if image.shape[-1] == 3:
        return image
    colors, alpha = image[..., :3], image[..., 3:]
    return colors * alpha + (1 - alpha)


def _white(image: Image.Image) -> int:
    """Returns the value of a white sample of integers."""
    bits = _tags(image).get(ExifTags.Base.BitsPerSample, (16,))[0]
    return 2**bits - 1


def _tags(image: Image.Image) -> dict:
    """Returns the TIFF tags of an image; empty for other formats."""
    return getattr(image, "tag_v2", {})


def _key_to_alpha(values: np.ndarray, key) -> np.ndarray | None:
    """Returns alpha, `[H, W, 1]`, where one color stands for transparency; None without a key.

    Args:
      values: samples, `[H, W, C]`.
      key: the transparent gray value or color. Bytes, the alpha of a palette, are ignored.
    """
    if not isinstance(key, int | tuple):
        return None
    return np.any(values != np.asarray(key), -1, keepdims=True).astype(np.float32)


def _to_levels(exact: np.ndarray) -> Image.Image:
    """Rounds `[H, W, 1 or 3]` in [0, 1] to 8 bits."""
    levels = np.round(exact * 255).astype(np.uint8)
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
