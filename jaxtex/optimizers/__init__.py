"""Loss and gradient -> the next image."""

from jaxtex.optimizers.registry import (
    OPTIMIZERS,
    Optimizer,
    State,
    adam,
    from_optax,
    gd,
    init_state,
    lbfgs,
)

__all__ = [
    "OPTIMIZERS",
    "Optimizer",
    "State",
    "adam",
    "from_optax",
    "gd",
    "init_state",
    "lbfgs",
]
