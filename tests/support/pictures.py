"""Writers of image files for tests: PNG and TIFF byte by byte, the other formats with Pillow.

PNG and TIFF do without Pillow, which would otherwise be tested against itself. `right_pictures` has
the files that must be read, `damaged_pictures` those that must be refused.
"""

import io
import itertools
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 37, 44
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # color type of PNG -> samples per pixel
EXACT = 1e-6  # tolerance of values in [0, 1] that lose no bits

# The passes of Adam7, the interlacing of PNG: first row, first column, row step, column step.
PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


class Picture(NamedTuple):
    """An image file and its contents."""

    name: str
    data: bytes
    shown: np.ndarray  # [H, W, 3] in [0, 1], as `images.load` must return it
    tolerance: float = EXACT


def smooth(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Returns colors that change slowly, which JPEG preserves: `[H, W, 3]` in [0, 1]."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    return np.stack([0.1 + 0.8 * x, 0.2 + 0.6 * y, 0.5 + 0.3 * np.sin(3 * x + 2 * y)], -1)


def samples(channels: int, top: int, seed: int = 0) -> np.ndarray:
    """Returns random integers from 0 to `top`: `[H, W, channels]`."""
    return np.random.default_rng(seed).integers(0, top + 1, (HEIGHT, WIDTH, channels))


def over_white(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Composites `[H, W, 1 or 3]` with alpha `[H, W]`, in [0, 1], over white: `[H, W, 3]`."""
    return np.broadcast_to(colors * alpha[..., None] + 1 - alpha[..., None], (*alpha.shape, 3))


def turn(stored: np.ndarray, orientation: int) -> np.ndarray:
    """Turns a stored image upright, pixel by pixel.

    Args:
      stored: `[H, W, 3]`.
      orientation: of EXIF, 1 to 8: where row 0 and column 0 of the stored image are shown.
    """
    rows, columns = stored.shape[:2]
    places = {  # where the stored pixel (i, j) is shown
        1: lambda i, j: (i, j),
        2: lambda i, j: (i, columns - 1 - j),
        3: lambda i, j: (rows - 1 - i, columns - 1 - j),
        4: lambda i, j: (rows - 1 - i, j),
        5: lambda i, j: (j, i),
        6: lambda i, j: (j, rows - 1 - i),
        7: lambda i, j: (columns - 1 - j, rows - 1 - i),
        8: lambda i, j: (columns - 1 - j, i),
    }
    shown = np.zeros((rows, columns, 3) if orientation < 5 else (columns, rows, 3))
    i, j = np.mgrid[:rows, :columns]
    shown[places[orientation](i, j)] = stored
    return shown


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    """Builds a chunk of a PNG, with a correct checksum unless another one is given."""
    if checksum is None:
        checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def of_chunks(*chunks: tuple) -> bytes:
    """Builds a PNG of chunks, each given as the arguments of `chunk`."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*arguments) for arguments in chunks)


def rows(values: np.ndarray, depth: int, order: str = ">") -> list[bytes]:
    """Packs samples, `[H, W, C]`, into the bytes of each row.

    Args:
      values: samples.
      depth: bits per sample.
      order: of the bytes, as in `struct`.
    """
    flat = values.reshape(len(values), -1)
    if depth % 8 == 0:
        return [row.tobytes() for row in flat.astype(f"{order}u{depth // 8}")]
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1) & 1).reshape(len(flat), -1)
    return [np.packbits(row.astype(np.uint8)).tobytes() for row in bits]


def filtered(lines: list[bytes], step: int, kinds: tuple[int, ...] = (0, 1, 2)) -> bytes:
    """Applies filters to the rows of a PNG.

    Args:
      lines: the bytes of each row.
      step: bytes per pixel, at least 1.
      kinds: filters to use in turn: 0 none, 1 the left neighbor, 2 the upper one.
    """
    above = bytes(len(lines[0]))
    filtered_rows = []
    for line, kind in zip(lines, itertools.cycle(kinds), strict=False):
        left = (bytes(step) + line)[: len(line)]
        predicted = {0: bytes(len(line)), 1: left, 2: above}[kind]
        differences = bytes((a - b) % 256 for a, b in zip(line, predicted, strict=True))
        filtered_rows.append(bytes([kind]) + differences)
        above = line
    return b"".join(filtered_rows)


def png(
    values: np.ndarray,
    color: int,
    depth: int,
    interlaced: bool = False,
    chunks=(),
    head: bytes = b"",
    parts: int = 1,
) -> bytes:
    """Builds a PNG.

    Args:
      values: samples, `[H, W, C]`.
      color: color type: 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGB with alpha.
      depth: bits per sample.
      interlaced: store the pixels in the seven passes of Adam7.
      chunks: to insert before the pixels, as `(kind, data)`.
      head: contents of IHDR; empty: the correct ones.
      parts: number of chunks to split the pixels into.
    """
    height, width = values.shape[:2]
    step = max(1, CHANNELS[color] * depth // 8)
    passes = [values[y::dy, x::dx] for y, x, dy, dx in PASSES] if interlaced else [values]
    lines = b"".join(filtered(rows(part, depth), step) for part in passes if part.size)

    packed = zlib.compress(lines)
    size = -(-len(packed) // parts)
    pieces = [(b"IDAT", packed[i : i + size]) for i in range(0, len(packed), size)]
    head = head or struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    return of_chunks((b"IHDR", head), *chunks, *pieces, (b"IEND", b""))


def tiff(
    values: np.ndarray,
    photometric: int,
    *,
    order: str = "<",
    bits: int = 8,
    packed: bool = False,
    tags=None,
    strips: int = 1,
    planar: bool = False,
) -> bytes:
    """Builds a TIFF.

    Args:
      values: samples, `[H, W, C]`; floats are stored with 32 bits.
      photometric: meaning of the samples: 0 and 1 gray, 2 RGB, 3 palette, 5 CMYK, 8 Lab.
      order: of the bytes, as in `struct`.
      bits: per sample.
      packed: compress with deflate.
      tags: further tags, or replacements: number -> integers, or bytes; None leaves a tag out.
      strips: number of parts to split the rows into.
      planar: store each channel in strips of its own.
    """
    height, width, channels = values.shape
    is_float = values.dtype.kind == "f"
    if planar:
        planes = [rows(values[..., c : c + 1], bits, order) for c in range(channels)]
        lines = list(itertools.chain(*planes))
    elif is_float:
        lines = [row.astype(f"{order}f4").tobytes() for row in values]
    else:
        lines = rows(values, bits, order)

    rows_per_strip = -(-len(lines) // strips)
    data = [b"".join(lines[i : i + rows_per_strip]) for i in range(0, len(lines), rows_per_strip)]
    if packed:
        data = [zlib.compress(strip) for strip in data]

    all_tags = {
        256: width,
        257: height,
        258: (32 if is_float else bits,) * channels,
        259: 8 if packed else 1,  # compression
        262: photometric,
        273: list(itertools.accumulate(map(len, data[:-1]), initial=8)),  # offsets of the strips
        277: channels,
        278: min(rows_per_strip, height),
        279: [len(strip) for strip in data],
        284: 1 + planar,
    }
    if is_float:
        all_tags[339] = (3,) * channels  # sample format
    all_tags |= tags or {}
    all_tags = {tag: value for tag, value in all_tags.items() if value is not None}
    return _with_directory(b"".join(data), all_tags, order)


def _with_directory(data: bytes, tags: dict, order: str) -> bytes:
    """Builds a TIFF of a header, the strips, and the directory of tags after them."""
    place = 8 + len(data) + len(data) % 2
    entries = beyond = b""  # values of more than 4 bytes are stored beyond the entries
    beyond_place = place + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        kind, count, stored = _tag_value(value, order)
        entries += struct.pack(f"{order}HHI", tag, kind, count)
        if len(stored) <= 4:
            entries += stored.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", beyond_place + len(beyond))
            beyond += stored + bytes(len(stored) % 2)

    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", place)
    directory = struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + beyond
    return header + data + bytes(len(data) % 2) + directory


def _tag_value(value, order: str) -> tuple[int, int, bytes]:
    """Returns the type, the count and the bytes of the value of a tag."""
    if isinstance(value, bytes):
        return 7, len(value), value
    numbers = value if isinstance(value, tuple | list) else (value,)
    kind, code = (3, "H") if max(numbers) < 65536 else (4, "I")
    return kind, len(numbers), struct.pack(f"{order}{len(numbers)}{code}", *numbers)


def pillow(values, kind: str, **options) -> bytes:
    """Writes a file with Pillow.

    Args:
      values: an array of levels up to 255, or an image of Pillow.
      kind: format, as Pillow names it.
      **options: of Pillow's encoder.
    """
    image = values
    if not isinstance(values, Image.Image):
        image = Image.fromarray(np.squeeze(values).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    """Builds EXIF data with an orientation, 1 to 8, and nothing else."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()
