"""Reading, writing, validating and resizing of images: `[H, W, 3]`, float32, sRGB in [0, 1].

This module opens files, applies the size limits and reports every failure as one `UserError`. The
formats that are read are in `decoding`, the formats that are written in `encoding`.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, TypeVar

import numpy as np
from PIL import Image

from jaxtex import errors
from jaxtex.images import arrays, builtin, decoding, encoding, file_checks, pixel_formats
from jaxtex.runtime import files, plain_values

MIN_SIDE = 32  # pixels on the shorter side: five poolings leave one
MAX_PIXELS = file_checks.MAX_PIXELS
AXES = ("", "x", "y", "xy")  # along which an image may be periodic
MAX_PATH = 4096  # bytes
MAX_MAPS = 16  # texture maps of one material, see `texture_maps`
MAPS = tuple(count for count in range(3, 3 * MAX_MAPS + 2) if count % 3 < 2)  # channels of maps

T = TypeVar("T")


def load(path: str | os.PathLike, alpha: bool = False, white: float | None = None) -> np.ndarray:
    """Reads an image as a viewer shows it: upright, in sRGB, transparency over white.

    Gray and RGB with 16 bits per sample, with or without alpha, keep all bits in PNG and TIFF.
    CMYK, and files with a color profile other than sRGB, are converted with 8 bits. Floats within
    [0, 1] are colors; others are scaled by their own range, see `value_range`, with a warning.
    docs/images.md has the details.

    Args:
      path: file in one of `decoding.FORMATS`, whatever its suffix; of several images in it the
        first is read. Or the name of a built-in image, see `builtin.names`.
      alpha: whether to keep transparency as a fourth channel.
      white: value of white in files of floats, such as 255; what is below 0 or above it is cut,
        with a warning. Without effect on other files.

    Returns:
      `[H, W, 3]`, float32 in [0, 1]; `[H, W, 4]` if `alpha` is set and the file has transparency.

    Raises:
      UserError: the file is missing, not a regular file, not an image or damaged, or the image has
        fewer than `MIN_SIDE` pixels on a side or more than `MAX_PIXELS` in total, or `white` is not
        positive.
    """
    name = _name(path)
    if white is not None:
        fits = "must be a positive number"
        white = plain_values.convert("white", white, plain_values.to_float, fits)
        if not encoding.LEAST <= white <= encoding.LARGEST:
            raise errors.UserError(f"white={white}: {fits} of float32")

    decoded = _decode(path, white)
    if decoded.has_more:
        errors.warn_once(f"image {name}: contains several images; reading the first")
    if decoded.floats is not None and (text := pixel_formats.describe(decoded.floats, white)):
        errors.warn_once(f"image {name}: {text}")
    if decoded.image.shape[2] == 4 and not decoded.image[..., 3].any():
        errors.warn_once(f"image {name}: is transparent everywhere, so nothing of it is seen")
    return decoded.image if alpha else pixel_formats.over_white(decoded.image)


def value_range(path: str | os.PathLike) -> tuple[float, float] | None:
    """Returns the values of a file of floats that `load` maps to 0 and 1; None for other files.

    Raises:
      UserError: as `load`.
    """
    floats = _decode(path, None).floats
    return None if floats is None else floats.values


def load_if_readable(path: str | os.PathLike) -> np.ndarray | None:
    """Reads an image, `[H, W, 3]`, or returns None if it is missing or damaged."""
    with contextlib.suppress(errors.UserError):
        return load(path)
    return None


def read_metadata(path: str | os.PathLike) -> str:
    """Reads the text that `save` stored in a file; empty if it has none.

    Raises:
      UserError: as `load`, except for damage that only decoding the pixels reveals.
    """
    return _read(path, decoding.read_metadata)


def save(
    path: str | os.PathLike,
    image: np.ndarray,
    bits: int = 8,
    durable: bool = True,
    note: str = "",
    values: Sequence[float] | None = None,
) -> None:
    """Writes an image in sRGB with its profile; the file appears completely or not at all.

    Args:
      path: its suffix chooses the format: `.png`, `.tif` or `.tiff`, `.jpg` or `.jpeg` (quality 95,
        full color resolution), `.webp` (lossless).
      image: `[H, W, 3]` in [0, 1], or `[H, W, 4]` with transparency.
      bits: per sample: 8, 16 for PNG and TIFF, or 32 for a TIFF of floats.
      durable: see `files.atomic`.
      note: ASCII text to store in the file's metadata; `read_metadata` returns it. A JPEG has at
        most 65000 letters; a longer note is left out, with a warning.
      values: floats that 0 and 1 are written as, such as the `value_range` of the exemplar.

    Raises:
      UserError: the suffix or the bits are not supported, or the array is not an image, or the note
        no text in ASCII.
      OSError: the file cannot be written.
    """
    if not isinstance(path, str | bytes | os.PathLike):
        kind = type(path).__name__
        raise errors.UserError(f"output: must be a path, got {kind}; save_image(path, image)")
    path = os.fsdecode(path)
    bits = plain_values.convert("bits", bits, plain_values.to_whole, "must be 8 bits, 16 or 32")
    image = arrays.check(image, arrays.RGB_OR_RGBA)
    write = encoding.choose_writer(path, bits, image.shape)
    black_and_white = encoding.check_values(values, bits)
    note = encoding.check_note(path, note)
    pixels = image if bits == encoding.FLOAT_BITS else arrays.to_uint(image, bits)
    with files.atomic(path, durable) as part:
        write(part, pixels, note, black_and_white)


def resize(image: np.ndarray, height: int, width: int, tile: str = "") -> np.ndarray:
    """Resizes an image with an anti-aliased Lanczos filter, in float.

    Args:
      image: `[H, W, C]` in [0, 1].
      height: of the result, in pixels.
      width: of the result, in pixels.
      tile: axes along which the image is periodic, "", "x", "y" or "xy"; the filter wraps around.

    Returns:
      `[height, width, C]`, float32, clipped to [0, 1].

    Raises:
      UserError: the image, a side or the axes cannot be used.
    """
    image = arrays.check(image, arrays.ANY)
    height = plain_values.whole_number("height", height, (1, MAX_PIXELS))
    width = plain_values.whole_number("width", width, (1, MAX_PIXELS))
    if height * width > max(MAX_PIXELS, image.shape[0] * image.shape[1]):
        text = f"{width} x {height} pixels; must be at most {MAX_PIXELS:,} in total"
        raise errors.UserError(f"resized image: {text}")
    if tile not in AXES:
        raise errors.UserError(f"tile={plain_values.describe(tile)}: must be empty, x, y or xy")
    return interpolate(image, height, width, tile)


def interpolate(image: np.ndarray, height: int, width: int, tile: str = "") -> np.ndarray:
    """Resizes as `resize`, without its checks: NaN, of a failed image of a batch, stays."""
    if image.shape[:2] == (height, width):
        return image
    if not tile:
        return _resize(image, height, width)
    above = height if "y" in tile else 0
    left = width if "x" in tile else 0
    repeated = _resize(_repeat(image, tile, 3), height + 2 * above, width + 2 * left)
    return repeated[above : above + height, left : left + width]


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes each channel of `[H, W, C]`, and clips what the filter overshoots."""
    planes = []
    for channel in range(image.shape[-1]):
        plane = Image.fromarray(image[..., channel])
        planes.append(np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)))
    return np.clip(np.stack(planes, -1), 0, 1)


def repeat(image: np.ndarray, tile: str, times: int) -> np.ndarray:
    """Repeats an image along its periodic axes.

    Args:
      image: `[H, W, C]`.
      tile: axes to repeat along: "", "x", "y" or "xy".
      times: number of copies per axis.

    Returns:
      `[H or times H, W or times W, C]`.
    """
    return _repeat(arrays.check(image, arrays.ANY), tile, times)


def _repeat(image: np.ndarray, tile: str, times: int) -> np.ndarray:
    rows = times if "y" in tile else 1
    columns = times if "x" in tile else 1
    return np.tile(image, (rows, columns, 1))


def resize_shorter_side(image: np.ndarray, size: int) -> np.ndarray:
    """Resizes an image to a length of its shorter side, keeping its proportions.

    Args:
      image: `[H, W, C]` in [0, 1].
      size: of the shorter side, in pixels; 0 keeps the image's own.

    Returns:
      `[H', W', C]` with `min(H', W') == size`.

    Raises:
      UserError: the result would have more than `MAX_PIXELS`.
    """
    image = arrays.check(image, arrays.ANY)
    size = plain_values.whole_number("size", size, (0, MAX_PIXELS))
    height, width = image.shape[:2]
    factor = size / min(height, width) if size else 1
    new_height = max(1, round(height * factor))
    new_width = max(1, round(width * factor))

    # An image that is larger already may keep its size or shrink.
    if new_height * new_width > max(MAX_PIXELS, height * width):
        sizes = f"{width} x {height} become {new_width} x {new_height} pixels"
        raise errors.UserError(f"--size={size}: {sizes}; must be at most {MAX_PIXELS:,} in total")
    return resize(image, new_height, new_width)


def validate(image: Any, channels: Sequence[int] = MAPS, what: str = "an image") -> np.ndarray:
    """Validates an image and converts it to float32, as `arrays.check`.

    Args:
      image: k texture maps, `[H, W, 3 k]` in [0, 1], or `[H, W, 3 k + 1]` with alpha in the last
        channel; see `texture_maps`.
      channels: allowed numbers of channels.
      what: begins the message of an error.

    Returns:
      The same values, float32.

    Raises:
      UserError: the array has another shape, fewer than `MIN_SIDE` pixels on a side, or values
        outside [0, 1].
    """
    image = arrays.check(image, channels, what)
    _validate_size("'given'", image.shape[1], image.shape[0])
    return image


def _name(path: str | os.PathLike) -> str:
    """Returns a path in quotes, for messages; raises `UserError` for what is not a path."""
    if not isinstance(path, str | bytes | os.PathLike):
        kind = type(path).__name__
        raise errors.UserError(
            f"image: must be a path, or the name of a built-in image, got {kind}"
        )
    if isinstance(path, bytes) and (b"\0" in path or len(path) > MAX_PATH):
        raise errors.UserError("image: must be a path, got bytes that are the contents of a file")
    return repr(os.fspath(path))


def _decode(path: str | os.PathLike, white: float | None) -> decoding.Decoded:
    """Decodes a file; `white` as for `load`."""
    check = functools.partial(_validate_size, _name(path))
    return _read(path, lambda file: decoding.read(file, check, white))


def _read(path: str | os.PathLike, read: Callable[[BinaryIO], T]) -> T:
    """Opens an image file, reads it, and turns every failure into a `UserError`."""
    name = _name(path)
    resolved = builtin.resolve(path)
    with file_checks.open_regular_file(resolved, name) as file, file_checks.silence_pillow():
        try:
            return read(file)
        except errors.UserError:
            raise
        except file_checks.UnsupportedError as error:
            raise errors.UserError(f"image {name}: {error}") from error
        except Image.DecompressionBombError as error:
            text = f"too large; must have at most {MAX_PIXELS:,} pixels in total"
            raise errors.UserError(f"image {name}: {text}") from error
        except MemoryError as error:
            text = "does not fit in the available memory"
            raise errors.UserError(f"image {name}: {text}") from error
        except Exception as error:  # Pillow's decoders raise almost any type on a damaged file
            text = f"not an image, damaged, or of an unsupported kind{decoding.explain(error)}"
            formats = ", ".join(decoding.FORMATS)
            raise errors.UserError(f"image {name}: {text}; expected one of {formats}") from error


def _validate_size(name: str, width: int, height: int) -> None:
    """Raises unless an image of this size can be used."""
    size = f"{width} x {height} pixels"
    if min(width, height) < MIN_SIDE:
        raise errors.UserError(f"image {name}: {size}; must be at least {MIN_SIDE} on each side")
    if width * height > MAX_PIXELS:
        raise errors.UserError(f"image {name}: {size}; must be at most {MAX_PIXELS:,} in total")
