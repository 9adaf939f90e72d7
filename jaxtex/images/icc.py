"""ICC color profiles: the profile that jaxtex writes, and conversion to sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

SPACES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}  # color space of a profile -> mode of Pillow
CREATED = slice(24, 36)  # bytes of the creation time in the header of a profile
FIXED_TIME = b"\x07\xea\0\1\0\1" + bytes(6)  # 2026-01-01: equal images give equal files
SAME = 1  # levels of 255 by which a profile may differ from sRGB and count as sRGB


@functools.cache
def srgb() -> bytes:
    """Returns the sRGB profile that is embedded in written files, with a fixed creation time."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[: CREATED.start] + FIXED_TIME + profile[CREATED.stop :]


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Converts an image to sRGB.

    Args:
      image: of mode L, RGB, CMYK or LAB.
      profile: of the file. A broken profile, or one for another kind of image, is ignored; gray may
        have an RGB profile.

    Returns:
      RGB with 8 bits per sample. None if nothing needs to change: the profile is within `SAME` of
      sRGB, or there is no profile and the image is neither CMYK nor LAB.
    """
    try:
        return _convert(image, profile)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image.convert("RGB") if image.mode == "CMYK" else None


def _convert(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Converts as `to_srgb`, but raises on a profile that cannot be used."""
    if image.mode == "LAB":
        return ImageCms.applyTransform(image, _transform(ImageCms.createProfile("LAB"), "LAB"))

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
    mode = SPACES.get(source.profile.xcolor_space, "")
    if mode != image.mode and (image.mode, mode) != ("L", "RGB"):
        raise ValueError("a profile of another kind of image")

    transform = _transform(source, mode)
    if mode != "CMYK" and _is_srgb(transform, mode):
        return None
    return ImageCms.applyTransform(image.convert(mode), transform)


def _transform(source, mode: str) -> ImageCms.ImageCmsTransform:
    """Builds the transform from a profile and mode of Pillow to sRGB."""
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """True if a transform leaves colors from all over the RGB cube within `SAME` levels."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)  # 16 levels: 16 ** 3 == 64 ** 2 colors
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(64, 64, 3)
    swatch = Image.fromarray(cube).convert(mode)
    changed = np.asarray(ImageCms.applyTransform(swatch, transform), int)
    return bool(np.abs(changed - np.asarray(swatch.convert("RGB"), int)).max() <= SAME)
