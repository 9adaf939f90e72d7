"""Arrays -> image files, of the kind that the path's suffix names; all of them say that they are in sRGB."""

import functools
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin

from jaxtex import errors
from jaxtex.images import icc

Write = Callable[
    [pathlib.Path, np.ndarray, str], None
]  # (path, [H, W, 3 or 4] of uint8 or uint16, note of ASCII or empty)
METADATA_KEY, DESCRIPTION_TAG = (
    "jaxtex",
    0x010E,
)  # where a note is: in a PNG a text of this name, else this tag of EXIF and TIFF


class Format(NamedTuple):
    """A kind of file."""

    writers: dict[int, Write]  # by the bits of each colour
    longest: int = 2**31 - 1  # pixels on a side
    alpha: bool = True  # whether it knows transparency


def choose_writer(path: str | os.PathLike, bits: int, shape: tuple[int, ...] = (1, 1, 3)) -> Write:
    """What writes such a file.

    Args:
      path: its suffix counts, in capitals or not.
      bits: of each colour.
      shape: of the image, `[H, W, 3]`; with transparency `[H, W, 4]`.

    Raises:
      UserError: there is no such kind, not with so many bits, not of such a size, or not with transparency.
    """
    suffix = pathlib.Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise errors.UserError(
            f"output {os.fspath(path)!r}: its suffix is one of {', '.join(FORMATS)}, please"
        )
    kind = FORMATS[suffix]
    if bits not in kind.writers:
        deep = ", ".join(name for name, each in FORMATS.items() if 16 in each.writers)
        raise errors.UserError(
            f"output {os.fspath(path)!r}: {bits} bits; {suffix} has 8, and {deep} have 8 or 16"
        )
    if max(shape) > kind.longest:
        raise errors.UserError(
            f"output {os.fspath(path)!r}: {shape[1]} x {shape[0]} pixels; {suffix} has at most {kind.longest} on a side"
        )
    if shape[2] == 4 and not kind.alpha:
        known = ", ".join(name for name, each in FORMATS.items() if each.alpha)
        raise errors.UserError(
            f"output {os.fspath(path)!r}: {suffix} knows no transparency; {known} do"
        )
    return kind.writers[bits]


def _pillow(name: str, **options) -> Write:
    def write(path: pathlib.Path, pixels: np.ndarray, note: str) -> None:
        noted = (_text if name == "PNG" else _exif)(note) if note else {}
        Image.fromarray(pixels).save(path, format=name, icc_profile=icc.srgb(), **noted, **options)

    return write


def _text(note: str) -> dict:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text(METADATA_KEY, note)
    return {"pnginfo": chunks}


def _exif(note: str) -> dict:
    tags = Image.Exif()
    tags[DESCRIPTION_TAG] = note
    return {"exif": tags}


def _deep_png(path: pathlib.Path, pixels: np.ndarray, note: str) -> None:
    import numpngw  # Pillow writes no colours of 16 bits

    profile = {"iccp": ("sRGB", icc.srgb()), "text_list": [(METADATA_KEY, note)] if note else None}
    numpngw.write_png(os.fspath(path), pixels, filter_type="heuristic", **profile)


def _tiff(path: pathlib.Path, pixels: np.ndarray, note: str) -> None:
    import tifffile  # likewise

    write = functools.partial(
        tifffile.imwrite, photometric="rgb", compression="zlib", predictor=True, metadata=None
    )
    alpha = {"extrasamples": ["unassalpha"]} if pixels.shape[2] == 4 else {}
    write(path, pixels, iccprofile=icc.srgb(), software="jaxtex", description=note or None, **alpha)


JPEG = Format(
    {8: _pillow("JPEG", quality=95, subsampling="4:4:4")}, 65500, alpha=False
)  # no colour is coarser than another
TIFF = Format({8: _tiff, 16: _tiff})
FORMATS = {
    ".png": Format(
        {8: _pillow("PNG", compress_level=2), 16: _deep_png}
    ),  # photographs: as small as by 6, in half the time
    ".tif": TIFF,
    ".tiff": TIFF,
    ".jpg": JPEG,
    ".jpeg": JPEG,
    ".webp": Format({8: _pillow("WEBP", lossless=True, exact=True)}, 16383),
}
