"""Fuzzing of `images.load`: reads randomly damaged files with limits on memory and time.

    PYTHONPATH=.:tests python tests/support/mutations.py COUNT SEED

Prints a JSON object: files loaded and refused, seconds of the slowest, growth of peak memory in MB.
"""

import faulthandler
import json
import pathlib
import resource
import struct
import sys
import tempfile
import time
import zlib

import numpy as np

from jaxtex import errors, images
from support import pictures, right_pictures

SLOW = 10.0  # seconds, after which a file counts as hanging
ROOM = 2 << 30  # bytes of address space that the process may allocate
EXTREMES = b"\0\1\x7f\x80\xff"  # bytes at the ends of signed and unsigned ranges


def originals() -> list[bytes]:
    """Returns intact files of every format."""
    names = """
        png-0-1-plain png-0-16-plain png-2-8-plain png-2-16-interlaced png-3-4-plain-alpha
        png-6-16-plain icc-wide tiff-little-raw-rgb-16 tiff-big-deflate-rgba-8
        tiff-big-raw-cmyk-8 tiff-big-deflate-rgb-16 tiff-little-deflate-float tiff-gray-12
        tiff-gray-alpha tiff-premultiplied tiff-planar-deflate tiff-lab tiff-palette
        tiff-planar tiff-turned-6 icc-wide-tiff
        icc-wide-jpeg icc-wide-webp jpeg jpeg-420 jpeg-progressive jpeg-cmyk-profile
        jpeg-turned-5 gif gif-clear bmp bmp-palette webp webp-lossy ppm-gray ppm-rgb-16 pfm
        several.gif several.png several.webp several.tif
    """.split()
    files = {picture.name: picture.data for picture in right_pictures.all_pictures()}
    levels = np.round(pictures.smooth(150, 200) * 255)
    packed = [
        pictures.pillow(levels, "TIFF", compression=name)
        for name in ("tiff_lzw", "jpeg", "packbits")
    ]
    bits = pictures.Image.fromarray(np.uint8(levels[..., 0])).convert("1")
    packed.append(pictures.pillow(bits, "TIFF", compression="group4"))
    avif = [pictures.pillow(levels, "AVIF")] if "AVIF" in images.decoding.FORMATS else []
    return [
        *(files[name] for name in names),
        *packed,
        *avif,
        pictures.pillow(levels, "JPEG", quality=90),
    ]


def mutated(data: bytes, rng: np.random.Generator, other: bytes = b"") -> bytes:
    """Damages a file in one to four places.

    Args:
      data: the file.
      rng: source of all choices.
      other: file whose end sometimes replaces the end of this one.

    Returns:
      The damaged file; in half of the cases with correct checksums, if it is a PNG.
    """
    operations = [_flip, _flip, _set, _cut, _insert, _repeat, _swap, _zero, _number]
    for _ in range(min(4, rng.geometric(0.6))):
        data = operations[rng.integers(len(operations))](data, rng) or b"\0"
    if other and rng.random() < 0.05:
        data = data[: rng.integers(len(data))] + other[rng.integers(len(other)) :]
    if rng.random() < 0.05:
        data = data[: rng.integers(1, len(data) + 1)]
    return with_checksums(data) if rng.random() < 0.5 else data


def with_checksums(data: bytes) -> bytes:
    """Corrects the checksums of all chunks of a PNG; returns any other file unchanged."""
    parts, place = [data[:8]], 8
    while data.startswith(b"\x89PNG") and place + 12 <= len(data):
        end = place + 8 + struct.unpack(">I", data[place : place + 4])[0]
        parts += [data[place:end], struct.pack(">I", zlib.crc32(data[place + 4 : end]))]
        place = end + 4
    corrected = b"".join(parts)
    return corrected + data[place:] if len(corrected) < place else corrected


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Chooses a range of bytes, 20 long on average."""
    start = int(rng.integers(len(data)))
    return start, min(len(data), start + int(rng.geometric(0.05)))


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Chooses an offset, half of the time within the first 200 bytes, which hold the structure."""
    return int(rng.integers(min(len(data), 200) if rng.random() < 0.5 else len(data)))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    """Flips a bit."""
    place = _place(data, rng)
    return data[:place] + bytes([data[place] ^ 1 << rng.integers(8)]) + data[place + 1 :]


def _set(data: bytes, rng: np.random.Generator) -> bytes:
    """Sets a byte to an extreme value."""
    place = _place(data, rng)
    return data[:place] + bytes([EXTREMES[rng.integers(len(EXTREMES))]]) + data[place + 1 :]


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    """Sets two or four bytes to a very large or small number."""
    place = _place(data, rng)
    size = int(rng.choice([2, 4]))
    value = int(rng.choice([0, 1, 40, 65535, 2**31 - 1, 2**32 - 1])) % 256**size
    number = value.to_bytes(size, "big" if rng.random() < 0.5 else "little")
    return data[:place] + number + data[place + size :]


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    """Removes a range."""
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    """Inserts random bytes."""
    start, end = _span(data, rng)
    return data[:start] + rng.bytes(end - start) + data[start:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    """Repeats a range up to 19 times."""
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * int(rng.integers(1, 20)) + data[end:]


def _zero(data: bytes, rng: np.random.Generator) -> bytes:
    """Sets a range to zero."""
    start, end = _span(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _swap(data: bytes, rng: np.random.Generator) -> bytes:
    """Swaps two adjacent ranges."""
    a, b, c = sorted(int(place) for place in rng.integers(len(data) + 1, size=3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def assert_image_or_one_line(path: pathlib.Path) -> bool:
    """Asserts that a file gives a valid image, or an error of one line; True if an image."""
    try:
        image = images.load(path)
    except errors.UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 300, str(error)
        return False
    assert image.ndim == 3 and image.shape[2] == 3, image.shape
    assert image.dtype == np.float32, image.dtype
    assert 0 <= image.min() <= image.max() <= 1
    return True


def main(count: int, seed: int) -> dict:
    """Reads damaged files and measures.

    Args:
      count: number of files.
      seed: of all random choices.
    """
    rng = np.random.default_rng(seed)
    whole = originals()
    loaded, slowest = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "mutated"
        for data in whole:
            path.write_bytes(data)
            assert assert_image_or_one_line(path), data[:20]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))

        for number in range(count):
            other = whole[rng.integers(len(whole))]
            path.write_bytes(mutated(whole[number % len(whole)], rng, other))
            faulthandler.dump_traceback_later(SLOW, exit=True)
            start = time.perf_counter()
            loaded += assert_image_or_one_line(path)
            slowest = max(slowest, time.perf_counter() - start)
            faulthandler.cancel_dump_traceback_later()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "loaded": loaded,
        "refused": count - loaded,
        "slowest": round(slowest, 3),
        "megabytes": grown // 1024,
    }


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
