"""Checks of image files before they are decoded: regular, complete, and cheap enough to decode."""

import contextlib
import logging
import os
import re
import stat
import warnings
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from PIL import ExifTags, ImageFile

from jaxtex import errors
from jaxtex.images import builtin

# Pixels of all scans of a JPEG: 40 scans of the largest image that is read; ten scans are usual.
MAX_JPEG_WORK = 4_000_000_000
MIN_JPEG_BITS = 1  # per block of 8 x 8 pixels; a flat image has more
SCAN = b"\xff\xda"  # JPEG marker: start of scan
END = b"\xff\xd9"  # JPEG marker: end of image
PIECE = 1 << 20  # bytes read at once
PNM = rb"P[1-6f](?:(?:\s|#[^\r\n]*[\r\n])+\d+){2}\s"  # kind, then width and height amid comments
PNM_HEAD = 1 << 16  # bytes within which a PNM must state its size
SEPARATE_PLANES = 2  # value of the TIFF tag PlanarConfiguration


@contextlib.contextmanager
def open_regular_file(path: str | os.PathLike, name: str) -> Iterator[BinaryIO]:
    """Opens a file for reading, unless it is a pipe or a device, which might block or never end.

    Args:
      path: of the file.
      name: of the file, for errors.

    Raises:
      UserError: the file is missing, not a regular file, empty, or not readable.
    """
    try:
        reason = _refusal(os.stat(path))
        file = None if reason else open(path, "rb")
    except FileNotFoundError:
        file, reason = None, f"no such file{builtin.suggest(path)}"
    except OSError as error:
        file, reason = None, f"cannot be read ({error.strerror})"
    except ValueError:  # a zero byte in the path
        file, reason = None, "not a valid file name"
    if file is None:
        raise errors.UserError(f"image {name}: {reason}")
    with file:
        yield file


def _refusal(status: os.stat_result) -> str:
    """Returns why a path cannot be an image file; empty if it can."""
    if stat.S_ISDIR(status.st_mode):
        return "is a folder; expected a file"
    if not stat.S_ISREG(status.st_mode):
        return "is a pipe or a device; expected a file"
    return "" if status.st_size else "empty"


@contextlib.contextmanager
def silence_pillow() -> Iterator[None]:
    """Suppresses the warnings and log lines of Pillow, which it also emits for intact files."""
    pillow = logging.getLogger("PIL")
    level = pillow.level
    pillow.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pillow.setLevel(level)


@contextlib.contextmanager
def silence_libtiff(file: BinaryIO) -> Iterator[None]:
    """Redirects standard error to nowhere while libtiff, which prints there, reads a file.

    Does nothing if standard error is closed: its descriptor may then be the image file's own.

    Args:
      file: the image file.
    """
    stderr = 2
    try:
        saved = os.dup(stderr) if file.fileno() != stderr else None
    except OSError:
        saved = None
    if saved is None:
        yield
        return

    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), stderr)
        yield
    finally:
        os.dup2(saved, stderr)
        os.close(saved)


def check_jpeg(file: BinaryIO, name: str, size: tuple[int, int]) -> None:
    """Checks that a JPEG is complete and does not take minutes to decode.

    A scan of a few bytes makes the decoder pass over all pixels of a progressive JPEG once more.
    Missing data is decoded as gray, whether the file was cut, or ends in zeros (as after a full
    disk), or states too large a size in its header.

    Args:
      file: the image file, at any position.
      name: of the file, for errors.
      size: width and height in its header, in pixels.

    Raises:
      UserError: all scans together exceed `MAX_JPEG_WORK`.
      ValueError: the last scan has no end, or there is less than `MIN_JPEG_BITS` per block.
    """
    file.seek(0)
    scans = 0
    last_scan = last_end = 0  # offsets of the last marker of each kind
    offset = 0
    carried = b""  # the last byte of a piece: a marker may span two pieces
    while piece := file.read(PIECE):
        window = carried + piece
        scans += window.count(SCAN)
        if SCAN in window:
            last_scan = offset + window.rfind(SCAN)
        if END in window:
            last_end = offset + window.rfind(END)
        offset += len(window) - 1
        carried = window[-1:]

    pixels = size[0] * size[1]
    if scans * pixels > MAX_JPEG_WORK:
        text = f"{scans} scans of {size[0]} x {size[1]} pixels"
        limit = f"must be at most {MAX_JPEG_WORK:,} pixels in all scans"
        raise errors.UserError(f"image {name}: {text}; {limit}")

    bits = 8 * (offset + 1)
    if last_end < last_scan or bits < MIN_JPEG_BITS * pixels / 64:
        raise ValueError("cut off")


def check_pnm(file: BinaryIO) -> None:
    """Checks that a PNM states its size early; Pillow would search gigabytes of comments for it.

    Raises:
      ValueError: the size is not within `PNM_HEAD` bytes.
    """
    file.seek(0)
    if not re.match(PNM, file.read(PNM_HEAD)):
        raise ValueError("no size")


def check_tiff(
    image: ImageFile.ImageFile, opening_warnings: Sequence[warnings.WarningMessage]
) -> None:
    """Checks for damage and layouts of TIFF that Pillow decodes wrongly without an error.

    Where the tags are cut, Pillow only warns and skips the rest of them. Without compression it
    decodes missing strips as black, and 16-bit samples in separate planes as noise.

    Args:
      image: opened, not loaded.
      opening_warnings: warnings that Pillow raised when it opened the file.

    Raises:
      ValueError: the file has one of these faults.
    """
    for warning in opening_warnings:
        text = str(warning.message)
        if "orrupt" in text or "runcated" in text:  # "Corrupt EXIF data", "Truncated File Read"
            raise ValueError("cut off")
    if image.tile[0].codec_name != "libtiff":
        _check_tiff_strips(image)


def _check_tiff_strips(image: ImageFile.ImageFile) -> None:
    """Checks the strips of an uncompressed TIFF, as `check_tiff`."""
    tags: dict = getattr(image, "tag_v2", {})
    separate = tags.get(ExifTags.Base.PlanarConfiguration) == SEPARATE_PLANES
    planes = len(image.getbands()) if separate else 1
    if planes > 1 and max(tags.get(ExifTags.Base.BitsPerSample, (1,))) > 8:
        raise ValueError("16-bit samples in separate planes")

    covered = 0
    for tile in image.tile:
        left, upper, right, lower = tile.extents or (0, 0, 0, 0)
        covered += (right - left) * (lower - upper)
    if covered < image.width * image.height * planes:
        raise ValueError("strips are missing")
