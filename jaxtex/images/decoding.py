"""Image files of every kind -> arrays as a person sees them. Pillow decodes; here is what it leaves to its callers.

Pillow knows grey of 16 bits, but of 16-bit colours it keeps the upper 8. Told that the bytes stand the other way round it
gives the lower 8: such files are decoded twice.
"""

import contextlib
import sys
import warnings
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, features

from jaxtex import errors
from jaxtex.images import encoding, file_checks, pixel_formats

FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "TIFF",
    "BMP",
    "GIF",
    "PPM",
    *(("AVIF",) if features.check("avif") else ()),
)
ORIENTATION = 0x0112  # a tag of EXIF
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}
NATIVE = {"little": "L", "big": "B"}[sys.byteorder]
LOWER = {
    "L": "B",
    "B": "L",
    "N": "B" if NATIVE == "L" else "L",
}  # the order that gives the lower bytes
DEEP = ("RGB;16", "RGBX;16", "RGBA;16")


class Decoded(NamedTuple):
    """What a file holds."""

    image: np.ndarray  # [H, W, 3], float32, sRGB in [0, 1]; [H, W, 4] with transparency
    several: bool  # there are more pictures in it


def read(file: BinaryIO, name: str, check: Callable[[int, int], None]) -> Decoded:
    """Decodes the first picture of a file.

    Args:
      file: of one of `FORMATS`, at its beginning.
      name: of the file, for errors.
      check: is shown width and height before anything is decoded, and raises if they are not wanted.

    Raises:
      UserError: it is of a kind that has no obvious white.
      Exception: any, of Pillow's, where the file is damaged.
    """
    if file.read(1) == b"P":
        file_checks.check_pnm(file)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        image = Image.open(file, formats=FORMATS)
    check(*image.size)
    if image.format == "PNG":
        image.verify()  # the checksums, which decoding does not look at
        image = Image.open(file, formats=FORMATS)
    if image.format in ("JPEG", "MPO"):
        file_checks.check_jpeg(file, name, image.size)
    if image.format == "TIFF":
        file_checks.check_tiff(image, told)
    with file_checks.silence_libtiff(file) if image.format == "TIFF" else contextlib.nullcontext():
        pixels = _pixels(*_loaded(image), file, name)
    if image.format == "PNG" and not _ends(image):
        _check_png_rows(file)
    seen = TURNS.get(_orientation(image), np.asarray)(
        pixel_formats.to_srgb(pixels, image.info.get("icc_profile"))
    )
    return Decoded(np.ascontiguousarray(seen), _several(image))


def read_metadata(file: BinaryIO) -> str:
    """What `encoding` noted in it; empty if nothing.

    Raises:
      Exception: any, of Pillow's, where the file is damaged.
    """
    image = Image.open(file, formats=FORMATS)
    return str(
        image.info.get(encoding.METADATA_KEY) or image.getexif().get(encoding.DESCRIPTION_TAG) or ""
    )


def _loaded(image: Image.Image) -> tuple[Image.Image, str]:
    """The image with its samples, and how they lie in the file: a raw mode of Pillow's, such as "RGB;16B"."""
    kind = image.tile[0].args if image.tile else ""
    kind = str(kind if isinstance(kind, str) else (kind or [""])[0])
    if kind == "F;32BF" and image.tile[0].codec_name == "libtiff":
        _take_as(
            image, "F;32NF"
        )  # libtiff gives the machine's own order, which Pillow 13 forgets here
    image.load()
    return image, kind


def _check_png_rows(file: BinaryIO) -> None:
    """The rows that a PNG does not have stay what they were before, which is black.

    Raises:
      ValueError: the last rows are such.
    """
    image = Image.open(file, formats=("PNG",))
    image.im = Image.new(image.mode, image.size, 1).im
    image.load()
    if _ends(image):
        raise ValueError("rows are missing")


def _ends(image: Image.Image) -> bool:
    """Whether there is anything but zeros in the row of a PNG that comes last; the last of the passes has the odd ones."""
    row = image.height - (2 if image.info.get("interlace") and image.height % 2 else 1)
    return bool(np.asarray(image.crop((0, row, image.width, row + 1))).any())


def _pixels(image: Image.Image, kind: str, file: BinaryIO, name: str) -> pixel_formats.Pixels:
    if image.mode == "I" and image.format != "PPM":
        raise errors.UserError(
            f"image {name}: whole numbers with a sign or of 32 bits have no white; 16 bits, please"
        )
    if kind == "LA;16B":
        raw = np.asarray(
            _decoded_as(file, "RGBA"), np.uint16
        )  # as many bits, and taken as they are
        return pixel_formats.from_16_bit(image, raw[..., 0::2] << 8 | raw[..., 1::2])
    if kind[:-1] in DEEP:
        lower = _decoded_as(file, kind[:-1] + LOWER[kind[-1]])
        return pixel_formats.from_16_bit(
            image, np.asarray(image, np.uint16) << 8 | np.asarray(lower)
        )
    if image.mode[0] in "IF":
        return pixel_formats.from_16_bit(image, np.asarray(image)[..., None])
    return pixel_formats.from_8_bit(image, kind)


def _decoded_as(file: BinaryIO, kind: str) -> Image.Image:
    """The file once more, with its samples taken as those of another raw mode."""
    image = Image.open(file, formats=FORMATS)
    _take_as(image, kind)
    image.load()
    return image


def _take_as(image: Image.Image, kind: str) -> None:
    renamed = lambda arguments: kind if isinstance(arguments, str) else (kind, *arguments[1:])
    image.tile = [tile._replace(args=renamed(tile.args)) for tile in image.tile]


def _orientation(image: Image.Image) -> int:
    """As EXIF says, 1 to 8; what is broken says 1. Pillow itself turns a TIFF."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
        return found if found in TURNS else 1
    except Exception:  # anything may be in it, and a picture is a picture without
        return 1


def _several(image: Image.Image) -> bool:
    """Frames or pages; what a camera adds to a JPEG is no picture of its own."""
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # the next picture is damaged, which is nothing to the first
        return True
