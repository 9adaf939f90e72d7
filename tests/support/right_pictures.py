"""Image files that must be read, with their contents. The kinds of PNG are those of PngSuite."""

import functools
import itertools
import struct
import zlib

import numpy as np
from PIL import Image

from support.colorimetry import (
    WHITE,
    WIDE,
    gray_profile,
    ink_profile,
    matrix_profile,
    of_cmyk,
    of_ink_profile,
    of_lab,
    of_xyz,
    of_ycck,
)
from support.pictures import (
    CHANNELS,
    HEIGHT,
    WIDTH,
    Picture,
    exif,
    over_white,
    pillow,
    png,
    samples,
    smooth,
    tiff,
    turn,
)

# Color type of PNG -> bits per sample.
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
SHAPE = (HEIGHT, WIDTH, 3)


@functools.cache
def all_pictures() -> list[Picture]:
    """Returns all files that must be read."""
    return [*pngs(), *tiffs(), *profiled(), *jpegs(), *others(), *several()]


def pngs() -> list[Picture]:
    """Returns PNGs of every color type, depth and interlacing, with and without transparency."""
    result = []
    for color, depths in DEPTHS.items():
        for depth, interlaced in itertools.product(depths, (False, True)):
            name = f"png-{color}-{depth}-{'interlaced' if interlaced else 'plain'}"
            top = 2**depth - 1
            values = samples(CHANNELS[color], top, color * 100 + depth)
            if color == 3:
                result += _palettes(name, values, depth, interlaced)
            elif color in (4, 6):
                shown = over_white(values[..., :-1] / top, values[..., -1] / top)
                result.append(Picture(name, png(values, color, depth, interlaced), shown))
            else:
                result += _keyed(name, values, color, depth, interlaced)
    return result


def _keyed(
    name: str, values: np.ndarray, color: int, depth: int, interlaced: bool
) -> list[Picture]:
    """Returns PNGs of gray or RGB without transparency, and with one transparent color."""
    top = 2**depth - 1
    key = values[3, 5].copy()
    values[::3, ::2] = key
    # With 16 bits, differ from the sample at (1, 1) in the lowest bit alone.
    values[4, 4] = (values[1, 1] ^ 1) if depth == 16 else values[1, 1]
    plain = np.broadcast_to(values / top, SHAPE)
    keyed = over_white(values / top, (values != key).any(-1).astype(float))
    chunks = [(b"tRNS", struct.pack(f">{len(key)}H", *key))]
    return [
        Picture(name, png(values, color, depth, interlaced, parts=3), plain),
        Picture(f"{name}-keyed", png(values, color, depth, interlaced, chunks), keyed),
    ]


def _palettes(name: str, values: np.ndarray, depth: int, interlaced: bool) -> list[Picture]:
    """Returns PNGs with a palette, opaque and with alpha in half of the palette."""
    rng = np.random.default_rng(depth)
    count = 2**depth
    palette = rng.integers(0, 256, (count, 3))
    alphas = np.full(count, 255)
    alphas[: count // 2] = rng.integers(0, 256, count // 2)

    index = values[..., 0]
    colors = palette[index] / 255
    opaque = [(b"PLTE", bytes(palette.astype(np.uint8)))]
    partial = [*opaque, (b"tRNS", bytes(alphas[: count // 2].astype(np.uint8)))]
    shown = over_white(colors, alphas[index] / 255)
    return [
        Picture(name, png(values, 3, depth, interlaced, opaque), colors),
        Picture(f"{name}-alpha", png(values, 3, depth, interlaced, partial), shown),
    ]


def tiffs() -> list[Picture]:
    """Returns TIFFs of every kind, in both byte orders, with and without deflate."""
    result = []
    for order, packed in itertools.product("<>", (False, True)):
        make = functools.partial(tiff, order=order, packed=packed, strips=3)
        name = f"tiff-{'little' if order == '<' else 'big'}-{'deflate' if packed else 'raw'}"
        for bits in (8, 16):
            top = 2**bits - 1
            rgb = samples(3, top, bits)
            alpha = samples(1, top, bits + 1)
            four = np.concatenate([rgb, alpha], -1)
            composite = over_white(rgb / top, alpha[..., 0] / top)
            files = {
                "gray": (
                    make(rgb[..., :1], 1, bits=bits),
                    np.broadcast_to(rgb[..., :1] / top, SHAPE),
                ),
                "rgb": (make(rgb, 2, bits=bits), rgb / top),
                "rgba": (make(four, 2, bits=bits, tags={338: 2}), composite),
                "rgbx": (make(four, 2, bits=bits, tags={338: 0}), rgb / top),
                "cmyk": (make(four, 5, bits=bits), of_cmyk(four / top), 2.1 / 255),
            }
            result += [Picture(f"{name}-{kind}-{bits}", *rest) for kind, rest in files.items()]

        fractions = smooth()[..., :1].astype(np.float32) * 2 - 0.5
        low, high = fractions.min(), fractions.max()
        shown = np.broadcast_to((fractions - low) / (high - low), SHAPE)
        result.append(Picture(f"{name}-float", make(fractions, 1), shown))
        colors = smooth().astype(np.float32)
        result.append(Picture(f"{name}-float-rgb", make(colors, 2), colors))
    return result + _further_tiffs()


def _further_tiffs() -> list[Picture]:
    """Returns TIFFs of rare kinds: inverted, few bits, palettes, planes, Lab, turned."""
    gray = samples(1, 255)
    deep = samples(1, 65535)
    few = samples(1, 4095)
    both = samples(2, 255)  # gray and alpha
    colors = samples(3, 255)
    palette = np.random.default_rng(1).integers(0, 256, (3, 256))
    premultiplied = (colors * both[..., 1:] // 255).astype(int)
    with_alpha = np.concatenate([premultiplied, both[..., 1:]], -1)
    lab = np.concatenate([samples(1, 100) + 100, samples(2, 24) - 12], -1)

    palette_tags = {320: (palette * 257).ravel().tolist()}
    lab_shown = of_lab(lab[..., 0] / 2.55, lab[..., 1], lab[..., 2])
    bits = np.broadcast_to(gray % 2, SHAPE).astype(float)
    gray_over_white = over_white(both[..., :1] / 255, both[..., 1] / 255)
    premultiplied_over_white = premultiplied / 255 + 1 - both[..., 1:] / 255
    planar = functools.partial(tiff, colors, 2, planar=True, strips=3)

    result = [
        Picture("tiff-white-is-zero", tiff(gray, 0), np.broadcast_to(1 - gray / 255, SHAPE)),
        Picture(
            "tiff-white-is-zero-16",
            tiff(deep, 0, bits=16),
            np.broadcast_to(1 - deep / 65535, SHAPE),
        ),
        Picture("tiff-bits", tiff(gray % 2, 1, bits=1), bits),
        Picture("tiff-gray-12", tiff(few, 1, bits=12), np.broadcast_to(few / 4095, SHAPE)),
        Picture("tiff-gray-alpha", tiff(both, 1, tags={338: 2}), gray_over_white),
        Picture(
            "tiff-premultiplied",
            tiff(with_alpha, 2, tags={338: 1}),
            premultiplied_over_white,
            1.5 / 255,
        ),
        Picture("tiff-palette", tiff(gray, 3, tags=palette_tags), palette.T[gray[..., 0]] / 255),
        Picture("tiff-planar", planar(), colors / 255),
        Picture("tiff-planar-deflate", planar(packed=True), colors / 255),
        Picture("tiff-lab", tiff(lab % 256, 8), lab_shown, 2.5 / 255),
    ]
    for n in range(1, 9):
        data = tiff(colors, 2, tags={274: n}, packed=n % 2 > 0)
        result.append(Picture(f"tiff-turned-{n}", data, turn(colors / 255, n)))
    return result


def profiled() -> list[Picture]:
    """Returns files with profiles that change colors, and with profiles that must be ignored."""
    soft = 0.2 + 0.6 * smooth()  # within the gamut of sRGB
    levels = np.round(soft * 255).astype(int)
    deep = np.round(soft * 65535).astype(int)
    with_alpha = np.concatenate([levels, samples(1, 255)], -1)
    gray = np.round(smooth()[..., :1] * 255).astype(int)
    few = Image.fromarray(levels.astype(np.uint8)).quantize(16)
    indexed = np.asarray(few.convert("RGB")) / 255

    wide = matrix_profile()
    shown = _of_wide(levels / 255)
    linear_gray = np.broadcast_to(of_xyz((gray / 255) ** 1.0 * WHITE), SHAPE)
    wide_gray = of_xyz((gray / 255) ** 2.2 * WHITE)
    jpeg = pillow(levels, "JPEG", quality=100, subsampling=0, icc_profile=wide)
    webp = pillow(levels, "WEBP", lossless=True, icc_profile=wide)
    near = 2 / 255
    result = [
        Picture("icc-wide", _png_with_profile(levels, wide), shown, near),
        Picture(
            "icc-wide-16", _png_with_profile(deep, wide, depth=16), _of_wide(deep / 65535), 6 / 255
        ),
        Picture(
            "icc-wide-rgba",
            _png_with_profile(with_alpha, wide, 6),
            over_white(shown, with_alpha[..., 3] / 255),
            near,
        ),
        Picture("icc-wide-palette", pillow(few, "PNG", icc_profile=wide), _of_wide(indexed), near),
        Picture("icc-wide-tiff", tiff(levels, 2, tags={34675: wide}), shown, near),
        Picture("icc-wide-jpeg", jpeg, shown, 14 / 255),
        Picture("icc-wide-webp", webp, shown, near),
        Picture("icc-gray", _png_with_profile(gray, gray_profile(1.0), 0), linear_gray, near),
        Picture("icc-gray-of-rgb", _png_with_profile(gray, wide, 0), wide_gray, near),
    ]

    ignored = {
        "noise": np.random.default_rng(0).bytes(500),
        "cut": wide[:200],
        "empty": b"",
        "of-gray": gray_profile(1.0),
        "of-cmyk": ink_profile(),
    }
    for name, profile in ignored.items():
        result.append(Picture(f"icc-{name}", _png_with_profile(levels, profile), levels / 255))
    return result


def _of_wide(values: np.ndarray) -> np.ndarray:
    """Converts `[H, W, 3]` in [0, 1] of the profile `matrix_profile` to sRGB."""
    return of_xyz(values**2.2 @ WIDE.T)


def _png_with_profile(values: np.ndarray, profile: bytes, color: int = 2, depth: int = 8) -> bytes:
    """Builds a PNG with an embedded profile."""
    chunk = (b"iCCP", b"made\0\0" + zlib.compress(profile))
    return png(values, color, depth, chunks=[chunk])


def jpegs() -> list[Picture]:
    """Returns JPEGs of RGB, gray and CMYK: turned, progressive, with and without profiles."""
    levels = np.round(smooth() * 255)
    near = 4 / 255
    best = {"quality": 100, "subsampling": 0}
    rgb = functools.partial(pillow, levels, "JPEG", **best)
    gray = pillow(levels[..., :1], "JPEG", **best)
    result = [
        Picture("jpeg", rgb(), levels / 255, near),
        Picture("jpeg-progressive", rgb(progressive=True), levels / 255, near),
        Picture("jpeg-420", pillow(levels, "JPEG", quality=95), levels / 255, 12 / 255),
        Picture("jpeg-gray", gray, np.repeat(levels[..., :1] / 255, 3, -1), near),
    ]

    inks = np.concatenate([smooth(), smooth()[..., 2:] * 0.5], -1)
    ink_levels = np.round(inks * 255).astype(np.uint8)
    image = Image.frombytes("CMYK", (WIDTH, HEIGHT), ink_levels.tobytes())
    cmyk = functools.partial(pillow, image, "JPEG", **best)
    plain = cmyk()
    place = plain.index(b"Adobe") + 11  # of the byte for the color transform in Adobe's marker
    ycck = plain[:place] + b"\2" + plain[place + 1 :]
    unmarked = plain[: place - 15] + plain[place + 1 :]
    wrong_profile = cmyk(icc_profile=matrix_profile())
    result += [
        Picture("jpeg-cmyk", plain, of_cmyk(inks), near),
        Picture("jpeg-cmyk-bare", unmarked, of_cmyk(inks), near),
        Picture("jpeg-ycck", ycck, of_cmyk(1 - of_ycck(1 - inks)), 6 / 255),
        Picture(
            "jpeg-cmyk-profile", cmyk(icc_profile=ink_profile()), of_ink_profile(inks), 12 / 255
        ),
        Picture("jpeg-cmyk-wrong-profile", wrong_profile, of_cmyk(inks), near),
    ]

    for n in range(1, 9):
        result.append(Picture(f"jpeg-turned-{n}", rgb(exif=exif(n)), turn(levels / 255, n), near))
    noise = b"Exif\0\0" + bytes(range(99))
    result += [
        Picture("jpeg-turned-9", rgb(exif=exif(9)), levels / 255, near),
        Picture("jpeg-exif-noise", rgb(exif=noise), levels / 255, near),
    ]
    return result


def others() -> list[Picture]:
    """Returns PNGs with EXIF, and GIF, BMP, WebP and PNM files."""
    levels = np.round(smooth() * 255).astype(int)
    result = []
    for n in range(1, 9):
        data = pillow(levels, "PNG", exif=exif(n))
        result.append(Picture(f"png-turned-{n}", data, turn(levels / 255, n)))
    return result + _gifs_and_bmps(levels) + _webps(levels) + _pnms(levels)


def _gifs_and_bmps(levels: np.ndarray) -> list[Picture]:
    """Returns files with palettes, transparency, gray and single bits."""
    few = Image.fromarray(levels.astype(np.uint8)).quantize(16)
    colors = np.asarray(few.convert("RGB")) / 255
    opaque = (np.asarray(few) != 3).astype(float)
    gray = levels[..., :1]
    bits = gray // 128
    return [
        Picture("gif", pillow(few, "GIF"), colors),
        Picture("gif-plain", pillow(few, "GIF", interlace=0), colors),
        Picture("gif-clear", pillow(few, "GIF", transparency=3), over_white(colors, opaque)),
        Picture("gif-gray", pillow(gray, "GIF"), _as_rgb(gray / 255)),
        Picture("bmp", pillow(levels, "BMP"), levels / 255),
        Picture("bmp-palette", pillow(few, "BMP"), colors),
        Picture("bmp-bits", pillow(Image.fromarray(bits[..., 0] > 0), "BMP"), _as_rgb(bits)),
    ]


def _webps(levels: np.ndarray) -> list[Picture]:
    """Returns lossless, lossy and turned files."""
    both = samples(4, 255)
    shown = over_white(both[..., :3] / 255, both[..., 3] / 255)
    lossy = pillow(levels, "WEBP", quality=100)
    turned = pillow(levels, "WEBP", lossless=True, exif=exif(6))
    return [
        Picture("webp", pillow(both, "WEBP", lossless=True, exact=True), shown, 0.6 / 255),
        Picture("webp-lossy", lossy, levels / 255, 12 / 255),
        Picture("webp-turned-6", turned, turn(levels / 255, 6)),
    ]


def _pnms(levels: np.ndarray) -> list[Picture]:
    """Returns ASCII and binary files of bits, gray, RGB and floats."""
    size = f" {WIDTH} {HEIGHT} ".encode()
    gray = levels[..., :1]
    bits = gray // 128
    deep = samples(3, 65535)
    first = deep[..., :1]
    fractions = smooth()[..., 0].astype("<f4")
    rgb = levels.astype(np.uint8).tobytes()
    gray_16 = first.astype(">u2").tobytes()
    rgb_16 = deep.astype(">u2").tobytes()
    floats = fractions[::-1].tobytes()  # from the bottom row to the top
    return [
        Picture("ppm-bits", b"P1" + size + _as_text(1 - bits), _as_rgb(bits)),
        Picture("ppm-gray", b"P2" + size + b"255 " + _as_text(gray), _as_rgb(gray / 255)),
        Picture("ppm-rgb", b"P6" + size + b"255\n" + rgb, levels / 255),
        Picture("ppm-gray-16", b"P5" + size + b"65535\n" + gray_16, _as_rgb(first / 65535)),
        Picture("ppm-rgb-16", b"P6" + size + b"65535\n" + rgb_16, deep / 65535),
        Picture("pfm", b"Pf" + size + b"-1.0\n" + floats, _as_rgb(fractions[..., None])),
    ]


def _as_rgb(values: np.ndarray) -> np.ndarray:
    """Repeats gray, `[H, W, 1]`, in three channels."""
    return np.broadcast_to(values, SHAPE).astype(float)


def _as_text(values: np.ndarray) -> bytes:
    """Writes samples as the decimal numbers of an ASCII PNM."""
    return " ".join(map(str, values.ravel().tolist())).encode()


def several() -> list[Picture]:
    """Returns animations and files of several pages, with the contents of the first."""
    first = np.round(smooth() * 255).astype(np.uint8)
    few = np.asarray(Image.fromarray(first).quantize(16).convert("RGB"))
    black = [Image.new("RGB", (WIDTH, HEIGHT))] * 2
    more = {"save_all": True, "append_images": black}
    return [
        Picture("several.gif", pillow(few, "GIF", **more), few / 255),
        Picture("several.png", pillow(first, "PNG", **more), first / 255),
        Picture("several.webp", pillow(first, "WEBP", lossless=True, **more), first / 255),
        Picture("several.tif", pillow(first, "TIFF", **more), first / 255),
    ]
