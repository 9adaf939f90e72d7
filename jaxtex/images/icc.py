"""ICC profiles: what a file's numbers mean as colours, told in sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

SPACES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}  # of profiles -> modes of Pillow
MADE = b"\x07\xea\0\1\0\1" + bytes(
    6
)  # 2026-01-01: lcms writes the time of the day, and files would differ by it
SAME = 1  # levels of 255 by which a profile may differ from sRGB and still be called sRGB


@functools.cache
def srgb() -> bytes:
    """The profile that is embedded in what jaxtex writes; the same bytes at any time."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + MADE + profile[36:]


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """The image in sRGB.

    Args:
      image: of mode L, RGB, CMYK or LAB.
      profile: of the file. One that is broken, or of another kind of image, says nothing; grey may have one of RGB.

    Returns:
      8 bits, RGB; None: the profile is sRGB within a level of 255, or there is none, and the image is neither CMYK nor LAB.
    """
    try:
        return _transformed(image, profile)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image.convert("RGB") if image.mode == "CMYK" else None


def _transformed(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    if image.mode == "LAB":
        return ImageCms.applyTransform(image, _transform(ImageCms.createProfile("LAB"), "LAB"))
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
    mode = SPACES[source.profile.xcolor_space] if source.profile.xcolor_space in SPACES else ""
    if mode != image.mode and (image.mode, mode) != ("L", "RGB"):
        raise ValueError("a profile of another kind of image")
    transform = _transform(source, mode)
    if mode != "CMYK" and _changes_nothing(transform, mode):
        return None
    return ImageCms.applyTransform(image.convert(mode), transform)


def _transform(source, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether colours from all over the cube stay as they are."""
    levels = np.arange(0, 256, 17, np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(64, 64, 3)
    swatch = Image.fromarray(cube).convert(mode)
    changed = np.asarray(ImageCms.applyTransform(swatch, transform), int)
    return np.abs(changed - np.asarray(swatch.convert("RGB"), int)).max() <= SAME
