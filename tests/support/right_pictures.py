"""Image files that must be read, and as what: every kind of PNG, after PngSuite, of TIFF; profiles, JPEG and the others."""

import itertools
import struct
import zlib

import numpy as np
from PIL import Image

from support.colorimetry import (
    WHITE,
    WIDE,
    grey_profile,
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

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def every() -> list[Picture]:
    """All that must be read, and as what."""
    return [*pngs(), *tiffs(), *profiled(), *jpegs(), *others(), *several()]


def pngs() -> list[Picture]:
    """Every colour type, depth and interlacing, without and with transparency."""
    found = []
    for colour, depths in DEPTHS.items():
        for depth, interlaced in itertools.product(depths, (False, True)):
            name, top = (
                f"png-{colour}-{depth}-{'interlaced' if interlaced else 'plain'}",
                2**depth - 1,
            )
            values = samples(CHANNELS[colour], top, colour * 100 + depth)
            if colour == 3:
                found += _palettes(name, values, depth, interlaced)
            elif colour in (4, 6):
                shown = over_white(values[..., :-1] / top, values[..., -1] / top)
                found.append(Picture(name, png(values, colour, depth, interlaced), shown))
            else:
                found += _keyed(name, values, colour, depth, interlaced)
    return found


def _keyed(
    name: str, values: np.ndarray, colour: int, depth: int, interlaced: bool
) -> list[Picture]:
    top, key = 2**depth - 1, values[3, 5].copy()
    values[::3, ::2] = key
    near = (
        (values[1, 1] ^ 1) if depth == 16 else values[1, 1]
    )  # differs in the lowest bit: only 16 bits tell
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
    partly, clear = (
        [*given, (b"tRNS", bytes(alphas[: count // 2].astype(np.uint8)))],
        alphas[values[..., 0]] / 255,
    )
    return [
        Picture(name, png(values, 3, depth, interlaced, given), colours),
        Picture(
            f"{name}-alpha", png(values, 3, depth, interlaced, partly), over_white(colours, clear)
        ),
    ]


def tiffs() -> list[Picture]:
    """Grey, RGB, palette, CMYK, Lab and float; both orders of bytes, with and without deflate."""
    found = []
    for order, packed in itertools.product("<>", (False, True)):
        make = lambda values, photometric, order=order, packed=packed, **given: tiff(
            values, photometric, order=order, packed=packed, strips=3, **given
        )
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
                Picture(
                    f"{name}-rgbx-{bits}", make(four, 2, bits=bits, tags={338: 0}), colours / top
                ),
                Picture(
                    f"{name}-cmyk-{bits}", make(four, 5, bits=bits), of_cmyk(four / top), 2.1 / 255
                ),
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
        Picture(
            "tiff-white-is-zero-16",
            tiff(deep, 0, bits=16),
            np.broadcast_to(1 - deep / 65535, shape),
        ),
        Picture(
            "tiff-bits", tiff(grey % 2, 1, bits=1), np.broadcast_to(grey % 2, shape).astype(float)
        ),
        Picture("tiff-grey-12", tiff(few, 1, bits=12), np.broadcast_to(few / 4095, shape)),
        Picture(
            "tiff-grey-alpha",
            tiff(both, 1, tags={338: 2}),
            over_white(both[..., :1] / 255, both[..., 1] / 255),
        ),
        Picture(
            "tiff-premultiplied",
            tiff(whole, 2, tags={338: 1}),
            premultiplied / 255 + 1 - both[..., 1:] / 255,
            1.5 / 255,
        ),
        Picture(
            "tiff-palette",
            tiff(grey, 3, tags={320: (palette * 257).ravel().tolist()}),
            palette.T[grey[..., 0]] / 255,
        ),
        Picture("tiff-planar", tiff(colours, 2, planar=True, strips=3), colours / 255),
        Picture(
            "tiff-planar-deflate",
            tiff(colours, 2, planar=True, strips=3, packed=True),
            colours / 255,
        ),
        Picture(
            "tiff-lab",
            tiff(lab % 256, 8),
            of_lab(lab[..., 0] / 2.55, lab[..., 1], lab[..., 2]),
            2.5 / 255,
        ),
        *(Picture(f"tiff-turned-{n}", data, turn(colours / 255, n)) for n, data in turned.items()),
    ]


def profiled() -> list[Picture]:
    """Profiles that count, and those that do not."""
    soft = 0.2 + 0.6 * smooth()  # sRGB has all of these colours
    levels, grey = np.round(soft * 255).astype(int), np.round(smooth()[..., :1] * 255).astype(int)
    wide, shown = matrix_profile(), of_xyz((levels / 255) ** 2.2 @ WIDE.T)
    alpha = np.concatenate([levels, samples(1, 255)], -1)
    dark = of_xyz((grey / 255) ** 1.0 * WHITE)
    deep = np.round(soft * 65535).astype(int)
    iccp = lambda profile: [(b"iCCP", b"made\0\0" + zlib.compress(profile))]
    as_png = lambda values, profile, colour=2, depth=8: png(
        values, colour, depth, chunks=iccp(profile)
    )
    plain = lambda name, profile: Picture(f"icc-{name}", as_png(levels, profile), levels / 255)
    few = Image.fromarray(levels.astype(np.uint8)).quantize(16)
    indexed = np.asarray(few.convert("RGB")) / 255
    return [
        Picture("icc-wide", as_png(levels, wide), shown, 2 / 255),
        Picture(
            "icc-wide-16",
            as_png(deep, wide, depth=16),
            of_xyz((deep / 65535) ** 2.2 @ WIDE.T),
            6 / 255,
        ),
        Picture(
            "icc-wide-rgba", as_png(alpha, wide, 6), over_white(shown, alpha[..., 3] / 255), 2 / 255
        ),
        Picture(
            "icc-wide-palette",
            pillow(few, "PNG", icc_profile=wide),
            of_xyz(indexed**2.2 @ WIDE.T),
            2 / 255,
        ),
        Picture("icc-wide-tiff", tiff(levels, 2, tags={34675: wide}), shown, 2 / 255),
        Picture(
            "icc-wide-jpeg",
            pillow(levels, "JPEG", quality=100, subsampling=0, icc_profile=wide),
            shown,
            14 / 255,
        ),
        Picture(
            "icc-wide-webp", pillow(levels, "WEBP", lossless=True, icc_profile=wide), shown, 2 / 255
        ),
        Picture(
            "icc-grey",
            as_png(grey, grey_profile(1.0), 0),
            np.broadcast_to(dark, (HEIGHT, WIDTH, 3)),
            2 / 255,
        ),
        Picture(
            "icc-grey-of-rgb",
            as_png(grey, wide, 0),
            np.repeat(of_xyz((grey / 255) ** 2.2 * WHITE), 1, -1),
            2 / 255,
        ),
        plain("noise", np.random.default_rng(0).bytes(500)),
        plain("cut", wide[:200]),
        plain("empty", b""),
        plain("of-grey", grey_profile(1.0)),
        plain("of-cmyk", ink_profile()),
    ]


def jpegs() -> list[Picture]:
    """Of colours, grey, inks; turned; progressive."""
    levels, near = np.round(smooth() * 255), 4 / 255
    best = {"quality": 100, "subsampling": 0}
    inks = np.concatenate([smooth(), smooth()[..., 2:] * 0.5], -1)
    image = Image.frombytes(
        "CMYK", (WIDTH, HEIGHT), np.round(inks * 255).astype(np.uint8).tobytes()
    )
    of_inks = lambda **given: pillow(image, "JPEG", **best, **given)
    marked = of_inks()
    place = marked.index(b"Adobe") + 11
    ycck, bare = (
        marked[:place] + b"\2" + marked[place + 1 :],
        marked[: place - 15] + marked[place + 1 :],
    )
    turned = {n: pillow(levels, "JPEG", **best, exif=exif(n)) for n in range(1, 9)}
    return [
        Picture("jpeg", pillow(levels, "JPEG", **best), levels / 255, near),
        Picture(
            "jpeg-progressive", pillow(levels, "JPEG", **best, progressive=True), levels / 255, near
        ),
        Picture("jpeg-420", pillow(levels, "JPEG", quality=95), levels / 255, 12 / 255),
        Picture(
            "jpeg-grey",
            pillow(levels[..., :1], "JPEG", **best),
            np.repeat(levels[..., :1] / 255, 3, -1),
            near,
        ),
        Picture("jpeg-cmyk", marked, of_cmyk(inks), near),
        Picture("jpeg-cmyk-bare", bare, of_cmyk(inks), near),
        Picture("jpeg-ycck", ycck, of_cmyk(1 - of_ycck(1 - inks)), 6 / 255),
        Picture(
            "jpeg-cmyk-profile", of_inks(icc_profile=ink_profile()), of_ink_profile(inks), 12 / 255
        ),
        Picture(
            "jpeg-cmyk-wrong-profile", of_inks(icc_profile=matrix_profile()), of_cmyk(inks), near
        ),
        *(
            Picture(f"jpeg-turned-{n}", data, turn(levels / 255, n), near)
            for n, data in turned.items()
        ),
        Picture("jpeg-turned-9", pillow(levels, "JPEG", **best, exif=exif(9)), levels / 255, near),
        Picture(
            "jpeg-exif-noise",
            pillow(levels, "JPEG", **best, exif=b"Exif\0\0" + bytes(range(99))),
            levels / 255,
            near,
        ),
    ]


def others() -> list[Picture]:
    """PNG with EXIF, GIF, BMP, WebP, AVIF and PNM."""
    levels, both = np.round(smooth() * 255).astype(int), samples(4, 255)
    few = Image.fromarray(levels.astype(np.uint8)).quantize(16)
    colours, index = np.asarray(few.convert("RGB")) / 255, np.asarray(few)
    clear = over_white(both[..., :3] / 255, both[..., 3] / 255)
    bits = levels[..., :1] // 128
    deep, plain = (
        samples(3, 65535),
        lambda values: " ".join(map(str, values.ravel().tolist())).encode(),
    )
    size = f" {WIDTH} {HEIGHT} ".encode()
    grey = lambda values: np.broadcast_to(values, (HEIGHT, WIDTH, 3)).astype(float)
    first = deep[..., :1]
    fractions = smooth()[..., 0].astype("<f4")
    return [
        *(
            Picture(f"png-turned-{n}", pillow(levels, "PNG", exif=exif(n)), turn(levels / 255, n))
            for n in range(1, 9)
        ),
        Picture(
            "webp-turned-6",
            pillow(levels, "WEBP", lossless=True, exif=exif(6)),
            turn(levels / 255, 6),
        ),
        Picture("gif", pillow(few, "GIF"), colours),
        Picture("gif-plain", pillow(few, "GIF", interlace=0), colours),
        Picture(
            "gif-clear",
            pillow(few, "GIF", transparency=3),
            over_white(colours, (index != 3).astype(float)),
        ),
        Picture("gif-grey", pillow(levels[..., :1], "GIF"), grey(levels[..., :1] / 255)),
        Picture("bmp", pillow(levels, "BMP"), levels / 255),
        Picture("bmp-palette", pillow(few, "BMP"), colours),
        Picture("bmp-bits", pillow(Image.fromarray(bits[..., 0] > 0), "BMP"), grey(bits)),
        Picture("webp", pillow(both, "WEBP", lossless=True, exact=True), clear, 0.6 / 255),
        Picture("webp-lossy", pillow(levels, "WEBP", quality=100), levels / 255, 12 / 255),
        Picture("ppm-bits", b"P1" + size + plain(1 - bits), grey(bits)),
        Picture(
            "ppm-grey", b"P2" + size + b"255 " + plain(levels[..., :1]), grey(levels[..., :1] / 255)
        ),
        Picture(
            "ppm-rgb", b"P6" + size + b"255\n" + levels.astype(np.uint8).tobytes(), levels / 255
        ),
        Picture(
            "ppm-grey-16",
            b"P5" + size + b"65535\n" + first.astype(">u2").tobytes(),
            grey(first / 65535),
        ),
        Picture(
            "ppm-rgb-16",
            b"P6" + size + b"65535\n" + deep.astype(">u2").tobytes(),
            deep / 65535,
            1.1 / 255,
        ),
        Picture(
            "pfm", b"Pf" + size + b"-1.0\n" + fractions[::-1].tobytes(), grey(fractions[..., None])
        ),
    ]


def several() -> list[Picture]:
    """Animations and files of many pages: the first is seen."""
    first, further = (
        np.round(smooth() * 255).astype(np.uint8),
        [Image.new("RGB", (WIDTH, HEIGHT))] * 2,
    )
    save = lambda kind, **options: pillow(
        first, kind, save_all=True, append_images=further, **options
    )
    few = np.asarray(Image.fromarray(first).quantize(16).convert("RGB"))
    gif = pillow(few, "GIF", save_all=True, append_images=further)
    return [
        Picture("several.gif", gif, few / 255),
        Picture("several.png", save("PNG"), first / 255),
        Picture("several.webp", save("WEBP", lossless=True), first / 255),
        Picture("several.tif", save("TIFF"), first / 255),
    ]
