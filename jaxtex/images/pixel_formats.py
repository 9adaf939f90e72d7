"""Pixel formats: samples of a file, as Pillow returns them -> colors and transparency."""

from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from jaxtex.images import icc

WHITE_IS_ZERO = 0  # value of the TIFF tag PhotometricInterpretation
FEW_BITS = {"L;2": 85, "L;4": 17}  # raw mode of gray -> factor by which Pillow scales it to 8 bits


class Pixels(NamedTuple):
    """An image before its color profile is applied; either `levels` or `exact` is set."""

    levels: Image.Image | None  # 8 bits per sample, of mode L, RGB, CMYK or LAB
    exact: np.ndarray | None = None  # more than 8 bits per sample: [H, W, 1 or 3] in [0, 1]
    alpha: np.ndarray | None = None  # [H, W, 1] in [0, 1]; None if opaque
    extent: tuple[float, float] | None = None  # lowest and highest value of float samples


def from_16_bit(image: Image.Image, values: np.ndarray, float_white: float = 1) -> Pixels:
    """Converts integer samples of 9 to 16 bits, or float samples.

    Args:
      image: loaded; its tags describe the samples.
      values: samples, `[H, W, 1 to 4]`: gray or RGB, with or without alpha.
      float_white: value of white if the samples are floats.

    Raises:
      ValueError: a float sample is not finite.
    """
    alpha = _key_to_alpha(values, image.info.get("transparency"))

    exact = scale(values, float_white if image.mode == "F" else _white(image))

    if exact.shape[2] in (2, 4):
        exact, alpha = exact[..., :-1], exact[..., -1:]

    photometric = _tags(image).get(ExifTags.Base.PhotometricInterpretation)
    if exact.shape[2] == 1 and photometric == WHITE_IS_ZERO:
        exact = 1 - exact
    return Pixels(None, exact, alpha, extent(values) if image.mode == "F" else None)


def scale(values: np.ndarray, white: float) -> np.ndarray:
    """Scales samples, `[H, W, C]`, to [0, 1] in float32, and cuts what is beyond.

    Args:
      values: unsigned integers or floats.
      white: value of a white sample.

    Raises:
      ValueError: a sample is not finite.
    """
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite
        exact = values.astype(np.float32)
    if values.dtype.kind == "f" and not np.isfinite(exact).all():
        raise ValueError("float samples that are not finite")
    exact /= white
    return np.clip(exact, 0, 1, out=exact)


def extent(values: np.ndarray) -> tuple[float, float]:
    """Returns the lowest and the highest of finite samples."""
    return float(values.min()), float(values.max())


def describe_cut(low: float, high: float, white: float) -> str:
    """Describes what is cut from floats; empty if no level of 255 changes.

    Args:
      low: the least value.
      high: the greatest value.
      white: the value of white; black is 0.
    """
    half_level = white / 510
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
      profile: its ICC profile. One that changes colors is applied with 8 bits per sample.

    Returns:
      `[H, W, 3]`, float32 in [0, 1]; `[H, W, 4]` with transparency.
    """
    levels = pixels.levels
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
