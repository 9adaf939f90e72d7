"""Image files <-> arrays `[H, W, 3]`, float32, sRGB in [0, 1]; colors, texture maps, contact sheets."""

from jaxtex.images.io import (
    LARGEST,
    MAPS,
    SMALLEST,
    check,
    load,
    note,
    on_white,
    readable,
    repeated,
    resize,
    save,
    shorter_side,
    tile,
    to_bytes,
    to_levels,
)

__all__ = [
    "LARGEST",
    "MAPS",
    "SMALLEST",
    "check",
    "load",
    "note",
    "on_white",
    "readable",
    "repeated",
    "resize",
    "save",
    "shorter_side",
    "tile",
    "to_bytes",
    "to_levels",
]
