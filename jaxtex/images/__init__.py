"""Image files <-> arrays `[H, W, 3]`, float32, sRGB in [0, 1]; color transfer, maps and sheets.

To read another file format, add it to `decoding.FORMATS`; to write one, add a row to
`encoding.FORMATS`. The docstrings of both modules describe what else a format needs.
"""

from jaxtex.images.arrays import to_uint, to_uint8
from jaxtex.images.io import (
    MAX_MAPS,
    MAX_PIXELS,
    MIN_SIDE,
    load,
    load_if_readable,
    read_metadata,
    repeat,
    resize,
    resize_shorter_side,
    save,
    validate,
    value_range,
)

__all__ = [
    "MAX_MAPS",
    "MAX_PIXELS",
    "MIN_SIDE",
    "load",
    "load_if_readable",
    "read_metadata",
    "repeat",
    "resize",
    "resize_shorter_side",
    "save",
    "to_uint",
    "to_uint8",
    "validate",
    "value_range",
]
