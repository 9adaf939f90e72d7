"""Image files made from code, with what they show: after PngSuite, and of the other formats; whole and damaged.

PNG, TIFF and PNM are written by hand, sample by sample, so that nothing of the reader checks itself; the others by Pillow.
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
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))  # Adam7
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


# PNG


def chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    """A chunk of a PNG, with its checksum or a wrong one."""
    found = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", found)


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
    values: np.ndarray, colour: int, depth: int, interlaced: bool = False, chunks=(), head: bytes = b"", parts: int = 1
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
    packed = zlib.compress(b"".join(filtered(rows(part, depth), step) for part in taken if part.size))
    size = -(-len(packed) // parts)
    pieces = [(b"IDAT", packed[i : i + size]) for i in range(0, len(packed), size)]
    head = head or struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in ((b"IHDR", head), *chunks, *pieces, (b"IEND", b"")))


def pngs() -> list[Picture]:
    """Every colour type, depth and interlacing, without and with transparency."""
    found = []
    for colour, depths in DEPTHS.items():
        for depth, interlaced in itertools.product(depths, (False, True)):
            name, top = f"png-{colour}-{depth}-{'interlaced' if interlaced else 'plain'}", 2**depth - 1
            values = samples(CHANNELS[colour], top, colour * 100 + depth)
            if colour == 3:
                found += _palettes(name, values, depth, interlaced)
            elif colour in (4, 6):
                shown = over_white(values[..., :-1] / top, values[..., -1] / top)
                found.append(Picture(name, png(values, colour, depth, interlaced), shown))
            else:
                found += _keyed(name, values, colour, depth, interlaced)
    return found


def _keyed(name: str, values: np.ndarray, colour: int, depth: int, interlaced: bool) -> list[Picture]:
    top, key = 2**depth - 1, values[3, 5].copy()
    values[::3, ::2] = key
    near = (values[1, 1] ^ 1) if depth == 16 else values[1, 1]  # differs in the lowest bit: only 16 bits tell
    values[4, 4] = near
    plain = np.broadcast_to(values / top, (HEIGHT, WIDTH, 3))
    keyed = over_white(values / top, (values != key).any(-1).astype(float))
    chunks = [(b"tRNS", struct.pack(f">{len(key)}H", *key))]
    return [
        Picture(name, png(values, colour, depth, interlaced, parts=3), plain),
        Picture(f"{name}-keyed", png(values, colour, depth, interlaced, chunks), keyed),
    ]


def _palettes(name: str, values: np.ndarray, depth: int, interlaced: bool) -> list[Picture]:
    rng, count = np.random.default_rng(depth), 2**depth
    palette, alphas = rng.integers(0, 256, (count, 3)), np.full(count, 255)
    alphas[: count // 2] = rng.integers(0, 256, count // 2)
    colours, given = palette[values[..., 0]] / 255, [(b"PLTE", bytes(palette.astype(np.uint8)))]
    partly, clear = [*given, (b"tRNS", bytes(alphas[: count // 2].astype(np.uint8)))], alphas[values[..., 0]] / 255
    return [
        Picture(name, png(values, 3, depth, interlaced, given), colours),
        Picture(f"{name}-alpha", png(values, 3, depth, interlaced, partly), over_white(colours, clear)),
    ]


# TIFF


def tiff(values: np.ndarray, photometric: int, *, order: str = "<", bits: int = 8, packed: bool = False, tags=None,
         strips: int = 1, planar: bool = False) -> bytes:
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
    lines = [row.astype(f"{order}f4").tobytes() for row in values] if fractions else rows(values, bits, order)
    if planar:
        lines = [line for c in range(channels) for line in rows(values[..., c : c + 1], bits, order)]
    high = -(-len(lines) // strips)
    data = [b"".join(lines[i : i + high]) for i in range(0, len(lines), high)]
    data = [zlib.compress(each) for each in data] if packed else data
    starts = list(itertools.accumulate(map(len, data[:-1]), initial=8))
    known = {256: width, 257: height, 258: (32 if fractions else bits,) * channels, 259: 8 if packed else 1}
    known |= {262: photometric, 273: starts, 277: channels, 278: min(high, height), 279: [*map(len, data)], 284: 1 + planar}
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
        entries += held.ljust(4, b"\0") if len(held) <= 4 else struct.pack(f"{order}I", after + len(beyond))
        beyond += held + bytes(len(held) % 2) if len(held) > 4 else b""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", place)
    return start + data + bytes(len(data) % 2) + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + beyond


def tiffs() -> list[Picture]:
    """Grey, RGB, palette, CMYK, Lab and float; both orders of bytes, with and without deflate."""
    found = []
    for order, packed in itertools.product("<>", (False, True)):
        make = lambda values, photometric, order=order, packed=packed, **given: tiff(
            values, photometric, order=order, packed=packed, strips=3, **given)
        name = f"tiff-{'little' if order == '<' else 'big'}-{'deflate' if packed else 'raw'}"
        for bits in (8, 16):
            top, colours = 2**bits - 1, samples(3, 2**bits - 1, bits)
            alpha = samples(1, top, bits + 1)
            clear = over_white(colours / top, alpha[..., 0] / top)
            four = np.concatenate([colours, alpha], -1)
            grey = np.broadcast_to(colours[..., :1] / top, colours.shape)
            found += [
                Picture(f"{name}-grey-{bits}", make(colours[..., :1], 1, bits=bits), grey),
                Picture(f"{name}-rgb-{bits}", make(colours, 2, bits=bits), colours / top),
                Picture(f"{name}-rgba-{bits}", make(four, 2, bits=bits, tags={338: 2}), clear),
                Picture(f"{name}-rgbx-{bits}", make(four, 2, bits=bits, tags={338: 0}), colours / top),
                Picture(f"{name}-cmyk-{bits}", make(four, 5, bits=bits), _of_inks(four / top), 2.1 / 255),
            ]
        fractions = smooth()[..., :1].astype(np.float32) * 1.2 - 0.1
        shown = np.broadcast_to(np.clip(fractions, 0, 1), (HEIGHT, WIDTH, 3))
        found.append(Picture(f"{name}-float", make(fractions, 1), shown))
    return found + _further_tiffs()


def _further_tiffs() -> list[Picture]:
    grey, deep, shape = samples(1, 255), samples(1, 65535), (HEIGHT, WIDTH, 3)
    both, colours = samples(2, 255), samples(3, 255)
    palette = np.random.default_rng(1).integers(0, 256, (3, 256))
    premultiplied = (colours * both[..., 1:] // 255).astype(int)
    whole = np.concatenate([premultiplied, both[..., 1:]], -1)
    lab = np.concatenate([samples(1, 100) + 100, samples(2, 24) - 12], -1)
    few = samples(1, 4095)
    turned = {n: tiff(colours, 2, tags={274: n}, packed=n % 2 > 0) for n in range(1, 9)}
    return [
        Picture("tiff-white-is-zero", tiff(grey, 0), np.broadcast_to(1 - grey / 255, shape)),
        Picture("tiff-white-is-zero-16", tiff(deep, 0, bits=16), np.broadcast_to(1 - deep / 65535, shape)),
        Picture("tiff-bits", tiff(grey % 2, 1, bits=1), np.broadcast_to(grey % 2, shape).astype(float)),
        Picture("tiff-grey-12", tiff(few, 1, bits=12), np.broadcast_to(few / 4095, shape)),
        Picture("tiff-grey-alpha", tiff(both, 1, tags={338: 2}), over_white(both[..., :1] / 255, both[..., 1] / 255)),
        Picture("tiff-premultiplied", tiff(whole, 2, tags={338: 1}),
                premultiplied / 255 + 1 - both[..., 1:] / 255, 1.5 / 255),
        Picture("tiff-palette", tiff(grey, 3, tags={320: (palette * 257).ravel().tolist()}), palette.T[grey[..., 0]] / 255),
        Picture("tiff-planar", tiff(colours, 2, planar=True, strips=3), colours / 255),
        Picture("tiff-planar-deflate", tiff(colours, 2, planar=True, strips=3, packed=True), colours / 255),
        Picture("tiff-lab", tiff(lab % 256, 8), of_lab(lab[..., 0] / 2.55, lab[..., 1], lab[..., 2]), 2.5 / 255),
        *(Picture(f"tiff-turned-{n}", data, turn(colours / 255, n)) for n, data in turned.items()),
    ]


def turn(stored: np.ndarray, orientation: int) -> np.ndarray:
    """As EXIF says: where row 0 and column 0 of what is stored are seen."""
    rows, columns = stored.shape[:2]
    places = {  # of the stored pixel (i, j)
        1: lambda i, j: (i, j), 2: lambda i, j: (i, columns - 1 - j),
        3: lambda i, j: (rows - 1 - i, columns - 1 - j), 4: lambda i, j: (rows - 1 - i, j),
        5: lambda i, j: (j, i), 6: lambda i, j: (j, rows - 1 - i),
        7: lambda i, j: (columns - 1 - j, rows - 1 - i), 8: lambda i, j: (columns - 1 - j, i),
    }
    shown = np.zeros((rows, columns, 3) if orientation < 5 else (columns, rows, 3))
    i, j = np.mgrid[:rows, :columns]
    shown[places[orientation](i, j)] = stored
    return shown


def _of_inks(inks: np.ndarray) -> np.ndarray:
    """CMYK in [0, 1] without a profile."""
    return (1 - inks[..., :3]) * (1 - inks[..., 3:])


# Colours


WHITE = np.array([0.9642, 1.0, 0.8249])  # D50
SRGB = np.array([[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])  # to XYZ, at D50
WIDE = np.array([[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]])  # Adobe's


def of_xyz(xyz: np.ndarray) -> np.ndarray:
    """`[..., 3]` at D50 -> sRGB, cut."""
    linear = np.clip(xyz @ np.linalg.inv(SRGB).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def of_lab(lightness: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* -> sRGB, cut."""
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], -1)
    return of_xyz(np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * WHITE)


def _fixed(values) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def icc(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    """An ICC profile, version 2."""
    named = b"desc" + bytes(4) + struct.pack(">I", 5) + b"made\0" + bytes(78)
    tags = {b"desc": named, b"cprt": b"text" + bytes(4) + b"no\0", b"wtpt": b"XYZ " + bytes(4) + _fixed(WHITE), **tags}
    table, data = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(value))
        data += value
    device = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4sI4s4s4s", 132 + 12 * len(tags) + len(data), b"none", 0x02400000, device, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(WHITE)
    return head.ljust(128, b"\0") + table + data


def matrix_profile(matrix: np.ndarray = WIDE, gamma: float = 2.2) -> bytes:
    """Of RGB: `gamma`, and the XYZ of the three colours."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)
    colours = {name: b"XYZ " + bytes(4) + _fixed(column) for name, column in columns}
    return icc(b"RGB ", colours | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def grey_profile(gamma: float) -> bytes:
    """Of grey."""
    return icc(b"GRAY", {b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))})


def ink_profile() -> bytes:
    """Of CMYK, in which cyan ink is orange: Lab at the corners of the cube, and straight lines between them."""
    inks = np.array(list(itertools.product((0, 1), repeat=4)))  # the last one changes first, as in the profile
    lab = np.stack([100 - 30 * inks[:, 0] - 20 * inks[:, 1] - 10 * inks[:, 2] - 35 * inks[:, 3],
                    40 * inks[:, 0] + 20 * inks[:, 1], 50 * inks[:, 0] - 20 * inks[:, 2]], -1)
    cube = np.concatenate([np.round(lab[:, :1] * 2.55), lab[:, 1:] + 128], -1).astype(np.uint8).tobytes()
    straight = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + _fixed(np.eye(3).ravel()) + straight * 4 + cube + straight * 3
    return icc(b"CMYK", {b"A2B0": lut, b"A2B1": lut, b"A2B2": lut}, b"Lab ")


def of_ink_profile(inks: np.ndarray) -> np.ndarray:
    """What `ink_profile` says of CMYK in [0, 1]."""
    c, m, y, k = np.moveaxis(inks, -1, 0)
    return of_lab(100 - 30 * c - 20 * m - 10 * y - 35 * k, 40 * c + 20 * m, 50 * c - 20 * y)


def profiled() -> list[Picture]:
    """Profiles that count, and those that do not."""
    soft = 0.2 + 0.6 * smooth()  # sRGB has all of these colours
    levels, grey = np.round(soft * 255).astype(int), np.round(smooth()[..., :1] * 255).astype(int)
    wide, shown = matrix_profile(), of_xyz((levels / 255) ** 2.2 @ WIDE.T)
    alpha = np.concatenate([levels, samples(1, 255)], -1)
    dark = of_xyz((grey / 255) ** 1.0 * WHITE)
    deep = np.round(soft * 65535).astype(int)
    iccp = lambda profile: [(b"iCCP", b"made\0\0" + zlib.compress(profile))]
    as_png = lambda values, profile, colour=2, depth=8: png(values, colour, depth, chunks=iccp(profile))
    plain = lambda name, profile: Picture(f"icc-{name}", as_png(levels, profile), levels / 255)
    few = Image.fromarray(levels.astype(np.uint8)).quantize(16)
    indexed = np.asarray(few.convert("RGB")) / 255
    return [
        Picture("icc-wide", as_png(levels, wide), shown, 2 / 255),
        Picture("icc-wide-16", as_png(deep, wide, depth=16), of_xyz((deep / 65535) ** 2.2 @ WIDE.T), 6 / 255),
        Picture("icc-wide-rgba", as_png(alpha, wide, 6), over_white(shown, alpha[..., 3] / 255), 2 / 255),
        Picture("icc-wide-palette", pillow(few, "PNG", icc_profile=wide), of_xyz(indexed**2.2 @ WIDE.T), 2 / 255),
        Picture("icc-wide-tiff", tiff(levels, 2, tags={34675: wide}), shown, 2 / 255),
        Picture("icc-wide-jpeg", pillow(levels, "JPEG", quality=100, subsampling=0, icc_profile=wide), shown, 14 / 255),
        Picture("icc-wide-webp", pillow(levels, "WEBP", lossless=True, icc_profile=wide), shown, 2 / 255),
        Picture("icc-grey", as_png(grey, grey_profile(1.0), 0), np.broadcast_to(dark, (HEIGHT, WIDTH, 3)), 2 / 255),
        Picture("icc-grey-of-rgb", as_png(grey, wide, 0), np.repeat(of_xyz((grey / 255) ** 2.2 * WHITE), 1, -1), 2 / 255),
        plain("noise", np.random.default_rng(0).bytes(500)),
        plain("cut", wide[:200]),
        plain("empty", b""),
        plain("of-grey", grey_profile(1.0)),
        plain("of-cmyk", ink_profile()),
    ]


# By Pillow


def pillow(values, kind: str, **options) -> bytes:
    """A file that Pillow writes, of an array of levels or an image."""
    image = values if isinstance(values, Image.Image) else Image.fromarray(np.squeeze(values).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpegs() -> list[Picture]:
    """Of colours, grey, inks; turned; progressive."""
    levels, near = np.round(smooth() * 255), 4 / 255
    best = {"quality": 100, "subsampling": 0}
    inks = np.concatenate([smooth(), smooth()[..., 2:] * 0.5], -1)
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), np.round(inks * 255).astype(np.uint8).tobytes())
    of_inks = lambda **given: pillow(image, "JPEG", **best, **given)
    marked = of_inks()
    place = marked.index(b"Adobe") + 11
    ycck, bare = marked[:place] + b"\2" + marked[place + 1 :], marked[: place - 15] + marked[place + 1 :]
    turned = {n: pillow(levels, "JPEG", **best, exif=exif(n)) for n in range(1, 9)}
    return [
        Picture("jpeg", pillow(levels, "JPEG", **best), levels / 255, near),
        Picture("jpeg-progressive", pillow(levels, "JPEG", **best, progressive=True), levels / 255, near),
        Picture("jpeg-420", pillow(levels, "JPEG", quality=95), levels / 255, 12 / 255),
        Picture("jpeg-grey", pillow(levels[..., :1], "JPEG", **best), np.repeat(levels[..., :1] / 255, 3, -1), near),
        Picture("jpeg-cmyk", marked, _of_inks(inks), near),
        Picture("jpeg-cmyk-bare", bare, _of_inks(inks), near),
        Picture("jpeg-ycck", ycck, _of_inks(1 - of_ycck(1 - inks)), 6 / 255),
        Picture("jpeg-cmyk-profile", of_inks(icc_profile=ink_profile()), of_ink_profile(inks), 12 / 255),
        Picture("jpeg-cmyk-wrong-profile", of_inks(icc_profile=matrix_profile()), _of_inks(inks), near),
        *(Picture(f"jpeg-turned-{n}", data, turn(levels / 255, n), near) for n, data in turned.items()),
        Picture("jpeg-turned-9", pillow(levels, "JPEG", **best, exif=exif(9)), levels / 255, near),
        Picture("jpeg-exif-noise", pillow(levels, "JPEG", **best, exif=b"Exif\0\0" + bytes(range(99))), levels / 255, near),
    ]


def of_ycck(stored: np.ndarray) -> np.ndarray:
    """What a JPEG of YCCK stores -> what one of CMYK would: the first three are YCbCr of the inks' complements."""
    y, cb, cr, k = np.moveaxis(stored * 255, -1, 0)
    rgb = np.stack([y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)], -1)
    return np.concatenate([1 - np.clip(rgb, 0, 255) / 255, k[..., None] / 255], -1)


def exif(orientation: int) -> bytes:
    """EXIF with nothing but that."""
    found = Image.Exif()
    found[0x0112] = orientation
    return found.tobytes()


def others() -> list[Picture]:
    """PNG with EXIF, GIF, BMP, WebP, AVIF and PNM."""
    levels, both = np.round(smooth() * 255).astype(int), samples(4, 255)
    few = Image.fromarray(levels.astype(np.uint8)).quantize(16)
    colours, index = np.asarray(few.convert("RGB")) / 255, np.asarray(few)
    clear = over_white(both[..., :3] / 255, both[..., 3] / 255)
    bits = levels[..., :1] // 128
    deep, plain = samples(3, 65535), lambda values: " ".join(map(str, values.ravel().tolist())).encode()
    size = f" {WIDTH} {HEIGHT} ".encode()
    grey = lambda values: np.broadcast_to(values, (HEIGHT, WIDTH, 3)).astype(float)
    first = deep[..., :1]
    fractions = smooth()[..., 0].astype("<f4")
    return [
        *(Picture(f"png-turned-{n}", pillow(levels, "PNG", exif=exif(n)), turn(levels / 255, n)) for n in range(1, 9)),
        Picture("webp-turned-6", pillow(levels, "WEBP", lossless=True, exif=exif(6)), turn(levels / 255, 6)),
        Picture("gif", pillow(few, "GIF"), colours),
        Picture("gif-plain", pillow(few, "GIF", interlace=0), colours),
        Picture("gif-clear", pillow(few, "GIF", transparency=3), over_white(colours, (index != 3).astype(float))),
        Picture("gif-grey", pillow(levels[..., :1], "GIF"), grey(levels[..., :1] / 255)),
        Picture("bmp", pillow(levels, "BMP"), levels / 255),
        Picture("bmp-palette", pillow(few, "BMP"), colours),
        Picture("bmp-bits", pillow(Image.fromarray(bits[..., 0] > 0), "BMP"), grey(bits)),
        Picture("webp", pillow(both, "WEBP", lossless=True, exact=True), clear, 0.6 / 255),
        Picture("webp-lossy", pillow(levels, "WEBP", quality=100), levels / 255, 12 / 255),
        Picture("ppm-bits", b"P1" + size + plain(1 - bits), grey(bits)),
        Picture("ppm-grey", b"P2" + size + b"255 " + plain(levels[..., :1]), grey(levels[..., :1] / 255)),
        Picture("ppm-rgb", b"P6" + size + b"255\n" + levels.astype(np.uint8).tobytes(), levels / 255),
        Picture("ppm-grey-16", b"P5" + size + b"65535\n" + first.astype(">u2").tobytes(), grey(first / 65535)),
        Picture("ppm-rgb-16", b"P6" + size + b"65535\n" + deep.astype(">u2").tobytes(), deep / 65535, 1.1 / 255),
        Picture("pfm", b"Pf" + size + b"-1.0\n" + fractions[::-1].tobytes(), grey(fractions[..., None])),
    ]


def several() -> list[Picture]:
    """Animations and files of many pages: the first is seen."""
    first, further = np.round(smooth() * 255).astype(np.uint8), [Image.new("RGB", (WIDTH, HEIGHT))] * 2
    save = lambda kind, **options: pillow(first, kind, save_all=True, append_images=further, **options)
    few = np.asarray(Image.fromarray(first).quantize(16).convert("RGB"))
    gif = pillow(few, "GIF", save_all=True, append_images=further)
    return [
        Picture("several.gif", gif, few / 255),
        Picture("several.png", save("PNG"), first / 255),
        Picture("several.webp", save("WEBP", lossless=True), first / 255),
        Picture("several.tif", save("TIFF"), first / 255),
    ]


def right() -> list[Picture]:
    """All that must be read, and as what."""
    return [*pngs(), *tiffs(), *profiled(), *jpegs(), *others(), *several()]


# Damaged


def damaged() -> dict[str, bytes]:
    """Files that must be refused, by what is wrong with them."""
    return {**_damaged_pngs(), **_bombs(), **_damaged_others(), **_cut()}


def _head(width=WIDTH, height=HEIGHT, depth=8, colour=2, compression=0, filters=0, interlace=0) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, colour, compression, filters, interlace)


def of_chunks(*chunks: tuple) -> bytes:
    """A PNG of just these, each as for `chunk`."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def _damaged_pngs() -> dict[str, bytes]:
    values, grey = samples(3, 255), samples(1, 255)
    whole, lines = png(values, 2, 8), filtered(rows(values, 8), 3)
    pixels, palette = (b"IDAT", zlib.compress(lines)), (b"PLTE", bytes(range(255)))
    first, last, of_palette = (b"IHDR", _head()), (b"IEND", b""), (b"IHDR", _head(colour=3))
    heads = [{"width": 0}, {"height": 0}, {"depth": 0}, {"depth": 3}, {"depth": 32}, {"colour": 1}, {"colour": 5},
             {"colour": 7}, {"depth": 4}, {"depth": 16, "colour": 3}, {"filters": 1}, {"interlace": 2},
             {"width": WIDTH + 1}, {"height": HEIGHT + 1}, {"height": 2 * HEIGHT}, {"width": 2**31}]
    found = {f"png-{name}-{value}": png(values, 2, 8, head=_head(**{name: value})) for each in heads
             for name, value in list(each.items())[:1]}
    found |= {
        f"png-checksum-{kind.decode()}": of_chunks(*(((*each, 1) if each[0] == kind else each) for each in chunks))
        for kind, chunks in ((b"IHDR", [first, pixels, last]), (b"IDAT", [first, pixels, last]),
                             (b"PLTE", [of_palette, palette, pixels, last]),
                             (b"tEXt", [first, (b"tEXt", b"a\0b"), pixels, last]))
    }
    return found | {
        "png-short-head": png(values, 2, 8, head=_head()[:-1]),
        "png-no-head": of_chunks(pixels, last),
        "png-no-palette": png(grey, 3, 8),
        "png-no-pixels": of_chunks(first, last),
        "png-empty-pixels": of_chunks(first, (b"IDAT", b""), last),
        "png-interlaced-height": png(values[1:], 2, 8, True, head=_head(height=HEIGHT, interlace=1)),
        "png-interlaced-height-even": png(values[1:], 2, 8, True, head=_head(height=HEIGHT + 1, interlace=1)),
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
    """Small files of large claims."""
    values, text = samples(3, 255), b"a\0\0" + zlib.compress(bytes(10**8))
    jpeg, gif, bmp = (bytearray(pillow(values, kind)) for kind in ("JPEG", "GIF", "BMP"))
    place, far = jpeg.index(b"\xff\xc0") + 5, b"\xff\xff\xff\xff"
    lying, gif[6:10], bmp[18:26] = bytearray(jpeg), far, struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    jpeg[place : place + 4], lying[place : place + 4] = far, struct.pack(">HH", 9000, 9000)
    progressive = pillow(np.zeros((1500, 1500, 3)), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xc4") : -2]
    sizes = [(2**31 - 1, 2**31 - 1), (100_000, 100_000), (13_000, 13_000), (10_001, 10_000), (9000, 9000)]
    sized = {f"bomb-png-{w}": png(values, 2, 8, head=_head(w, h)) for w, h in sizes}
    sized |= {f"bomb-tiff-{w}-{packed}": tiff(values, 2, packed=packed, tags={256: w, 257: h, 278: rows_at_once})
              for w, h in sizes for packed, rows_at_once in ((False, h), (True, 40))}
    return sized | {
        "bomb-text": png(values, 2, 8, chunks=[(b"zTXt", text)]),
        "bomb-texts": png(values, 2, 8, chunks=[(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))] * 100),
        "bomb-profile": png(values, 2, 8, chunks=[(b"iCCP", text)]),
        "bomb-scans": progressive[:-2] + scan * 2000 + progressive[-2:],
        "bomb-jpeg": bytes(jpeg),
        "bomb-jpeg-9000": bytes(lying),
        "bomb-gif": bytes(gif),
        "bomb-bmp": bytes(bmp),
        "bomb-ppm": b"P6 99999999 99999999 255\n" + bytes(1000),
        "bomb-ppm-9000": b"P5 9000 9000 255\n" + bytes(1000),
        "bomb-ppm-remark": b"P5 #" + b"x" * 1_000_000,
        "bomb-ppm-digits": b"P5 " + b"9" * 100_000,
    }


def _damaged_others() -> dict[str, bytes]:
    values, deep, lines = samples(3, 255), samples(3, 65535), smooth()[..., :1].astype(np.float32)
    jpeg, none = pillow(np.round(smooth() * 255), "JPEG", quality=100), lines.copy()
    none[3, 4] = np.nan
    middle, small = len(jpeg) // 2, np.zeros((31, 40, 3))
    return {
        "noise": np.random.default_rng(0).bytes(5000),
        "text": b"a picture\n" * 100,
        "zeros": bytes(5000),
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99"><rect width="50" height="50"/></svg>',
        "html": b"<!DOCTYPE html><title>404 Not Found</title>",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
        "pdf": b"%PDF-1.7\n" + bytes(500),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\nshowpage\n",
        "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 99, 99, 8, 3) + bytes(99),
        "xpm": b'/* XPM */\nstatic char *a[] = {\n"40 40 1 1",\n"a c #ffffff",\n' + b'"' + b"a" * 40 + b'",\n',
        "jpeg-zeros-for-its-end": jpeg[:middle] + bytes(len(jpeg) - middle),
        "jpeg-no-end": jpeg[:-2],
        "tiff-no-number": tiff(none, 1),
        "tiff-colours-of-floats": tiff(smooth().astype(np.float32), 2),
        "tiff-32": tiff(values[..., :1], 1, bits=32),
        "tiff-planes-of-16": tiff(deep, 2, bits=16, planar=True, strips=3),
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
    """Files whose end is missing; where what is missing holds no pixels they are left out."""
    levels = np.round(smooth() * 255).astype(np.uint8)
    save = lambda kind, **options: pillow(levels, kind, **options)
    deep, passes = png(samples(3, 65535), 2, 16), png(samples(3, 255), 2, 8, True)
    whole = {"png": save("PNG"), "jpeg": save("JPEG"), "progressive": save("JPEG", progressive=True), "gif": save("GIF"),
             "bmp": save("BMP"), "webp": save("WEBP", lossless=True), "webp-lossy": save("WEBP"), "ppm": save("PPM"),
             "tiff": tiff(levels, 2), "deflate": tiff(levels, 2, packed=True, strips=3), "png-16": deep,
             "lzw": save("TIFF", compression="tiff_lzw"), "interlaced": passes}
    parts = [*np.linspace(0.02, 0.9, 12), 0.95, 0.97]
    return {f"cut-{name}-{part:.2f}": data[: int(len(data) * part)] for name, data in whole.items() for part in parts}
