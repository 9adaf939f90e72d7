"""Image files <-> arrays `[H, W, 3]`, float32, sRGB in [0, 1]; colors, texture maps, contact sheets."""

from jaxtex.images.io import (
    MAX_MAPS,
    MAX_PIXELS,
    MIN_SIDE,
    load,
    load_if_readable,
    over_white,
    read_metadata,
    repeat,
    resize,
    resize_shorter_side,
    save,
    tile,
    to_uint,
    to_uint8,
    validate,
)

__all__ = [
    "MAX_MAPS",
    "MAX_PIXELS",
    "MIN_SIDE",
    "load",
    "load_if_readable",
    "over_white",
    "read_metadata",
    "repeat",
    "resize",
    "resize_shorter_side",
    "save",
    "tile",
    "to_uint",
    "to_uint8",
    "validate",
]
