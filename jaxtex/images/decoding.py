"""Decoding: image files -> arrays as a viewer shows them. The formats that jaxtex reads.

Pillow decodes. A format is added in three steps:

1. Add Pillow's name of it to `FORMATS`.
2. If Pillow accepts damaged files of it, or reads them without limits, add a check to `file_checks`
   and call it in `read`.
3. Add files with known contents to `tests/support/right_pictures.py`, damaged ones to
   `tests/support/damaged_pictures.py`.

Samples and transparency are converted in `pixel_formats`, color profiles in `icc`. Most kinds of
TIFF are read in `tiff_samples`.

Of 16-bit colors Pillow keeps the upper 8 bits only. With the opposite byte order it keeps the lower
8, so such files are decoded twice.
"""

import math
import re
import sys
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from jaxtex.images import encoding, file_checks, pixel_formats, tiff_directory, tiff_samples

# Pillow's names. It has AVIF only where it was built with libavif.
FORMATS: tuple[str, ...] = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
if features.check("avif"):
    FORMATS = (*FORMATS, "AVIF")

# EXIF orientation -> the operation that turns the stored image upright.
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image),
}

PNM_NUMBER = 64  # bytes within which a text of a PNM must have a number
# Raw modes of Pillow end in the byte order: "L"ittle, "B"ig or "N"ative.
NATIVE = {"little": "L", "big": "B"}[sys.byteorder]
OPPOSITE = {"L": "B", "B": "L", "N": "B" if NATIVE == "L" else "L"}
DEEP = ("RGB;16", "RGBX;16", "RGBA;16")  # raw modes of 16-bit colors, without the byte order


class Decoded(NamedTuple):
    """Contents of an image file."""

    image: np.ndarray  # [H, W, 3], float32, sRGB in [0, 1]; [H, W, 4] with transparency
    has_more: bool  # the file holds further images
    floats: pixel_formats.Floats | None  # range of a file of floats


def read(file: BinaryIO, check: Callable[[int, int], None], white: float | None = None) -> Decoded:
    """Decodes the first image of a file.

    Args:
      file: in one of `FORMATS`.
      check: called with width and height before the pixels are decoded; raises to refuse them.
      white: value of white in files of floats; None: see `pixel_formats.scale_floats`.

    Raises:
      UnsupportedError: the image is of a kind that is not read.
      Exception: of any type, from Pillow, if the file is damaged.
    """
    file.seek(0)
    head = file.read(12)
    if head.startswith(tiff_directory.MAGICS):
        return _read_tiff(file, check, white)
    if head.startswith(b"P") and (header := file_checks.check_pnm(file)):
        return _read_pnm(file, header, check)
    if head.startswith(b"RIFF") or head[4:8] == b"ftyp":
        file = file_checks.trim_container(file)
    image = _open(file)
    check(*image.size)

    if image.format == "PNG":
        image.verify()  # the checksums, which decoding ignores
        image = _open(file)
    elif image.format in ("JPEG", "MPO"):
        file_checks.check_jpeg(file, image.size)
    elif image.format == "BMP" and image.tile[0].codec_name == "bmp_rle":
        file_checks.check_bmp_runs(file, image)

    pixels = _decode(image, file, white)
    if image.format == "PNG" and not _has_last_row(image):
        _check_png_rows(file)
    profile = image.info.get("icc_profile")
    return _finish(pixels, profile, _orientation(image), _has_more(image))


def _read_pnm(
    file: BinaryIO, header: re.Match[bytes], check: Callable[[int, int], None]
) -> Decoded:
    """Decodes gray or RGB of a PNM, as `read`; Pillow keeps 8 bits, in minutes per file."""
    width, height, white = (int(number) for number in header.groups()[1:])
    check(width, height)
    if not 0 < white < 1 << 16:
        raise ValueError("white must be from 1 to 65535")
    shape = (height, width, 3 if header[1] in b"36" else 1)
    file.seek(header.end())
    if header[1] in b"23":  # decimal numbers
        text = file.read(PNM_NUMBER * math.prod(shape) + file_checks.PNM_HEAD)
        text = re.sub(rb"#[^\r\n]*", b"", text)
        digits = text[: len(text) - len(text.lstrip(b"0123456789 \t\r\n\v\f"))]
        # With a count, `fromstring` would return memory that is not set where numbers are missing.
        # It cuts numbers at 64 bits, and takes those of fewer bits modulo 2^bits.
        values = np.fromstring(digits, np.uint64, sep=" ")[: math.prod(shape)]
    else:
        dtype = np.dtype(">u2" if white > 255 else "u1")
        data = file.read(math.prod(shape) * dtype.itemsize)
        values = np.frombuffer(data, dtype, len(data) // dtype.itemsize)
    if values.size < math.prod(shape):
        raise ValueError("cut off")
    if values.max() > white:
        raise ValueError("samples beyond white")
    exact = pixel_formats.scale(values.reshape(shape), white)
    return _finish(pixel_formats.Pixels(None, exact), None, 1, False)


def _read_tiff(file: BinaryIO, check: Callable[[int, int], None], white: float | None) -> Decoded:
    """Decodes a TIFF, as `read`."""
    directory = tiff_directory.read(file)
    check(*directory.size)
    with file_checks.silence_libtiff(file):
        if tiff_samples.can_read(directory):
            pixels = tiff_samples.read(file, directory, white)
            profile = bytes(directory.tags.get(tiff_directory.PROFILE, ()))
            orientation = directory.number(tiff_directory.ORIENTATION, 1)
            return _finish(pixels, profile, orientation, directory.has_more)

        try:
            image = _open(file)
            pixels = _decode(image, file, white)
        except (file_checks.UnsupportedError, MemoryError):
            raise
        except Exception as error:
            raise ValueError(tiff_samples.describe(directory)) from error
    # Pillow has turned it.
    return _finish(pixels, image.info.get("icc_profile"), 1, directory.has_more)


def _finish(
    pixels: pixel_formats.Pixels, profile: bytes | None, orientation: int, has_more: bool
) -> Decoded:
    """Converts pixels to sRGB and turns them upright."""
    srgb = pixel_formats.to_srgb(pixels, profile)
    upright = TURNS.get(orientation, np.asarray)(srgb)
    return Decoded(np.ascontiguousarray(upright), has_more, pixels.floats)


def _open(file: BinaryIO) -> ImageFile.ImageFile:
    """Opens an image in one of `FORMATS` without decoding it.

    Raises:
      UnidentifiedImageError: no format begins as the file does.
      Exception: of any type if it is damaged. Pillow itself would hide why.
    """
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        for name in FORMATS:
            file.seek(0)
            build, accepts = Image.OPEN[name]
            if accepts is not None and accepts(file.read(16)) is True:
                file.seek(0)
                build(file, "")
        raise


def explain(error: Exception) -> str:
    """Returns the text of an error from `read` if it can help a user, in brackets, or nothing."""
    text = str(error)
    is_useful = isinstance(error, OSError | ValueError | SyntaxError) and text.isprintable()
    if not is_useful or isinstance(error, UnidentifiedImageError) or not 3 < len(text) <= 80:
        return ""
    return f" ({text})"


def read_metadata(file: BinaryIO) -> str:
    """Reads the text that `encoding` stored in a file; empty if it has none.

    Raises:
      Exception: of any type, from Pillow, if the file is damaged.
    """
    file.seek(0)
    if file.read(4) in tiff_directory.MAGICS:  # Pillow cannot open colors of floats
        return tiff_directory.read_text(file, encoding.DESCRIPTION_TAG)
    image = _open(file)
    text = image.info.get(encoding.METADATA_KEY)
    return str(text or image.getexif().get(encoding.DESCRIPTION_TAG) or "")


def _decode(
    image: ImageFile.ImageFile, file: BinaryIO, white: float | None
) -> pixel_formats.Pixels:
    """Loads the samples of an opened image with all their bits."""
    raw_mode = _raw_mode(image)
    image.load()

    if raw_mode == "LA;16B":
        # Two 16-bit samples take as many bytes as four 8-bit ones, which Pillow keeps unchanged.
        quarters = np.asarray(_decode_as(file, "RGBA"), np.uint16)
        samples = quarters[..., 0::2] << 8 | quarters[..., 1::2]
        return pixel_formats.from_16_bit(image, samples, white)

    if raw_mode[:-1] in DEEP:
        upper = np.asarray(image, np.uint16)
        lower = np.asarray(_decode_as(file, raw_mode[:-1] + OPPOSITE[raw_mode[-1]]))
        return pixel_formats.from_16_bit(image, upper << 8 | lower, white)

    if image.mode[0] in "IF":
        return pixel_formats.from_16_bit(image, np.asarray(image)[..., None], white)
    return pixel_formats.from_8_bit(image, raw_mode)


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """Returns how the samples are stored, as a raw mode of Pillow ("RGB;16B"), or ""."""
    if not image.tile:
        return ""
    arguments = image.tile[0].args
    if isinstance(arguments, str):
        return arguments
    return str(arguments[0]) if arguments else ""


def _decode_as(file: BinaryIO, raw_mode: str) -> ImageFile.ImageFile:
    """Decodes a file again, reading its samples as another raw mode."""
    image = _open(file)
    _override_raw_mode(image, raw_mode)
    image.load()
    return image


def _override_raw_mode(image: ImageFile.ImageFile, raw_mode: str) -> None:
    """Replaces the raw mode in all tiles of an image that is not loaded yet."""
    tiles = []
    for tile in image.tile:
        arguments: str | tuple = raw_mode
        if not isinstance(tile.args, str):
            arguments = (raw_mode, *(tile.args or ())[1:])
        tiles.append(tile._replace(args=arguments))
    image.tile = tiles


def _check_png_rows(file: BinaryIO) -> None:
    """Checks that a PNG with a black last row has that row.

    Pillow leaves missing rows as they were before decoding, which is black. Decoded onto a canvas
    of ones they stay ones.

    Raises:
      ValueError: the last rows are missing.
    """
    image = Image.open(file, formats=("PNG",))
    image.im = Image.new(image.mode, image.size, 1).im
    image.load()
    if _has_last_row(image):
        raise ValueError("rows are missing")


def _has_last_row(image: Image.Image) -> bool:
    """True if the row of a PNG that is decoded last has any sample other than zero.

    The last pass of an interlaced PNG holds the rows with odd indices.
    """
    ends_with_even = image.info.get("interlace") and image.height % 2
    row = image.height - (2 if ends_with_even else 1)
    return bool(np.asarray(image.crop((0, row, image.width, row + 1))).any())


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 if the EXIF data is missing or broken.

    Pillow's `getexif` would also follow XMP and ImageMagick's text chunks, which viewers do not.
    """
    try:
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        return orientation if orientation in TURNS else 1
    except Exception:  # broken EXIF raises any type, and the pixels are fine without it
        return 1


def _has_more(image: Image.Image) -> bool:
    """True if the file holds further frames or pages.

    MPO is a JPEG with the previews that a camera adds, which do not count.
    """
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # the second image is damaged, the first is not
        return True
