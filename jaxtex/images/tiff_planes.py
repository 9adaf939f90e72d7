"""Planes of a TIFF: strips and tiles of the samples -> arrays, for every lossless compression.

Pillow only decompresses: each plane is presented to it as a gray image of 8 bits, whose pixels are
the bytes of the samples.

References:
  Adobe, "TIFF Revision 6.0", 1992; "Adobe Photoshop TIFF Technical Note 3" for float predictors.
"""

import io
import math
import struct
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import TiffImagePlugin

from jaxtex.images import file_checks, tiff_directory

# none, LZW, deflate (two numbers), PackBits, LZMA, Zstandard
UNCOMPRESSED = 1
COMPRESSIONS = (UNCOMPRESSED, 5, 8, 32946, 32773, 34925, 50000)

BLACK_IS_ZERO = 1  # value of PhotometricInterpretation
SEPARATE_PLANES = 2  # value of PlanarConfiguration
DIFFERENCES, FLOAT_DIFFERENCES = 2, 3  # values of Predictor
MAX_BYTES = 2 << 30  # of the samples of one image
UNPACKED_BYTES = 1 << 24  # of the bits that are unpacked at once


class Sample(NamedTuple):
    """How a sample is stored."""

    bits: int
    is_float: bool


class Grid(NamedTuple):
    """How one plane is divided into parts, which are strips or tiles."""

    width: int  # pixels of a part
    height: int
    across: int  # parts
    down: int
    samples: int  # per pixel of this plane
    row_bytes: int  # of a row of a part


class _Bytes(TiffImagePlugin.TiffImageFile):
    """Gray image whose pixels are bytes of samples: up to eight for each pixel of the file."""

    def load_prepare(self) -> None:
        """Skips Pillow's limit of pixels; `read` has applied `MAX_BYTES`."""
        super(TiffImagePlugin.TiffImageFile, self).load_prepare()


def read(
    file: BinaryIO, directory: tiff_directory.Directory, sample: Sample, channels: Sequence[int]
) -> np.ndarray:
    """Reads channels of the image as stored.

    Args:
      file: at any position.
      directory: of the image.
      sample: how a sample is stored.
      channels: indices of the wanted samples of each pixel.

    Returns:
      `[H, W, C]`, unsigned or float.

    Raises:
      UnsupportedError: the samples are too many, or differences of a depth that has none.
      Exception: of any type if the file is damaged.
    """
    width, height = directory.size
    separate = directory.number(tiff_directory.PLANAR, 1) == SEPARATE_PLANES
    grid = _grid(directory, sample, 1 if separate else directory.samples)
    total = grid.row_bytes * grid.across * grid.height * grid.down
    total *= directory.samples if separate else 1
    if total > MAX_BYTES:
        limit = f"must be at most {MAX_BYTES >> 20:,}"
        raise file_checks.UnsupportedError(f"its samples take {total >> 20:,} MB; {limit}")

    planes = []
    for plane in channels if separate else [0]:
        rows = _decompress(file, directory, grid, plane)
        rows = rows.reshape(len(rows), grid.across, grid.row_bytes)
        values = _undo_predictor(rows, directory, sample, grid)
        values = values.reshape(len(rows), grid.across * grid.width, grid.samples)
        planes.append(values[:height, :width])
    if separate:
        return np.concatenate(planes, -1)
    if list(channels) == list(range(directory.samples)):  # saves a copy
        return planes[0]
    return planes[0][..., list(channels)]


def _grid(directory: tiff_directory.Directory, sample: Sample, samples: int) -> Grid:
    """Returns how a plane with so many samples per pixel is divided."""
    width, height = directory.size
    part_width = directory.number(tiff_directory.TILE_WIDTH, width)
    part_height = directory.number(tiff_directory.TILE_HEIGHT, height)
    if min(part_width, part_height) < 1:
        raise ValueError("tiles without pixels")
    if part_width * samples * sample.bits % 8 and part_width < width:
        raise ValueError("tiles that do not end with a byte")
    row_bytes = math.ceil(part_width * samples * sample.bits / 8)
    across, down = math.ceil(width / part_width), math.ceil(height / part_height)
    return Grid(part_width, part_height, across, down, samples, row_bytes)


def _decompress(
    file: BinaryIO, directory: tiff_directory.Directory, grid: Grid, plane: int
) -> np.ndarray:
    """Reads the bytes of one plane, `[rows, bytes of all parts across]`, padded to whole tiles."""
    parts = _read_parts(file, directory, grid, plane)
    return np.asarray(_Bytes(io.BytesIO(_gray_tiff(directory, grid, parts))))


def _read_parts(
    file: BinaryIO, directory: tiff_directory.Directory, grid: Grid, plane: int
) -> list[bytes]:
    """Reads the compressed strips or tiles of one plane."""
    tags = directory.tags
    is_tiled = tiff_directory.TILE_WIDTH in tags
    offsets = tags.get(tiff_directory.TILE_OFFSETS if is_tiled else tiff_directory.OFFSETS, ())
    offsets = offsets or tags.get(tiff_directory.OFFSETS, ())
    counts = tags.get(tiff_directory.TILE_COUNTS if is_tiled else tiff_directory.COUNTS, ())
    counts = counts or tags.get(tiff_directory.COUNTS, ())
    heights = [grid.height] * (grid.across * grid.down)
    if not is_tiled:
        step = tiff_directory.rows_per_strip(directory)
        heights = [min(step, grid.height - row) for row in range(0, grid.height, step)]

    is_separate = directory.number(tiff_directory.PLANAR, 1) == SEPARATE_PLANES
    first = plane * len(heights)
    if len(offsets) != len(heights) * (directory.samples if is_separate else 1):
        raise ValueError("strips are missing, or too many")
    if directory.number(tiff_directory.COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED:
        counts = tuple(grid.row_bytes * rows for rows in heights)  # those stated are often wrong
    elif not counts and len(offsets) == 1:
        counts = (directory.file_size,)
    else:
        counts = counts[first : first + len(heights)]
    if len(counts) < len(heights) or 0 in counts:
        raise ValueError("strips are missing")

    parts = []
    rest = directory.file_size
    for offset, count in zip(offsets[first:], counts, strict=False):
        file.seek(min(offset, directory.file_size))
        parts.append(file.read(min(count, rest)))
        rest -= len(parts[-1])
    return parts


def _gray_tiff(directory: tiff_directory.Directory, grid: Grid, parts: Sequence[bytes]) -> bytes:
    """Builds a TIFF of one gray image with 8 bits from the strips or tiles of a plane."""
    is_tiled = tiff_directory.TILE_WIDTH in directory.tags
    offsets = []
    place = 8
    for part in parts:
        offsets.append(place)
        place += len(part)
    counts = [len(part) for part in parts]
    tags = {
        tiff_directory.WIDTH: [grid.row_bytes * grid.across],
        tiff_directory.HEIGHT: [grid.height * grid.down],
        tiff_directory.BITS: [8],
        tiff_directory.COMPRESSION: [directory.number(tiff_directory.COMPRESSION, UNCOMPRESSED)],
        tiff_directory.PHOTOMETRIC: [BLACK_IS_ZERO],
        tiff_directory.FILL_ORDER: [directory.number(tiff_directory.FILL_ORDER, 1)],
        tiff_directory.SAMPLES: [1],
    }
    if is_tiled:
        tags[tiff_directory.TILE_WIDTH] = [grid.row_bytes]
        tags[tiff_directory.TILE_HEIGHT] = [grid.height]
        tags[tiff_directory.TILE_OFFSETS] = offsets
        tags[tiff_directory.TILE_COUNTS] = counts
    else:
        tags[tiff_directory.ROWS_PER_STRIP] = [tiff_directory.rows_per_strip(directory)]
        tags[tiff_directory.OFFSETS] = offsets
        tags[tiff_directory.COUNTS] = counts

    beyond = b""  # lists of values, after the directory
    beyond_place = place + 2 + 12 * len(tags) + 4
    entries = struct.pack("<H", len(tags))
    for tag, values in sorted(tags.items()):
        value = values[0]
        if len(values) > 1:
            value = beyond_place + len(beyond)
            beyond += struct.pack(f"<{len(values)}I", *values)
        entries += struct.pack("<HHII", tag, 4, len(values), value)
    head = b"II*\0" + struct.pack("<I", place)
    return b"".join([head, *parts, entries, bytes(4), beyond])


def _undo_predictor(
    rows: np.ndarray, directory: tiff_directory.Directory, sample: Sample, grid: Grid
) -> np.ndarray:
    """Converts bytes, `[rows, parts, bytes]`, to samples, `[rows, parts, samples]`."""
    predictor = directory.number(tiff_directory.PREDICTOR, 1)
    if directory.number(tiff_directory.COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED:
        predictor = 1
    count = grid.width * grid.samples
    size = sample.bits // 8
    letter = "f" if sample.is_float else "u"
    if sample.bits not in (8, 16, 32, 64):
        if predictor != 1:
            raise file_checks.UnsupportedError(f"differences of samples with {sample.bits} bits")
        return _unpack(rows, sample.bits, count)

    if predictor == FLOAT_DIFFERENCES:
        # The bytes of a row by significance, the highest first, as differences of bytes.
        parts = rows.reshape(*rows.shape[:2], -1, grid.samples)
        planes = np.cumsum(parts, 2, np.uint8).reshape(*rows.shape[:2], size, count)
        ordered = np.ascontiguousarray(planes.swapaxes(2, 3))
        return ordered.view(f">{letter}{size}")[..., 0]
    if predictor == DIFFERENCES:
        parts = np.ascontiguousarray(rows).view(f"{directory.order}u{size}")
        parts = parts.reshape(*rows.shape[:2], grid.width, grid.samples)
        summed = np.cumsum(parts, 2, np.dtype(f"u{size}"))
        return summed.reshape(*rows.shape[:2], count).view(f"{letter}{size}")
    return np.ascontiguousarray(rows).view(f"{directory.order}{letter}{size}")


def _unpack(rows: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Unpacks samples that are not whole bytes, as `_undo_predictor`."""
    weights = 1 << np.arange(bits - 1, -1, -1, dtype=np.uint16)  # the highest bit comes first
    values = np.empty((*rows.shape[:2], count), np.uint16)
    step = max(1, UNPACKED_BYTES // max(1, rows[0].size * 8))
    for start in range(0, len(rows), step):
        some = np.unpackbits(rows[start : start + step], axis=-1)[..., : count * bits]
        values[start : start + step] = some.reshape(*some.shape[:2], count, bits) @ weights
    return values
