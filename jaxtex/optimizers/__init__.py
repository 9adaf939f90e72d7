"""Optimizers of images, and L-BFGS as a transformation for optax."""

from jaxtex.optimizers.registry import (
    OPTIMIZERS,
    Optimizer,
    State,
    adam,
    from_optax,
    gd,
    init_state,
)
from jaxtex.optimizers.transformation import LBFGSState, best_params, lbfgs

__all__ = [
    "OPTIMIZERS",
    "LBFGSState",
    "Optimizer",
    "State",
    "adam",
    "best_params",
    "from_optax",
    "gd",
    "init_state",
    "lbfgs",
]
