"""Image files that must be refused: damaged, cut off, too large to decode, or not images."""

import struct
import zlib

import numpy as np

from support.pictures import (
    HEIGHT,
    WIDTH,
    filtered,
    of_chunks,
    pillow,
    png,
    rows,
    samples,
    smooth,
    tiff,
)


def all_files() -> dict[str, bytes]:
    """Returns the files by the names of their faults."""
    return {**_damaged_pngs(), **_bombs(), **_damaged_others(), **_cut()}


def _head(
    width=WIDTH, height=HEIGHT, depth=8, color=2, compression=0, filters=0, interlace=0
) -> bytes:
    """Builds the contents of IHDR, the header of a PNG."""
    return struct.pack(">IIBBBBB", width, height, depth, color, compression, filters, interlace)


def _damaged_pngs() -> dict[str, bytes]:
    """Returns PNGs with false headers, wrong checksums, and missing or damaged chunks."""
    values = samples(3, 255)
    whole = png(values, 2, 8)
    lines = filtered(rows(values, 8), 3)
    first = (b"IHDR", _head())
    pixels = (b"IDAT", zlib.compress(lines))
    last = (b"IEND", b"")

    heads = [
        {"width": 0},
        {"height": 0},
        {"depth": 0},
        {"depth": 3},
        {"depth": 32},
        {"color": 1},
        {"color": 5},
        {"color": 7},
        {"depth": 4},
        {"depth": 16},
        {"depth": 16, "color": 3},
        {"filters": 1},
        {"interlace": 2},
        {"width": WIDTH + 1},
        {"height": HEIGHT + 1},
        {"height": 2 * HEIGHT},
        {"width": 2**31},
    ]
    damaged = {}
    for fields in heads:
        name = "-".join(f"{field}-{value}" for field, value in fields.items())
        damaged[f"png-{name}"] = png(values, 2, 8, head=_head(**fields))

    with_palette = [(b"IHDR", _head(color=3)), (b"PLTE", bytes(range(255))), pixels, last]
    for kind, chunks in (
        (b"IHDR", [first, pixels, last]),
        (b"IDAT", [first, pixels, last]),
        (b"PLTE", with_palette),
        (b"tEXt", [first, (b"tEXt", b"a\0b"), pixels, last]),
    ):
        wrong = [(*chunk, 1) if chunk[0] == kind else chunk for chunk in chunks]
        damaged[f"png-checksum-{kind.decode()}"] = of_chunks(*wrong)

    return damaged | {
        "png-short-head": png(values, 2, 8, head=_head()[:-1]),
        "png-no-head": of_chunks(pixels, last),
        "png-no-palette": png(samples(1, 255), 3, 8),
        "png-no-pixels": of_chunks(first, last),
        "png-empty-pixels": of_chunks(first, (b"IDAT", b""), last),
        "png-interlaced-height": png(
            values[1:], 2, 8, True, head=_head(height=HEIGHT, interlace=1)
        ),
        "png-interlaced-height-even": png(
            values[1:], 2, 8, True, head=_head(height=HEIGHT + 1, interlace=1)
        ),
        "png-black-rows-missing": png(values * 0, 2, 8, head=_head(height=HEIGHT + 5)),
        "png-cut-row": of_chunks(first, (b"IDAT", zlib.compress(lines[:-1])), last),
        "png-noise": of_chunks(first, (b"IDAT", np.random.default_rng(0).bytes(3000)), last),
        "png-filter-9": of_chunks(first, (b"IDAT", zlib.compress(b"\t" + lines[1:])), last),
        "png-wrong-sum-of-pixels": of_chunks(first, (b"IDAT", pixels[1][:-4] + bytes(4)), last),
        "png-no-end": of_chunks(first, pixels),
        "png-as-text": whole.replace(b"\r\n", b"\n"),
        "png-with-returns": whole.replace(b"\n", b"\r\n"),
        "png-seven-bits": bytes(byte & 127 for byte in whole),
    }


def _bombs() -> dict[str, bytes]:
    """Returns small files that state large sizes or unpack to much data."""
    values = samples(3, 255)
    text = b"a\0\0" + zlib.compress(bytes(10**8))

    # Replace the sizes in the headers of intact files.
    largest = b"\xff\xff\xff\xff"
    jpeg, gif, bmp = (bytearray(pillow(values, kind)) for kind in ("JPEG", "GIF", "BMP"))
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg_9000 = bytearray(jpeg)
    jpeg_9000[place : place + 4] = struct.pack(">HH", 9000, 9000)
    jpeg[place : place + 4] = largest
    gif[6:10] = largest
    bmp[18:26] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)

    progressive = pillow(np.zeros((1500, 1500, 3)), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xc4") : -2]

    sizes = [
        (2**31 - 1, 2**31 - 1),
        (100_000, 100_000),
        (13_000, 13_000),
        (10_001, 10_000),
        (9000, 9000),
    ]
    bombs = {f"bomb-png-{w}": png(values, 2, 8, head=_head(w, h)) for w, h in sizes}
    for w, h in sizes:
        for packed, rows_per_strip in ((False, h), (True, 40)):
            tags = {256: w, 257: h, 278: rows_per_strip}
            bombs[f"bomb-tiff-{w}-{packed}"] = tiff(values, 2, packed=packed, tags=tags)
    return bombs | {
        "bomb-text": png(values, 2, 8, chunks=[(b"zTXt", text)]),
        "bomb-texts": png(
            values, 2, 8, chunks=[(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))] * 100
        ),
        "bomb-profile": png(values, 2, 8, chunks=[(b"iCCP", text)]),
        "bomb-scans": progressive[:-2] + scan * 2000 + progressive[-2:],
        "bomb-jpeg": bytes(jpeg),
        "bomb-jpeg-9000": bytes(jpeg_9000),
        "bomb-gif": bytes(gif),
        "bomb-bmp": bytes(bmp),
        "bomb-ppm": b"P6 99999999 99999999 255\n" + bytes(1000),
        "bomb-ppm-9000": b"P5 9000 9000 255\n" + bytes(1000),
        "bomb-ppm-remark": b"P5 #" + b"x" * 1_000_000,
        "bomb-ppm-digits": b"P5 " + b"9" * 100_000,
    }


def _damaged_others() -> dict[str, bytes]:
    """Returns files of other formats, supported or not, and images that are too small."""
    values = samples(3, 255)
    jpeg = pillow(np.round(smooth() * 255), "JPEG", quality=100)
    middle = len(jpeg) // 2
    with_nan = smooth()[..., :1].astype(np.float32)
    with_nan[3, 4] = np.nan
    small = np.zeros((31, 40, 3))
    return {
        "noise": np.random.default_rng(0).bytes(5000),
        "text": b"a picture\n" * 100,
        "zeros": bytes(5000),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99">'
        b'<rect width="50" height="50"/></svg>',
        "html": b"<!DOCTYPE html><title>404 Not Found</title>",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
        "pdf": b"%PDF-1.7\n" + bytes(500),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\nshowpage\n",
        "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 99, 99, 8, 3) + bytes(99),
        "xpm": b'/* XPM */\nstatic char *a[] = {\n"40 40 1 1",\n"a c #ffffff",\n'
        + b'"'
        + b"a" * 40
        + b'",\n',
        "jpeg-zeros-for-its-end": jpeg[:middle] + bytes(len(jpeg) - middle),
        "jpeg-no-end": jpeg[:-2],
        "tiff-no-number": tiff(with_nan, 1),
        "tiff-lab-of-floats": tiff(smooth().astype(np.float32), 8),
        "tiff-32": tiff(values[..., :1], 1, bits=32),
        "tiff-strips-missing": tiff(values, 2, strips=3, tags={273: 8, 279: 100}),
        "tiff-strips-beyond": tiff(values, 2, tags={273: 2**31}),
        "tiff-one-tag": b"II*\0\x08\0\0\0\1\0" + bytes(12),
        "tiff-tags-go-round": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "small.png": pillow(small, "PNG"),
        "small.jpg": pillow(small, "JPEG"),
        "small.tif": pillow(small, "TIFF"),
        "small.gif": pillow(np.zeros((1, 1, 3)), "GIF"),
    }


def _cut() -> dict[str, bytes]:
    """Returns files whose end is missing, each format at several lengths.

    The last 3 % are never cut alone: they may hold no pixels.
    """
    levels = np.round(smooth() * 255).astype(np.uint8)
    whole = {
        "png": pillow(levels, "PNG"),
        "jpeg": pillow(levels, "JPEG"),
        "progressive": pillow(levels, "JPEG", progressive=True),
        "gif": pillow(levels, "GIF"),
        "bmp": pillow(levels, "BMP"),
        "webp": pillow(levels, "WEBP", lossless=True),
        "webp-lossy": pillow(levels, "WEBP"),
        "ppm": pillow(levels, "PPM"),
        "tiff": tiff(levels, 2),
        "deflate": tiff(levels, 2, packed=True, strips=3),
        "png-16": png(samples(3, 65535), 2, 16),
        "lzw": pillow(levels, "TIFF", compression="tiff_lzw"),
        "interlaced": png(samples(3, 255), 2, 8, True),
    }
    parts = [*np.linspace(0.02, 0.9, 12), 0.95, 0.97]
    return {
        f"cut-{name}-{part:.2f}": data[: int(len(data) * part)]
        for name, data in whole.items()
        for part in parts
    }
