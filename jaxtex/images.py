"""Image files <-> float RGB: `[H, W, 3]`, float32, sRGB values in [0, 1]."""

import io
import os
import pathlib
import struct

import numpy as np
from PIL import Image, ImageCms, ImageOps

from jaxtex import errors, files

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
SMALLEST = 32  # pixels on a side
LARGEST = 100_000_000  # pixels in all
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, EOFError, struct.error, MemoryError, Image.DecompressionBombError)


def load(path: str | os.PathLike) -> np.ndarray:
    """Reads an image as a person sees it: turned as EXIF says, in sRGB, 16 bits scaled, transparency over white.

    Args:
      path: a file of one of `FORMATS`; of an animation the first frame is taken.

    Returns:
      `[H, W, 3]`, float32 in [0, 1].

    Raises:
      UserError: no such file, a folder, no image, a damaged one, or one under 32 pixels or over 100 megapixels.
    """
    if not pathlib.Path(path).is_file():
        reason = "is a folder; a file, please" if pathlib.Path(path).is_dir() else "no such file"
        raise errors.UserError(f"image '{path}': {reason}")
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(path, *image.size)
            return _to_array(ImageOps.exif_transpose(image))
    except errors.UserError:
        raise
    except _BROKEN as error:
        text = "empty" if not os.path.getsize(path) else "not an image, or damaged"
        raise errors.UserError(f"image '{path}': {text}; {', '.join(FORMATS)} can be read") from error


def save(path: str | os.PathLike, image: np.ndarray, durable: bool = True) -> None:
    """Writes `[H, W, 3]` in [0, 1] as 8 bits, by the path's suffix; the file appears whole or not at all, see `files`."""
    path = pathlib.Path(path)
    with files.atomic(path, durable) as part:
        Image.fromarray(to_bytes(image)).save(part, format=Image.registered_extensions()[path.suffix.lower()])


def to_bytes(image: np.ndarray) -> np.ndarray:
    """`[..., 3]` in [0, 1] -> uint8, rounded."""
    return np.round(np.clip(np.asarray(image), 0, 1) * 255).astype(np.uint8)


def resize(image: np.ndarray, height: int, width: int, tile: str = "") -> np.ndarray:
    """Lanczos with anti-aliasing, in float: `[H, W, 3]` -> `[height, width, 3]`, in [0, 1].

    Args:
      image: `[H, W, 3]`.
      height: of the result.
      width: likewise.
      tile: along which axes the image goes on from its beginning: "", "x", "y" or "xy".
    """
    if image.shape[:2] == (height, width):
        return np.asarray(image, np.float32)
    if tile:
        above, left = (height if "y" in tile else 0), (width if "x" in tile else 0)
        whole = resize(repeated(image, tile, 3), height + 2 * above, width + 2 * left)
        return whole[above : above + height, left : left + width]
    planes = [Image.fromarray(np.asarray(image[..., c], np.float32)) for c in range(3)]
    resized = [np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes]
    return np.clip(np.stack(resized, -1), 0, 1)


def repeated(image: np.ndarray, tile: str, times: int) -> np.ndarray:
    """The image so often along each axis of `tile`, see `resize`."""
    return np.tile(image, (times if "y" in tile else 1, times if "x" in tile else 1, 1))


def shorter_side(image: np.ndarray, size: int) -> np.ndarray:
    """Resized so that the shorter side has `size` pixels; 0 leaves it as it is."""
    height, width = image.shape[:2]
    factor = size / min(height, width) if size else 1
    return resize(image, max(1, round(height * factor)), max(1, round(width * factor)))


def tile(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Repeated or cut to `[height, width, 3]`."""
    rows, columns = np.arange(height) % image.shape[0], np.arange(width) % image.shape[1]
    return image[rows][:, columns]


def check(image: np.ndarray) -> np.ndarray:
    """The image as float32, if it is one.

    Raises:
      UserError: not `[H, W, 3]`, under 32 pixels on a side, or values that are no numbers in [0, 1].
    """
    image = np.asarray(image, np.float32)
    if image.ndim != 3 or image.shape[2] != 3:
        raise errors.UserError(f"an image is [H, W, 3], not {list(image.shape)}")
    _check_size("given", image.shape[1], image.shape[0])
    if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise errors.UserError(f"an image has values in [0, 1], not {image.min()} to {image.max()}")
    return image


def _check_size(path, width: int, height: int) -> None:
    if min(width, height) < SMALLEST:
        raise errors.UserError(f"image '{path}': {width} x {height} pixels; at least {SMALLEST} on each side, please")
    if width * height > LARGEST:
        raise errors.UserError(f"image '{path}': {width} x {height} pixels; at most {LARGEST:,} in all, please")


def _to_array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, np.float32) / (65535 if image.mode.startswith("I") else 1)
        return np.repeat(np.clip(grey, 0, 1)[..., None], 3, -1)
    image = _to_srgb(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"), np.float32) / 255


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except ImageCms.PyCMSError:
        return image  # a profile that cannot be read says nothing
