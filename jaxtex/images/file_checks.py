"""Checks of image files before they are decoded: regular, complete, and cheap enough to decode."""

import contextlib
import io
import logging
import os
import re
import stat
import tempfile
import warnings
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image, ImageFile

from jaxtex import errors
from jaxtex.images import builtin

# Pixels of all scans of a JPEG: 40 scans of the largest image that is read; ten scans are usual.
MAX_JPEG_WORK = 4_000_000_000
MIN_JPEG_BITS = 1  # per block of 8 x 8 pixels; a flat image has more
IMAGE, END, SCAN = 0xD8, 0xD9, 0xDA  # JPEG markers: start and end of the image, start of a scan
BARE_MARKERS = (0x01, *range(0xD0, 0xD8))  # JPEG markers that no length follows
SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # the first marker after the data of a scan
PIECE = 1 << 20  # bytes read at once
BMP_CODE = 6  # bytes of run-length codes of a BMP per pixel or end of a row: a jump and a run

MAX_PIXELS = 100_000_000  # per image, about 5 GB while a file is decoded
MAX_BYTES = 1 << 30  # of a file: 100 megapixels of RGBA with 16 bits, uncompressed, have 0.8 GB
MAX_CONTAINER_BYTES = 1 << 29  # of WebP and AVIF, which Pillow reads into memory
MAX_READS = 4_000_000  # calls, some 3 s; a GIF of the largest size takes 800,000
SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"  # of the header of a PNM: blanks and comments
PNM = re.compile(rb"P[14f]" + SPACE + rb"\d+" + SPACE + rb"\d+\s")  # width, height
# kind, width, height, white
GRAY_OR_RGB_PNM = re.compile(rb"P([2356])" + 3 * (SPACE + rb"(\d+)") + rb"\s")
PNM_HEAD = 1 << 16  # bytes within which a PNM must state its size


class UnsupportedError(Exception):
    """An image that is intact, but of a kind that is not read; the text says which."""


class BoundedFile(io.BufferedReader):
    """An open file that ends after `MAX_READS` calls.

    Pillow skips what it does not know byte by byte, in some formats through gigabytes.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__(io.FileIO(path))
        self.reads = 0

    def read(self, size: int | None = -1) -> bytes:
        """Reads bytes; raises a `ValueError` if it is called too often."""
        self.reads += 1
        if self.reads > MAX_READS:
            raise ValueError("too many parts, or garbage between them")
        return super().read(size)


@contextlib.contextmanager
def open_regular_file(path: str | os.PathLike, name: str) -> Iterator[BinaryIO]:
    """Opens a file for reading, unless it is a pipe or a device, which might block or never end.

    Args:
      path: of the file.
      name: of the file, for errors.

    Raises:
      UserError: the file is missing, not a regular file, empty, larger than `MAX_BYTES`, or not
        readable.
    """
    try:
        reason = _refusal(os.stat(path))
        file = None if reason else BoundedFile(path)
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
    if status.st_size > MAX_BYTES:
        gigabytes = f"{status.st_size / (1 << 30):.1f} GB"
        return f"{gigabytes}; must have at most {MAX_BYTES >> 30} GB, compressed if need be"
    return "" if status.st_size else "empty"


@contextlib.contextmanager
def silence_pillow() -> Iterator[None]:
    """Suppresses messages of Pillow, which intact files cause, too, and settings by a program."""
    pillow = logging.getLogger("PIL")
    given = (pillow.level, ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    pillow.setLevel(logging.CRITICAL)
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, MAX_PIXELS
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        pillow.setLevel(given[0])
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = given[1:]


@contextlib.contextmanager
def silence_libtiff(file: BinaryIO) -> Iterator[None]:
    """Redirects standard error, where libtiff prints, to a temporary file.

    Does nothing if standard error is closed: its descriptor may then be the image file's own.

    Args:
      file: the image file.

    Raises:
      ValueError: libtiff has printed that fax data is damaged, which Pillow does not notice.
    """
    stderr = 2
    with contextlib.ExitStack() as stack:
        try:
            if file.fileno() == stderr:
                raise OSError
            printed = stack.enter_context(tempfile.TemporaryFile())
            saved = os.dup(stderr)
        except OSError:
            yield
            return

        try:
            os.dup2(printed.fileno(), stderr)
            yield
        finally:
            os.dup2(saved, stderr)
            os.close(saved)
        printed.seek(0)
        if b"Bad code word" in printed.read(PIECE):
            raise ValueError("damaged fax data")


def check_jpeg(file: BinaryIO, size: tuple[int, int]) -> None:
    """Checks that a JPEG is complete and does not take minutes to decode.

    A scan of a few bytes makes the decoder pass over all pixels of a progressive JPEG once more.
    Missing data is decoded as gray, whether the file was cut, or ends in zeros (as after a full
    disk), or states too large a size in its header. What follows the image is not read.

    Args:
      file: the image file, at any position.
      size: width and height in its header, in pixels.

    Raises:
      UnsupportedError: all scans together exceed `MAX_JPEG_WORK`.
      ValueError: the image has no end, or there is less than `MIN_JPEG_BITS` per block.
    """
    pixels = size[0] * size[1]
    scans = 0
    file.seek(2)  # behind the marker of its start
    while (marker := _next_marker(file)) != END:
        if marker == IMAGE:
            raise ValueError("cut off")
        if marker in BARE_MARKERS:
            continue
        file.seek(int.from_bytes(file.read(2), "big") - 2, os.SEEK_CUR)
        if marker == SCAN:
            scans += 1
            _skip_scan(file)

    if scans * pixels > MAX_JPEG_WORK:
        text = f"{scans} scans of {size[0]} x {size[1]} pixels"
        limit = f"must be at most {MAX_JPEG_WORK:,} pixels in all scans"
        raise UnsupportedError(f"{text}; {limit}")
    if 8 * file.tell() < MIN_JPEG_BITS * pixels / 64:
        raise ValueError("cut off")


def _next_marker(file: BinaryIO) -> int:
    """Reads up to and including the next marker of a JPEG, and returns its second byte."""
    byte = file.read(1)
    while byte and byte != b"\xff":
        byte = file.read(1)
    while byte == b"\xff":  # any number of them may precede the second byte
        byte = file.read(1)
    if not byte:
        raise ValueError("cut off")
    return byte[0]


def _skip_scan(file: BinaryIO) -> None:
    """Moves from the data of a scan of a JPEG to the marker after it."""
    place = file.tell()
    carried = b""  # the last byte of a piece: a marker may span two pieces
    while piece := file.read(PIECE):
        window = carried + piece
        if found := SCAN_END.search(window):
            file.seek(place - len(carried) + found.start())
            return
        place += len(piece)
        carried = window[-1:]
    raise ValueError("cut off")


def check_bmp_runs(file: BinaryIO, image: ImageFile.ImageFile) -> None:
    """Checks that the runs of a BMP fit their rows; Pillow moves what follows one that does not.

    What follows the image is not read.

    Raises:
      ValueError: a run of single pixels reaches beyond its row, or the last run is missing.
    """
    arguments = image.tile[0].args
    is_4_bit = bool(arguments and arguments[1])
    file.seek(image.tile[0].offset)
    codes = file.read(BMP_CODE * (image.width + 1) * image.height + 2)
    place = column = row = 0
    while row < image.height and place + 1 < len(codes):
        count, value = codes[place], codes[place + 1]
        place += 2
        if count:  # a run of one color; Pillow cuts it at the end of the row
            column = min(column + count, image.width)
        elif value == 0:
            column, row = 0, row + 1
        elif value == 1:
            return
        elif value == 2:
            column, row = column + codes[place], row + codes[place + 1]
            place += 2
        else:  # a run of single pixels, padded to 16 bits
            column += value
            if column > image.width:
                raise ValueError("a run that is longer than its row")
            count = (value + 1) // 2 if is_4_bit else value
            place += count + count % 2
    if row < image.height:
        raise ValueError("cut off")


def trim_container(file: BinaryIO) -> BinaryIO:
    """Returns a WebP or AVIF without what follows it, which Pillow would read into memory.

    Raises:
      UnsupportedError: it is larger than `MAX_CONTAINER_BYTES`.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    end = 8 + int.from_bytes(head[4:8], "little")  # RIFF
    if not head.startswith(b"RIFF"):
        end = _end_of_boxes(file, size)
    if min(end, size) > MAX_CONTAINER_BYTES:
        raise UnsupportedError(f"must have at most {MAX_CONTAINER_BYTES >> 20} MB")
    file.seek(0)
    return io.BytesIO(file.read(end))


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Returns where the boxes of an AVIF of so many bytes end."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        elif length == 0 and head[4:8].isalnum():  # the last box
            return size
        if length < 8 or not head[4:8].isascii():
            return end
        end += length
    return end


def check_pnm(file: BinaryIO) -> re.Match[bytes] | None:
    """Checks that a PNM states its size early; Pillow would search gigabytes of comments for it.

    Returns:
      The header of a PNM of gray or RGB, see `GRAY_OR_RGB_PNM`; None for other kinds.

    Raises:
      UnsupportedError: PAM, or a PFM of colors.
      ValueError: the size is not within `PNM_HEAD` bytes.
    """
    file.seek(0)
    head = file.read(PNM_HEAD)
    if head.startswith(b"P7"):
        raise UnsupportedError("PAM is not read; PNM is")
    if head.startswith(b"PF"):
        raise UnsupportedError("PFM of colors is not read; TIFF of floats is")
    found = GRAY_OR_RGB_PNM.match(head)
    if not found and not PNM.match(head):
        raise ValueError("PNM without a size" if head[1:2].isdigit() else "")
    return found
