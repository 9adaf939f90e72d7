"""Optimizers of images, and L-BFGS as a gradient transformation of optax.

`registry` has the table of `--optimizer`; to add one, write a function that returns an
`Optimizer` and add it to `registry.OPTIMIZERS`. `quasi_newton` is the mathematics of L-BFGS,
`transformation` its form for optax.
"""

from jaxtex.optimizers.registry import (
    OPTIMIZERS,
    Optimizer,
    State,
    adam,
    default_promotion,
    from_object,
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
    "default_promotion",
    "from_object",
    "from_optax",
    "gd",
    "init_state",
    "lbfgs",
]
