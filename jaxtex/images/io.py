"""Image files <-> float RGB: `[H, W, 3]`, float32, sRGB values in [0, 1]."""

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from jaxtex import errors
from jaxtex.images import builtin, decoding, encoding, file_checks
from jaxtex.runtime import files

MIN_SIDE = 32  # pixels on a side
MAX_PIXELS = 100_000_000  # pixels in all
MAX_MAPS = 16  # of one material


def load(path: str | os.PathLike, alpha: bool = False) -> np.ndarray:
    """Reads an image as a person sees it: turned as EXIF says, in sRGB, transparency over white.

    Grey and RGB of 16 bits, with or without alpha, keep them in PNG and TIFF, unless a profile other than sRGB changes the
    colours, which is done in 8 bits; so is CMYK. Float TIFFs and PFM are grey with white at 1. docs/images.md tells more.

    Args:
      path: a file of one of `decoding.FORMATS`, whatever its suffix; of several pictures in it the first is taken. Or a
        name of `exemplars.names`.
      alpha: whether transparency is kept.

    Returns:
      `[H, W, 3]`, float32 in [0, 1]; `[H, W, 4]`, if transparency is kept and there is such.

    Raises:
      UserError: no such file, no file, no image, a damaged one, or one under 32 pixels or over 100 megapixels.
    """
    name = repr(os.fspath(path))
    found = _decoded(
        path, lambda file: decoding.read(file, name, functools.partial(_validate_size, name))
    )
    if found.several:
        _warn_once(f"image {name}: there are several pictures in it; the first is taken")
    return found.image if alpha else over_white(found.image)


def over_white(image: np.ndarray) -> np.ndarray:
    """`[H, W, 4]` -> `[H, W, 3]`; what has no transparency stays as it is."""
    if image.shape[-1] == 3:
        return image
    colours, alpha = image[..., :3], image[..., 3:]
    return colours * alpha + (1 - alpha)


def load_if_readable(path: str | os.PathLike) -> np.ndarray | None:
    """A picture that can be done without, `[H, W, 3]`; None if it is not there or damaged."""
    with contextlib.suppress(errors.UserError):
        return load(path)


def read_metadata(path: str | os.PathLike) -> str:
    """What `save` noted in a file; empty if nothing.

    Raises:
      UserError: as `load`, of what is to be seen without decoding it all.
    """
    return _decoded(path, decoding.read_metadata)


def _decoded(path: str | os.PathLike, read: Callable):
    name = repr(os.fspath(path))
    with (
        file_checks.open_regular_file(builtin.resolve(path), name) as file,
        file_checks.silence_pillow(),
    ):
        try:
            return read(file)
        except errors.UserError:
            raise
        except Image.DecompressionBombError as error:
            raise errors.UserError(
                f"image {name}: too large; at most {MAX_PIXELS:,} pixels in all, please"
            ) from error
        except MemoryError as error:
            raise errors.UserError(f"image {name}: larger than the memory that is left") from error
        except Exception as error:  # decoders are anybody's code, and files anybody's bytes
            text = f"not an image, damaged, or of a rare kind; {', '.join(decoding.FORMATS)} can be read"
            raise errors.UserError(f"image {name}: {text}") from error


def save(
    path: str | os.PathLike, image: np.ndarray, bits: int = 8, durable: bool = True, note: str = ""
) -> None:
    """Writes an image in sRGB, with its profile; the file appears whole or not at all.

    Args:
      path: its suffix says as what: `.png`, `.tif` or `.tiff`, `.jpg` or `.jpeg` (quality 95, all colours at full
        resolution), `.webp` (without loss).
      image: `[H, W, 3]` in [0, 1], or with transparency `[H, W, 4]`; what is beyond is cut.
      bits: of each colour, 8; of PNG and TIFF also 16.
      durable: see `files.atomic`.
      note: text that goes into the file, ASCII; `note` reads it.

    Raises:
      UserError: another suffix, other bits, or no image.
      OSError: the file cannot be written.
    """
    image = _validate_array(image, (3, 4))
    write = encoding.choose_writer(path, bits, image.shape)
    with files.atomic(path, durable) as part:
        write(part, to_uint(image, bits), note)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """`[..., 3]` in [0, 1] -> uint8, rounded."""
    return to_uint(image, 8)


def to_uint(image: np.ndarray, bits: int) -> np.ndarray:
    """`[..., C]` in [0, 1] -> so many bits, 8 or 16: uint8 or uint16, rounded."""
    kind = np.dtype(f"uint{bits}")
    return np.round(np.clip(np.asarray(image), 0, 1) * np.iinfo(kind).max).astype(kind)


def resize(image: np.ndarray, height: int, width: int, tile: str = "") -> np.ndarray:
    """Lanczos with anti-aliasing, in float: `[H, W, C]` -> `[height, width, C]`, in [0, 1].

    Args:
      image: `[H, W, C]`.
      height: of the result.
      width: likewise.
      tile: along which axes the image goes on from its beginning: "", "x", "y" or "xy".
    """
    if image.shape[:2] == (height, width):
        return np.asarray(image, np.float32)
    if tile:
        above, left = (height if "y" in tile else 0), (width if "x" in tile else 0)
        whole = resize(repeat(image, tile, 3), height + 2 * above, width + 2 * left)
        return whole[above : above + height, left : left + width]
    planes = [
        Image.fromarray(np.asarray(image[..., c], np.float32)) for c in range(image.shape[-1])
    ]
    resized = [
        np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes
    ]
    return np.clip(np.stack(resized, -1), 0, 1)


def repeat(image: np.ndarray, tile: str, times: int) -> np.ndarray:
    """The image so often along each axis of `tile`, see `resize`."""
    return np.tile(image, (times if "y" in tile else 1, times if "x" in tile else 1, 1))


def resize_shorter_side(image: np.ndarray, size: int) -> np.ndarray:
    """Resized so that the shorter side has `size` pixels; 0 leaves it as it is.

    Raises:
      UserError: the longer side is so long that there would be over 100 million pixels.
    """
    height, width = image.shape[:2]
    factor = size / min(height, width) if size else 1
    high, wide = max(1, round(height * factor)), max(1, round(width * factor))
    if high * wide > max(MAX_PIXELS, height * width):
        sizes = f"{width} x {height} become {wide} x {high} pixels"
        raise errors.UserError(f"--size={size}: {sizes}; at most {MAX_PIXELS:,}, please")
    return resize(image, high, wide)


def tile(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Repeated or cut to `[height, width, 3]`."""
    rows, columns = np.arange(height) % image.shape[0], np.arange(width) % image.shape[1]
    return image[rows][:, columns]


def validate(image: np.ndarray) -> np.ndarray:
    """The image as float32, if it is one; further maps and transparency are further channels, see `materials`.

    Raises:
      UserError: not `[H, W, 3 k]` or `[H, W, 3 k + 1]`, under 32 pixels on a side, or values that are no numbers in [0, 1].
    """
    image = _validate_array(image, [count for count in range(3, 3 * MAX_MAPS + 2) if count % 3 < 2])
    _validate_size("'given'", image.shape[1], image.shape[0])
    if not (image.min() >= 0 and image.max() <= 1):
        raise errors.UserError(f"an image has values in [0, 1], not {image.min()} to {image.max()}")
    return image


def _validate_array(image: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Any array as `[H, W, C]`, float32, of finite values; whole numbers other than 0 and 1 are levels, and refused."""
    try:
        image = np.asarray(image)
    except (ValueError, TypeError) as error:
        raise errors.UserError("an image is an array, [H, W, 3]") from error
    if image.ndim != 3 or image.shape[2] not in counts or 0 in image.shape:
        raise errors.UserError(f"an image is [H, W, 3], not {list(image.shape)}")
    if image.dtype.kind not in "fiub":
        raise errors.UserError(f"an image has values in [0, 1], not {image.dtype}")
    low, high = image.min(), image.max()
    if not (np.isfinite(low) and np.isfinite(high)) or (
        image.dtype.kind in "iu" and not 0 <= low <= high <= 1
    ):
        raise errors.UserError(f"an image has values in [0, 1], not {low} to {high}")
    with np.errstate(over="ignore"):
        return image.astype(np.float32)


@functools.cache
def _warn_once(text: str) -> None:
    """A warning, once, through what the commands log with."""
    logging.getLogger(__name__).warning(text)


def _validate_size(name: str, width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise errors.UserError(
            f"image {name}: {width} x {height} pixels; at least {MIN_SIDE} on each side, please"
        )
    if width * height > MAX_PIXELS:
        raise errors.UserError(
            f"image {name}: {width} x {height} pixels; at most {MAX_PIXELS:,} in all, please"
        )
