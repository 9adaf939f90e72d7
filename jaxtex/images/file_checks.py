"""What is held against an image file before it is decoded: that it is a file, that it ends, and does so soon."""

import contextlib
import logging
import os
import re
import stat
import warnings
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from jaxtex import errors
from jaxtex.images import builtin

MAX_JPEG_WORK = 4_000_000_000  # pixels of all scans of a JPEG: 40 scans of a picture as large as can be; ten are usual
PNM = rb"P[1-6f](?:(?:\s|#[^\r\n]*[\r\n])+\d+){2}\s"  # what it is, width, height
SCAN, END = b"\xff\xda", b"\xff\xd9"  # markers of JPEG
BITS, PLANAR = 258, 284  # tags of TIFF: of each sample; 2 if each colour has strips of its own


@contextlib.contextmanager
def open_regular_file(path: str | os.PathLike, name: str) -> Iterator[BinaryIO]:
    """The file, if it is one: nobody waits for a pipe, or reads a device without end.

    Args:
      path: of the file.
      name: of the file, for errors.

    Raises:
      UserError: it is none, is empty, or may not be read.
    """
    try:
        reason = _refusal(os.stat(path))
        file = open(path, "rb") if not reason else None
    except FileNotFoundError:
        reason = f"no such file{builtin.suggestion(path)}"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except ValueError:  # a zero byte in it
        reason = "no name of a file"
    if reason:
        raise errors.UserError(f"image {name}: {reason}")
    with file:
        yield file


def _refusal(found: os.stat_result) -> str:
    if stat.S_ISDIR(found.st_mode):
        return "is a folder; a file, please"
    if not stat.S_ISREG(found.st_mode):
        return "is a pipe or a device; a file, please"
    return "" if found.st_size else "empty"


@contextlib.contextmanager
def silence_pillow() -> Iterator[None]:
    """Pillow has its doubts about many a file; what counts is whether it can be read."""
    pillow = logging.getLogger("PIL")
    before = pillow.level
    pillow.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pillow.setLevel(before)


@contextlib.contextmanager
def silence_libtiff(file: BinaryIO) -> Iterator[None]:
    """While libtiff reads a file: it writes its own lines on what is wrong to the process's standard error.

    Where that is closed there is nothing to mute, and its number may have become the file's.
    """
    try:
        kept = os.dup(2) if file.fileno() != 2 else None
    except OSError:
        kept = None
    if kept is None:
        yield
        return
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def check_jpeg(file: BinaryIO, name: str, size: tuple[int, int]) -> None:
    """Traps of JPEG: a few bytes make a scan, for which a progressive picture is gone through once more; and what is
    missing is grey, be it that zeros stand in its place, as after a full disk, or that the size is wrong.

    Raises:
      UserError: there are too many scans for a picture of this size, width and height.
      ValueError: the last scan has no end, or there is less than a bit for each block of 8 x 8.
    """
    file.seek(0)
    scans, begun, ended, place, last = 0, 0, 0, 0, b""
    while piece := file.read(1 << 20):
        seen = last + piece
        scans += seen.count(SCAN)
        begun, ended = (
            place + seen.rfind(mark) if mark in seen else at
            for mark, at in ((SCAN, begun), (END, ended))
        )
        place, last = place + len(seen) - 1, seen[-1:]
    if scans * size[0] * size[1] > MAX_JPEG_WORK:
        raise errors.UserError(
            f"image {name}: {scans} scans of {size[0]} x {size[1]} pixels, which would take very long"
        )
    if ended < begun or 8 * (place + 1) < size[0] * size[1] / 64:
        raise ValueError("cut off")


def check_pnm(file: BinaryIO) -> None:
    """Pillow looks for the size in a PNM letter by letter, through gigabytes of remarks if there are.

    Raises:
      ValueError: it is not near the beginning.
    """
    file.seek(0)
    if not re.match(PNM, file.read(1 << 16)):
        raise ValueError("no size")


def check_tiff(image: Image.Image, told: list[warnings.WarningMessage]) -> None:
    """What Pillow makes too little of in a TIFF: tags that end before their time, with all that come after them; and
    without compression strips that are not there, as black, and 16 bits in planes, as noise.

    Args:
      image: before it is loaded.
      told: Pillow's warnings when it was opened.

    Raises:
      ValueError: it is one of these.
    """
    if any("orrupt" in str(each.message) or "runcated" in str(each.message) for each in told):
        raise ValueError("cut off")
    if image.tile[0].codec_name != "libtiff":
        _check_tiff_strips(image)


def _check_tiff_strips(image: Image.Image) -> None:
    planes = len(image.getbands()) if image.tag_v2.get(PLANAR) == 2 else 1
    if planes > 1 and max(image.tag_v2.get(BITS, (1,))) > 8:
        raise ValueError("planes of 16 bits")
    covered = sum(
        (right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in image.tile
    )
    if covered < image.width * image.height * planes:
        raise ValueError("strips are missing")
