"""Image files made from code: PNG and TIFF by hand, so that nothing of the reader checks itself; others by Pillow.

`right_pictures` are what must be read, each with what it shows, `damaged_pictures` what must be refused.
"""

import io
import itertools
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 37, 44
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of the colour types of PNG
PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)  # Adam7
EXACT = 1e-6


class Picture(NamedTuple):
    """A file, and what is to be seen in it."""

    name: str
    data: bytes
    shown: np.ndarray
    tolerance: float = EXACT


def smooth(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Colours that change slowly, which JPEG keeps: `[H, W, 3]` in [0, 1]."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    return np.stack([0.1 + 0.8 * x, 0.2 + 0.6 * y, 0.5 + 0.3 * np.sin(3 * x + 2 * y)], -1)


def samples(channels: int, top: int, seed: int = 0) -> np.ndarray:
    """Any whole numbers up to `top`: `[H, W, channels]`."""
    return np.random.default_rng(seed).integers(0, top + 1, (HEIGHT, WIDTH, channels))


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`[H, W, 1 or 3]` and `[H, W]`, in [0, 1] -> `[H, W, 3]`."""
    return np.broadcast_to(colours * alpha[..., None] + 1 - alpha[..., None], (*alpha.shape, 3))


def turn(stored: np.ndarray, orientation: int) -> np.ndarray:
    """As EXIF says: where row 0 and column 0 of what is stored are seen."""
    rows, columns = stored.shape[:2]
    places = {  # of the stored pixel (i, j)
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
    """A chunk of a PNG, with its checksum or a wrong one."""
    found = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", found)


def of_chunks(*chunks: tuple) -> bytes:
    """A PNG of just these, each as for `chunk`."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def rows(values: np.ndarray, depth: int, order: str = ">") -> list[bytes]:
    """`[H, W, C]` -> the bytes of each row, packed."""
    flat = values.reshape(len(values), -1)
    if depth % 8 == 0:
        return [row.tobytes() for row in flat.astype(f"{order}u{depth // 8}")]
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1) & 1).reshape(len(flat), -1)
    return [np.packbits(row.astype(np.uint8)).tobytes() for row in bits]


def filtered(lines: list[bytes], step: int, kinds: tuple[int, ...] = (0, 1, 2)) -> bytes:
    """The rows of a PNG with their filters: none, by the left neighbour, by the upper one, in turns."""
    above, found = bytes(len(lines[0])), b""
    for line, kind in zip(lines, itertools.cycle(kinds), strict=False):
        before = {0: bytes(len(line)), 1: (bytes(step) + line)[: len(line)], 2: above}[kind]
        found += bytes([kind]) + bytes((a - b) % 256 for a, b in zip(line, before, strict=True))
        above = line
    return found


def png(
    values: np.ndarray,
    colour: int,
    depth: int,
    interlaced: bool = False,
    chunks=(),
    head: bytes = b"",
    parts: int = 1,
) -> bytes:
    """A PNG.

    Args:
      values: samples, `[H, W, C]`.
      colour: its type: 0, 2, 3, 4, 6.
      depth: bits of a sample.
      interlaced: whether in seven passes.
      chunks: that come before the pixels, as `(kind, data)`.
      head: takes the place of the right IHDR.
      parts: in so many chunks are the pixels.
    """
    height, width = values.shape[:2]
    step = max(1, CHANNELS[colour] * depth // 8)
    taken = [values[y::dy, x::dx] for y, x, dy, dx in PASSES] if interlaced else [values]
    packed = zlib.compress(
        b"".join(filtered(rows(part, depth), step) for part in taken if part.size)
    )
    size = -(-len(packed) // parts)
    pieces = [(b"IDAT", packed[i : i + size]) for i in range(0, len(packed), size)]
    head = head or struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*each) for each in ((b"IHDR", head), *chunks, *pieces, (b"IEND", b""))
    )


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
    """A TIFF.

    Args:
      values: `[H, W, C]`; floats become samples of 32 bits.
      photometric: what the samples mean: 0 and 1 grey, 2 RGB, 3 palette, 5 CMYK, 8 Lab.
      order: of the bytes, as in `struct`.
      bits: of a sample.
      packed: whether with deflate.
      tags: more of them: number -> shorts, or bytes.
      strips: in so many parts are the rows.
      planar: whether each channel has its own.
    """
    height, width, channels = values.shape
    fractions = values.dtype.kind == "f"
    lines = (
        [row.astype(f"{order}f4").tobytes() for row in values]
        if fractions
        else rows(values, bits, order)
    )
    if planar:
        lines = [
            line for c in range(channels) for line in rows(values[..., c : c + 1], bits, order)
        ]
    high = -(-len(lines) // strips)
    data = [b"".join(lines[i : i + high]) for i in range(0, len(lines), high)]
    data = [zlib.compress(each) for each in data] if packed else data
    starts = list(itertools.accumulate(map(len, data[:-1]), initial=8))
    known = {
        256: width,
        257: height,
        258: (32 if fractions else bits,) * channels,
        259: 8 if packed else 1,
    }
    known |= {
        262: photometric,
        273: starts,
        277: channels,
        278: min(high, height),
        279: [*map(len, data)],
        284: 1 + planar,
    }
    known |= ({339: (3,) * channels} if fractions else {}) | (tags or {})
    return _with_directory(b"".join(data), known, order)


def _with_directory(data: bytes, tags: dict, order: str) -> bytes:
    place = 8 + len(data) + len(data) % 2
    entries, beyond, after = b"", b"", place + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        value = value if isinstance(value, bytes | tuple | list) else (value,)
        kind = 7 if isinstance(value, bytes) else 3 if max(value) < 65536 else 4
        held = value if kind == 7 else struct.pack(f"{order}{len(value)}{'HI'[kind - 3]}", *value)
        entries += struct.pack(f"{order}HHI", tag, kind, len(value))
        entries += (
            held.ljust(4, b"\0")
            if len(held) <= 4
            else struct.pack(f"{order}I", after + len(beyond))
        )
        beyond += held + bytes(len(held) % 2) if len(held) > 4 else b""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", place)
    return (
        start
        + data
        + bytes(len(data) % 2)
        + struct.pack(f"{order}H", len(tags))
        + entries
        + bytes(4)
        + beyond
    )


def pillow(values, kind: str, **options) -> bytes:
    """A file that Pillow writes, of an array of levels or an image."""
    image = (
        values
        if isinstance(values, Image.Image)
        else Image.fromarray(np.squeeze(values).astype(np.uint8))
    )
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> bytes:
    """EXIF with nothing but that."""
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes()
