"""Loss and gradient -> the next image."""

from jaxtex.optimizers.registry import (
    OPTIMIZERS,
    Optimizer,
    State,
    adam,
    by_optax,
    gd,
    newton,
    start,
)

__all__ = [
    "OPTIMIZERS",
    "Optimizer",
    "State",
    "adam",
    "by_optax",
    "gd",
    "newton",
    "start",
]
