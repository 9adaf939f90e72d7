"""Weight files: published checkpoints -> checked HDF5 -> the variables of a network.

The functions of `loading` are imported on first use: reading a file needs no JAX and no Flax.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxtex.weights.hdf5 import Weights, check_shapes, load, save, unflatten

if TYPE_CHECKING:
    from jaxtex.weights.loading import (
        NetworkChoice,
        available_layers,
        load_network,
        load_weights,
    )

__all__ = [
    "NetworkChoice",
    "Weights",
    "available_layers",
    "check_shapes",
    "load",
    "load_network",
    "load_weights",
    "save",
    "unflatten",
]


def __getattr__(name: str) -> Any:
    """Returns a public name of `loading`."""
    if name in __all__:
        return getattr(importlib.import_module("jaxtex.weights.loading"), name)
    raise AttributeError(f"module 'jaxtex.weights' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
