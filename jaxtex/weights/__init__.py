"""Weight files: published checkpoints -> checked HDF5 -> the variables of a network."""

from jaxtex.weights.hdf5 import (
    FORMAT,
    LEAVES,
    MAX_WIDTH,
    VERSION,
    Weights,
    check_shapes,
    load,
    save,
    unflatten,
)

__all__ = [
    "FORMAT",
    "LEAVES",
    "MAX_WIDTH",
    "VERSION",
    "Weights",
    "check_shapes",
    "load",
    "save",
    "unflatten",
]
