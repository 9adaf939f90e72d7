"""Samples of a TIFF: gray, RGB, palettes, CMYK and Lab of any depth -> pixels.

Pillow returns 8 bits of most deep samples, ignores signs, and misreads or refuses many layouts.
Images compressed as JPEG or fax, and YCbCr, are left to it.

References:
  Adobe, "TIFF Revision 6.0", 1992.
"""

from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from jaxtex.images import file_checks, pixel_formats, tiff_directory, tiff_planes

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, LAB = 0, 1, 2, 3, 5, 8
COLORS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, LAB: 3}

UNSIGNED, SIGNED, FLOAT, UNDEFINED = 1, 2, 3, 4  # values of SampleFormat
FLOAT_BITS = (16, 32, 64)
PREMULTIPLIED, STRAIGHT = 1, 2  # values of ExtraSamples that mean alpha
NO_WHITE = "no defined white; must be unsigned, with at most 16 bits"


class Kind(NamedTuple):
    """Meaning of the samples of a TIFF."""

    photometric: int
    sample: tiff_planes.Sample
    channels: list[int]  # indices of the colors, then that of alpha if there is one
    premultiplied: bool


def can_read(directory: tiff_directory.Directory) -> bool:
    """True if `read` reads this kind of compression and colors.

    Raises:
      UnsupportedError: there is no saying what the samples mean.
    """
    if _photometric(directory) < 0:
        raise file_checks.UnsupportedError("has no tag that says what its samples mean")
    compression = directory.number(tiff_directory.COMPRESSION, tiff_planes.UNCOMPRESSED)
    return compression in tiff_planes.COMPRESSIONS and _photometric(directory) in COLORS


def describe(directory: tiff_directory.Directory) -> str:
    """Describes the kind of a TIFF for an error."""
    compression = directory.number(tiff_directory.COMPRESSION, tiff_planes.UNCOMPRESSED)
    name = TiffImagePlugin.COMPRESSION_INFO.get(compression, str(compression))
    name = {"raw": "none"}.get(name, name.removeprefix("tiff_"))
    return f"TIFF of compression {name}, photometric interpretation {_photometric(directory)}"


def read(
    file: BinaryIO, directory: tiff_directory.Directory, float_white: float | None = None
) -> pixel_formats.Pixels:
    """Reads the samples of the image.

    Args:
      file: at any position.
      directory: of the image.
      float_white: value of white if the samples are floats; None: see
        `pixel_formats.scale_floats`.

    Raises:
      UnsupportedError: the samples are of a kind without a defined white, or not finite.
      Exception: of any type if the file is damaged.
    """
    kind = _kind(directory)
    values = tiff_planes.read(file, directory, kind.sample, kind.channels)
    if kind.sample.is_float:
        return _from_floats(pixel_formats.to_float32(values), directory, kind, float_white)
    white = 2**kind.sample.bits - 1
    count = COLORS[kind.photometric]
    colors, alpha = values[..., :count], None
    if len(kind.channels) > count:
        alpha = pixel_formats.scale(values[..., count:], white)

    if kind.photometric in (CMYK, LAB):
        return pixel_formats.Pixels(_to_levels(colors, kind), None, alpha)
    if kind.photometric == PALETTE:
        return pixel_formats.Pixels(None, _look_up(colors[..., 0], directory), alpha)

    exact = pixel_formats.scale(colors, white)
    if kind.premultiplied and alpha is not None:
        exact = np.minimum(_divide_by_alpha(exact, alpha), 1)
    if kind.photometric == WHITE_IS_ZERO:
        exact = 1 - exact
    return pixel_formats.Pixels(None, exact, alpha)


def _from_floats(
    values: np.ndarray,
    directory: tiff_directory.Directory,
    kind: Kind,
    white: float | None,
) -> pixel_formats.Pixels:
    """Scales floats, `[H, W, C]` of float32, as `read`."""
    count = COLORS[kind.photometric]
    colors, alpha = values[..., :count], None
    if len(kind.channels) > count:
        alpha = values[..., count:]
        # Opacity is often from 0 to 1 beside colors of another white.
        is_unit = alpha.max() <= 1 + pixel_formats.HALF_LEVEL
        alpha = pixel_formats.scale(alpha, 1 if is_unit else white or 1)
        if kind.premultiplied:
            colors = _divide_by_alpha(colors, alpha)
    exact, floats = pixel_formats.scale_floats(colors, white, directory.value_range)
    # Numbers beyond [0, 1] are not inverted: they must stay what they are in the result.
    if kind.photometric == WHITE_IS_ZERO and floats.black == 0:
        exact = 1 - exact
    return pixel_formats.Pixels(None, exact, alpha, floats)


def _divide_by_alpha(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Undoes the multiplication of `[H, W, C]` by alpha, `[H, W, 1]`; 0 where there is none."""
    return np.where(alpha > 0, colors / np.maximum(alpha, 1e-6), 0)


def _photometric(directory: tiff_directory.Directory) -> int:
    """Returns the tag that says what the samples mean; -1 if it is missing, and not obvious."""
    obvious = {1: BLACK_IS_ZERO, 3: RGB}.get(directory.samples, -1)
    if tiff_directory.COLOR_MAP in directory.tags:
        obvious = PALETTE
    return directory.number(tiff_directory.PHOTOMETRIC, obvious)


def _kind(directory: tiff_directory.Directory) -> Kind:
    """Returns what the samples are.

    Raises:
      UnsupportedError: there is no saying which value is white, or how the samples make a color.
      ValueError: the tags contradict each other.
    """
    photometric = _photometric(directory)
    sample = _sample(directory)
    if sample.is_float and photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise file_checks.UnsupportedError("floats that are neither gray nor RGB")
    if photometric == LAB and sample.bits not in (8, 16):
        raise file_checks.UnsupportedError(f"Lab of {sample.bits} bits; must have 8 or 16")
    if photometric == CMYK and directory.number(tiff_directory.INK_SET, 1) != 1:
        raise file_checks.UnsupportedError("has inks other than cyan, magenta, yellow and black")

    count = COLORS[photometric]
    further = directory.samples - count
    if further < 0:
        raise ValueError("fewer samples than colors")
    # One more sample than there are colors is alpha unless a tag says otherwise.
    extras = directory.tags.get(tiff_directory.EXTRA, (STRAIGHT,) if further == 1 else ())
    channels = list(range(count))
    for index, extra in enumerate(extras[:further]):
        if extra in (PREMULTIPLIED, STRAIGHT):
            if extra == PREMULTIPLIED and photometric in (CMYK, LAB, PALETTE):
                raise file_checks.UnsupportedError(
                    "premultiplied transparency of colors that are not RGB"
                )
            channels.append(count + index)
            return Kind(photometric, sample, channels, extra == PREMULTIPLIED)
    return Kind(photometric, sample, channels, False)


def _sample(directory: tiff_directory.Directory) -> tiff_planes.Sample:
    """Returns how the samples are stored, or raises as `_kind`."""
    depths = set(directory.tags.get(tiff_directory.BITS, (1,))[: directory.samples])
    formats = set(directory.tags.get(tiff_directory.SAMPLE_FORMAT, (UNSIGNED,)))
    bits = max(depths)
    if SIGNED in formats:
        raise file_checks.UnsupportedError(f"samples with a sign have {NO_WHITE}")
    if len(depths) > 1 or not (formats == {FLOAT} or formats <= {UNSIGNED, UNDEFINED}):
        raise file_checks.UnsupportedError("samples are complex numbers, or of several kinds")
    if formats == {FLOAT}:
        if bits not in FLOAT_BITS:
            raise file_checks.UnsupportedError(f"floats of {bits} bits; must have 16, 32 or 64")
        return tiff_planes.Sample(bits, True)
    if bits > 16:
        raise file_checks.UnsupportedError(f"samples of {bits} bits have {NO_WHITE}")
    if bits < 1:
        raise ValueError("samples without bits")
    return tiff_planes.Sample(bits, False)


def _look_up(indices: np.ndarray, directory: tiff_directory.Directory) -> np.ndarray:
    """Replaces indices, `[H, W]`, by the colors of the palette, `[H, W, 3]` in [0, 1].

    The palette has 16 bits. One whose values are all below 256 was written with 8, as other
    readers take it, too.
    """
    palette = np.array(directory.tags.get(tiff_directory.COLOR_MAP, ()), np.uint16)
    if palette.size % 3 or palette.size // 3 <= int(indices.max()):
        raise ValueError("a palette that is too short")
    levels = palette if palette.max() < 256 else palette >> 8
    return (levels.reshape(3, -1).T.astype(np.float32) / 255)[indices]


def _to_levels(colors: np.ndarray, kind: Kind) -> Image.Image:
    """Rounds CMYK or Lab to 8 bits."""
    levels = np.round(colors * np.float32(255 / (2**kind.sample.bits - 1)))
    if kind.photometric == LAB:  # a and b have a sign
        step = 2 ** (kind.sample.bits - 8)
        signed = colors[..., 1:].astype(f"i{kind.sample.bits // 8}")
        levels[..., 1:] = np.clip(np.round(signed / step), -128, 127) % 256
    mode = "CMYK" if kind.photometric == CMYK else "LAB"
    size = (colors.shape[1], colors.shape[0])
    return Image.frombytes(mode, size, levels.astype(np.uint8).tobytes(), "raw", mode)
