"""Damages image files at random, by a seed, and has them read, in a process whose memory and time are measured.

python tests/mutations.py COUNT SEED        prints loaded, refused, the slowest's seconds, the growth of the peak in MB
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

SLOW = 10.0  # seconds: whatever takes longer hangs
ROOM = 2 << 30  # bytes of address space beyond what there is at the start: none may be asked for
SOME = b"\0\1\x7f\x80\xff"  # bytes that are the ends of ranges


def originals() -> list[bytes]:
    """Files of every format, small and larger ones."""
    named = """png-0-1-plain png-0-16-plain png-2-8-plain png-2-16-interlaced png-3-4-plain-alpha png-6-16-plain icc-wide
        tiff-little-raw-rgb-16 tiff-big-deflate-rgba-8 tiff-big-raw-cmyk-8 tiff-palette tiff-planar tiff-turned-6
        icc-wide-tiff icc-wide-jpeg icc-wide-webp jpeg jpeg-420 jpeg-progressive jpeg-cmyk-profile jpeg-turned-5 gif
        gif-clear bmp bmp-palette webp webp-lossy ppm-grey ppm-rgb-16 pfm several.gif several.png several.webp
        several.tif""".split()
    known = {picture.name: picture.data for picture in right_pictures.every()}
    levels = np.round(pictures.smooth(150, 200) * 255)
    packed = [
        pictures.pillow(levels, "TIFF", compression=name)
        for name in ("tiff_lzw", "jpeg", "packbits")
    ]
    avif = [pictures.pillow(levels, "AVIF")] if "AVIF" in images.decoding.FORMATS else []
    return [
        *(known[name] for name in named),
        *packed,
        *avif,
        pictures.pillow(levels, "JPEG", quality=90),
    ]


def mutated(data: bytes, rng: np.random.Generator, other: bytes = b"") -> bytes:
    """The file with one injury, or up to four; of a PNG the checksums are mended in half of the cases."""
    kinds = [_flip, _flip, _set, _cut, _insert, _repeat, _swap, _zero, _number]
    found = data
    for _ in range(min(4, rng.geometric(0.6))):
        found = kinds[rng.integers(len(kinds))](found, rng) or b"\0"
    if other and rng.random() < 0.05:
        found = found[: rng.integers(len(found))] + other[rng.integers(len(other)) :]
    if rng.random() < 0.05:
        found = found[: rng.integers(1, len(found) + 1)]
    return mended(found) if rng.random() < 0.5 else found


def mended(data: bytes) -> bytes:
    """With the checksums that the chunks of a PNG should have; whatever else stays as it is."""
    found, place = data[:8], 8
    while data.startswith(b"\x89PNG") and place + 12 <= len(data):
        end = place + 8 + struct.unpack(">I", data[place : place + 4])[0]
        found += data[place:end] + struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return found + data[place:] if len(found) < place else found


def _span(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, min(len(data), start + int(rng.geometric(0.05)))


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Anywhere; as often in the head, where the structure is."""
    return int(rng.integers(min(len(data), 200) if rng.random() < 0.5 else len(data)))


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    place = _place(data, rng)
    return data[:place] + bytes([data[place] ^ 1 << rng.integers(8)]) + data[place + 1 :]


def _set(data: bytes, rng: np.random.Generator) -> bytes:
    place = _place(data, rng)
    return data[:place] + bytes([SOME[rng.integers(len(SOME))]]) + data[place + 1 :]


def _number(data: bytes, rng: np.random.Generator) -> bytes:
    """Two or four bytes become a large or small number."""
    place, size = _place(data, rng), int(rng.choice([2, 4]))
    value = int(rng.choice([0, 1, 40, 65535, 2**31 - 1, 2**32 - 1])) % 256**size
    return (
        data[:place]
        + value.to_bytes(size, "big" if rng.random() < 0.5 else "little")
        + data[place + size :]
    )


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _insert(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + rng.bytes(end - start) + data[start:]


def _repeat(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * int(rng.integers(1, 20)) + data[end:]


def _zero(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def _swap(data: bytes, rng: np.random.Generator) -> bytes:
    """Two neighbouring pieces change places."""
    a, b, c = sorted(int(place) for place in rng.integers(len(data) + 1, size=3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def attempt(path: pathlib.Path) -> bool:
    """Whether the file is read; what is read is an image, and what is not is one line."""
    try:
        image = images.load(path)
    except errors.UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 300, str(error)
        return False
    assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.float32, (
        image.shape,
        image.dtype,
    )
    assert 0 <= image.min() <= image.max() <= 1
    return True


def main(count: int, seed: int) -> dict:
    """Reads so many damaged files; each is written to the same path, which tells what an error was about."""
    rng, whole, loaded, slowest = np.random.default_rng(seed), originals(), 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "mutated"
        for data in whole:
            path.write_bytes(data)
            assert attempt(path), data[:20]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
        for number in range(count):
            path.write_bytes(
                mutated(whole[number % len(whole)], rng, whole[rng.integers(len(whole))])
            )
            faulthandler.dump_traceback_later(SLOW, exit=True)
            began = time.perf_counter()
            loaded += attempt(path)
            slowest = max(slowest, time.perf_counter() - began)
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
