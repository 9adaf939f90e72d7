"""Encoding: arrays -> image files. The formats that jaxtex writes.

The suffix of a path chooses a row of `FORMATS`. A format is added by one more row, with a `Write`
function for each number of bits per sample. A writer embeds the sRGB profile and stores the note
where `decoding.read_metadata` finds it. `tests/images/encoding_test.py` reads files of each row
again.
"""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from jaxtex import errors
from jaxtex.images import icc, pixel_formats, tiff_directory
from jaxtex.runtime import plain_values

# write(path, pixels, note, values): pixels `[H, W, 3 or 4]`, uint8, uint16, or floats in [0, 1];
# note in ASCII, or empty; values that floats have where they are 0 and 1.
Write = Callable[[pathlib.Path, np.ndarray, str, tuple[float, float]], None]
FLOAT_BITS = 32
LEAST, LARGEST = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)

# The note is a text chunk of this keyword in PNG, and this tag of EXIF or TIFF in other formats.
METADATA_KEY = "jaxtex"
DESCRIPTION_TAG = ExifTags.Base.ImageDescription


class Format(NamedTuple):
    """A file format that is written."""

    writers: dict[int, Write]  # by bits per sample
    max_side: int = 2**31 - 1  # pixels
    alpha: bool = True  # supports transparency
    max_note: int = 2**31 - 1  # letters


def choose_writer(path: str | os.PathLike, bits: int, shape: tuple[int, ...] = (1, 1, 3)) -> Write:
    """Chooses the function that writes a file.

    Args:
      path: its suffix, in any case, chooses the format.
      bits: per sample.
      shape: of the image, `[H, W, 3]`, or `[H, W, 4]` with transparency.

    Raises:
      UserError: the format is unknown, or does not support the bits, the size or transparency.
    """
    output = f"output {os.fspath(path)!r}"
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise errors.UserError(f"{output}: suffix must be one of {', '.join(FORMATS)}")
    chosen = FORMATS[suffix]

    if bits not in chosen.writers:
        deep = ", ".join(name for name, row in FORMATS.items() if 16 in row.writers)
        text = f"{suffix} has 8, and {deep} have 8 or 16"
        if bits == FLOAT_BITS:
            text = ", ".join(name for name, row in FORMATS.items() if bits in row.writers)
            text = f"only {text} have floats of {bits} bits"
        raise errors.UserError(f"{output}: {bits} bits; {text}")

    if max(shape) > chosen.max_side:
        size = f"{shape[1]} x {shape[0]} pixels"
        limit = f"{suffix} has at most {chosen.max_side} on a side"
        raise errors.UserError(f"{output}: {size}; {limit}")

    if shape[2] == 4 and not chosen.alpha:
        transparent = ", ".join(name for name, row in FORMATS.items() if row.alpha)
        text = f"{suffix} does not support transparency; {transparent} do"
        raise errors.UserError(f"{output}: {text}")
    return chosen.writers[bits]


def check_values(values: Sequence[float] | None, bits: int) -> tuple[float, float]:
    """Checks the values of black and white.

    Args:
      values: two finite numbers of float32, the first not above the second; those of a flat
        exemplar are equal. None: 0 and 1.
      bits: per sample.

    Raises:
      UserError: they are no such numbers, or the samples are no floats.
    """
    if values is None:
        return pixel_formats.UNIT
    try:
        black, white = (float(value) for value in values)
    except (TypeError, ValueError):
        black, white = float("nan"), 0.0
    if isinstance(values, str | bytes) or not -LARGEST <= black <= white <= LARGEST:
        text = "must be two finite numbers, those of black and white, in this order"
        raise errors.UserError(f"values={values!r}: {text}")
    if bits != FLOAT_BITS:
        raise errors.UserError(f"values={values!r}: needs bits={FLOAT_BITS}, got {bits}")
    return black, white


def check_note(path: str | os.PathLike, note: str) -> str:
    """Checks a note; one that is too long for the format is left out, with a warning.

    Args:
      path: of the file; its suffix is known.
      note: ASCII text.

    Returns:
      The note, or an empty text.

    Raises:
      UserError: the note is no such text.
    """
    if not (isinstance(note, str) and note.isascii() and "\0" not in note):
        raise errors.UserError(f"note={plain_values.describe(note)}: must be a text in ASCII")
    suffix = pathlib.Path(path).suffix.lower()
    if len(note) <= (most := FORMATS[suffix].max_note):
        return note
    errors.warn_once(
        f"output {os.fspath(path)!r}: a note of {len(note):,} letters is left out; {suffix} has at "
        f"most {most:,}"
    )
    return ""


def _with_pillow(name: str, **options: Any) -> Write:
    """Builds a writer from a format of Pillow and options of its encoder."""

    def write(
        path: pathlib.Path, pixels: np.ndarray, note: str, values: tuple[float, float]
    ) -> None:
        del values
        metadata: dict[str, Any] = {}
        if note and name == "PNG":
            metadata["pnginfo"] = PngImagePlugin.PngInfo()
            metadata["pnginfo"].add_text(METADATA_KEY, note)
        elif note:
            metadata["exif"] = Image.Exif()
            metadata["exif"][DESCRIPTION_TAG] = note
        Image.fromarray(pixels).save(
            path, format=name, icc_profile=icc.srgb(), **metadata, **options
        )

    return write


def _write_deep_png(
    path: pathlib.Path, pixels: np.ndarray, note: str, values: tuple[float, float]
) -> None:
    """Writes a PNG with 16 bits per sample, which Pillow cannot."""
    del values
    import numpngw  # on first use: few runs write 16 bits

    # Without this entry numpngw would store the time, and equal images would give unequal files.
    text: list[tuple[str, str | None]] = [("Creation Time", None)]
    if note:
        text.append((METADATA_KEY, note))
    numpngw.write_png(
        os.fspath(path),
        pixels,
        filter_type="heuristic",
        iccp=("sRGB", icc.srgb()),
        text_list=text,
    )


def _write_tiff(
    path: pathlib.Path, pixels: np.ndarray, note: str, values: tuple[float, float]
) -> None:
    """Writes a TIFF with 8 or 16 bits per sample, the latter of which Pillow cannot."""
    del values
    _write_any_tiff(path, pixels, note, iccprofile=icc.srgb())


def _write_floats(
    path: pathlib.Path, pixels: np.ndarray, note: str, values: tuple[float, float]
) -> None:
    """Writes a TIFF with floats of 32 bits; one channel if all are equal, as those of heights are.

    The values of black and white are stored as the least and greatest sample, so that the file is
    read in the range in which it was written.
    """
    colors, alpha = pixels[..., :3], pixels[..., 3:]
    if not np.ptp(colors, axis=-1).any():
        colors = colors[..., :1]
    stored = np.concatenate([pixel_formats.restore_floats(colors, values), alpha], -1)
    if values == pixel_formats.UNIT:
        # A profile of colors does not go with gray.
        profile = icc.srgb() if colors.shape[2] == 3 else None
        _write_any_tiff(path, stored, note, iccprofile=profile)
        return
    tags = ((tiff_directory.LEAST, values[0]), (tiff_directory.GREATEST, values[1]))
    double = 12
    extra = [(tag, double, 1, value, True) for tag, value in tags]
    _write_any_tiff(path, stored, note, extratags=extra)


def _write_any_tiff(path: pathlib.Path, pixels: np.ndarray, note: str, **options: Any) -> None:
    """Writes a TIFF of `[H, W, 1 to 4]`, gray or RGB, with or without alpha."""
    import tifffile  # on first use: few runs write TIFF

    has_alpha = pixels.shape[2] % 2 == 0
    is_float = pixels.dtype.kind == "f"  # tifffile needs imagecodecs for their predictor
    tifffile.imwrite(
        path,
        pixels if pixels.shape[2] > 1 else pixels[..., 0],
        photometric="rgb" if pixels.shape[2] > 2 else "minisblack",
        planarconfig="contig" if pixels.shape[2] > 1 else None,
        compression="zlib",
        predictor=not is_float,
        extrasamples=["unassalpha"] if has_alpha else None,
        software="jaxtex",
        description=note or None,
        metadata=None,
        **options,
    )


# Level 2 writes a photograph in half the time of level 6, at the same size.
PNG = Format({8: _with_pillow("PNG", compress_level=2), 16: _write_deep_png})
TIFF = Format({8: _write_tiff, 16: _write_tiff, FLOAT_BITS: _write_floats})
# Subsampling 4:4:4 keeps the full resolution of color.
JPEG = Format(
    {8: _with_pillow("JPEG", quality=95, subsampling="4:4:4")},
    max_side=65500,
    alpha=False,
    max_note=65000,  # EXIF has at most 65533 bytes
)
WEBP = Format({8: _with_pillow("WEBP", lossless=True, exact=True)}, max_side=16383)

FORMATS = {
    ".png": PNG,
    ".tif": TIFF,
    ".tiff": TIFF,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": WEBP,
}
