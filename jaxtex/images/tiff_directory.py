"""Directory of a TIFF: the tags of its first image, read without the image.

Reads classic TIFF and BigTIFF in either byte order. Pillow would read every tag with it, however
large, and reports damaged ones only by warnings.

References:
  Adobe, "TIFF Revision 6.0", 1992, sections 2 and 3; BigTIFF as in libtiff's "BigTIFF Design".
"""

import os
import struct
from typing import BinaryIO, NamedTuple

import numpy as np

from jaxtex.images import file_checks

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MAX_TAG_BYTES = 1 << 26  # of one tag: the offsets of 8 million strips
MAX_SAMPLES = 64  # per pixel

# Types of integers and bytes -> format of `struct`; other types are not needed.
TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}

ASCII = 2
FLOAT_TYPES = {11: "f", 12: "d"}  # of the range of the samples

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, COUNTS = 266, 273, 274, 277, 278, 279
PLANAR, PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_HEIGHT = 284, 317, 320, 322, 323
TILE_OFFSETS, TILE_COUNTS, SUB_IMAGES, INK_SET = 324, 325, 330, 332
EXTRA, SAMPLE_FORMAT, LEAST, GREATEST, PROFILE = 338, 339, 340, 341, 34675
MAX_FLOAT = float(np.finfo(np.float32).max)
WANTED = {
    *(SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, OFFSETS, ORIENTATION),
    *(SAMPLES, ROWS_PER_STRIP, COUNTS, PLANAR, PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_HEIGHT),
    *(TILE_OFFSETS, TILE_COUNTS, SUB_IMAGES, INK_SET, EXTRA, SAMPLE_FORMAT, PROFILE),
}


class Directory(NamedTuple):
    """Tags of an image in a TIFF."""

    order: str  # of the bytes, "<" or ">"
    tags: dict[int, tuple[int, ...]]  # by number; those of `WANTED` that the file has
    has_more: bool  # another directory follows
    file_size: int  # bytes
    value_range: tuple[float, float] | None = None  # of the samples, in floats, as declared

    def number(self, tag: int, default: int) -> int:
        """Returns the first value of a tag.

        Args:
          tag: its number, one of the constants above.
          default: value of a directory without the tag.
        """
        return self.tags.get(tag, (default,))[0]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.number(WIDTH, 0), self.number(HEIGHT, 0)

    @property
    def samples(self) -> int:
        """Samples per pixel."""
        return self.number(SAMPLES, 1)


def read(file: BinaryIO) -> Directory:
    """Reads the first directory of a TIFF.

    Args:
      file: at any position.

    Raises:
      UnsupportedError: the first image is a preview of another one, as in raw files of cameras.
      ValueError: the directory is damaged.
    """
    listing = _list_tags(file)
    tags = {tag: listing.read(file, tag) for tag in WANTED if listing.kind(tag) in TYPES}
    ranges = [
        listing.read(file, tag) for tag in (LEAST, GREATEST) if listing.kind(tag) in FLOAT_TYPES
    ]
    value_range = _value_range(*ranges) if len(ranges) == 2 else None
    directory = Directory(listing.order, tags, listing.has_more, listing.file_size, value_range)
    _check(directory)
    return directory


def _value_range(least: tuple, greatest: tuple) -> tuple[float, float] | None:
    """Returns the declared range; None if it is that of all floats, which says nothing."""
    low, high = min(least), max(greatest)
    return (low, high) if -MAX_FLOAT < low and high < MAX_FLOAT else None


def read_text(file: BinaryIO, tag: int) -> str:
    """Reads a text of the first directory; empty if there is none.

    Args:
      file: at any position.
      tag: its number.

    Raises:
      ValueError: the directory is damaged.
    """
    listing = _list_tags(file)
    if listing.kind(tag) != ASCII:
        return ""
    return bytes(listing.read(file, tag)).partition(b"\0")[0].decode("latin-1")


class _Listing(NamedTuple):
    """Tags of a directory whose values are not read yet."""

    order: str  # of the bytes
    offset: str  # format of an offset
    entries: dict[int, tuple[int, int, bytes]]  # tag -> type, number of values, values or offset
    has_more: bool
    file_size: int

    def kind(self, tag: int) -> int:
        """Returns the type of a tag; 0 without values."""
        kind, length, _ = self.entries.get(tag, (0, 0, b""))
        return kind if length else 0

    def read(self, file: BinaryIO, tag: int) -> tuple:
        """Reads the values of a tag that is there."""
        return _read_values(file, self.file_size, self.order + self.offset, *self.entries[tag])


def _list_tags(file: BinaryIO) -> _Listing:
    """Lists the tags of the first directory; raises as `read_text`."""
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(0)
    head = _read_exactly(file, 4)
    order = "<" if head.startswith(b"II") else ">"
    big = head in MAGICS[2:]
    if big:
        _read_exactly(file, 4)  # the bytes of an offset, which are always 8
    entry_format, entry_count, offset = ("HHQ8s", "Q", "Q") if big else ("HHI4s", "H", "I")

    file.seek(min(size, _unpack(file, order + offset)[0]))
    count = _unpack(file, order + entry_count)[0]
    if not 0 < count < 1 << 16:
        raise ValueError("a directory of no tags or too many")
    entries = [_unpack(file, order + entry_format) for _ in range(count)]
    following = file.read(struct.calcsize(offset)).ljust(8, b"\0")  # some writers leave it out
    has_more = 0 < int.from_bytes(following, "little" if order == "<" else "big") < size
    return _Listing(order, offset, {entry[0]: entry[1:] for entry in entries}, has_more, size)


def _check(directory: Directory) -> None:
    """Raises as `read` if the tags contradict each other, or belong to a preview."""
    width, height = directory.size
    if min(width, height, directory.samples) < 1:
        raise ValueError("an image without samples")
    if directory.samples > MAX_SAMPLES:
        text = f"{directory.samples} samples per pixel; must be at most {MAX_SAMPLES}"
        raise file_checks.UnsupportedError(text)
    if directory.number(SUBFILE, 0) & 1 and SUB_IMAGES in directory.tags:
        raise file_checks.UnsupportedError(
            "holds a raw picture of a camera, and only a preview that is not raw"
        )


def _read_values(
    file: BinaryIO, size: int, offset: str, kind: int, length: int, inline: bytes
) -> tuple[int, ...]:
    """Reads the values of one tag, which are in its entry or where the entry points."""
    letter = (TYPES | FLOAT_TYPES)[kind]
    wanted = f"{offset[0]}{length}{letter}"
    count = length * struct.calcsize(f"={letter}")
    if count > MAX_TAG_BYTES:
        raise ValueError("a tag that is too large")
    if count <= len(inline):
        return struct.unpack(wanted, inline[:count])
    file.seek(min(size, struct.unpack(offset, inline)[0]))
    return struct.unpack(wanted, _read_exactly(file, count))


def _unpack(file: BinaryIO, wanted: str) -> tuple:
    """Reads numbers of a format of `struct`."""
    return struct.unpack(wanted, _read_exactly(file, struct.calcsize(wanted)))


def _read_exactly(file: BinaryIO, count: int) -> bytes:
    """Reads bytes, or raises a `ValueError` at the end of the file."""
    data = file.read(count)
    if len(data) < count:
        raise ValueError("cut off")
    return data


def rows_per_strip(directory: Directory) -> int:
    """Returns the rows of a strip, at most the height of the image."""
    height = directory.size[1]
    return min(height, directory.number(ROWS_PER_STRIP, height) or height)
