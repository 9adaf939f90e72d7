"""How the image descends: `update(state, loss, gradient) -> state`, told one evaluation at a time.

Every optimiser keeps the image in [0, 1] and turns back from a loss that is not finite. A row of `OPTIMIZERS` is a
factory: a learning rate (0: its own) and the pairs that `lbfgs` remembers -> the pair of functions.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxtex.optimizers import quasi_newton


class State(NamedTuple):
    """All that the next step needs."""

    step: jax.Array  # evaluations so far
    image: jax.Array  # [H, W, 3], the best that is known
    loss: jax.Array  # at `image`; infinite before the first evaluation
    trial: jax.Array  # [H, W, 3], where the network is evaluated next
    memory: Any  # the optimiser's own
    critic: Any = ()  # what learns beside the image, if anything does


class Optimizer(NamedTuple):
    """A way to descend."""

    init: Callable[[jax.Array], Any]  # the first image -> memory
    update: Callable[
        [State, jax.Array, jax.Array], State
    ]  # (state, loss and gradient at `trial`) -> state
    line_search: bool = (
        False  # whether it compares losses of different steps, and so wants one that stands still
    )
    restart: Callable[[State], State] = lambda state: state  # told that the loss is now another one


def init_state(optimizer: Optimizer, image: jax.Array, critic: Any = ()) -> State:
    """The state before the first evaluation, at `image`, `[H, W, 3]`."""
    loss, step = jnp.full((), jnp.inf, jnp.float32), jnp.zeros((), jnp.int32)
    return State(step, image, loss, image, optimizer.init(image), critic)


def from_optax(transform: optax.GradientTransformation) -> Optimizer:
    """Any gradient transformation of optax, projected to [0, 1]; from a loss that is not finite it goes half-way back."""

    def update(state: State, loss: jax.Array, gradient: jax.Array) -> State:
        finite = jnp.isfinite(loss) & jnp.isfinite(gradient).all()
        moved, memory = transform.update(
            jnp.where(finite, gradient, 0.0), state.memory, state.trial
        )
        image, loss, memory = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old),
            (state.trial, loss, memory),
            (state.image, state.loss, state.memory),
        )
        trial = jnp.where(
            finite, jnp.clip(state.trial + moved, 0.0, 1.0), 0.5 * (state.trial + state.image)
        )
        return State(state.step + 1, image, loss, trial, memory, state.critic)

    return Optimizer(transform.init, update)


def lbfgs(learning_rate: float, history: int = quasi_newton.DEFAULT_HISTORY) -> Optimizer:
    """L-BFGS; it has no rate. See `lbfgs`."""
    del learning_rate
    return Optimizer(
        functools.partial(quasi_newton.init, length=history), quasi_newton.update, True, _restart
    )


def _restart(state: State) -> State:
    """The best image is tried once more: what was measured before says nothing of the new loss."""
    return state._replace(loss=jnp.full_like(state.loss, jnp.inf), trial=jnp.copy(state.image))


def adam(learning_rate: float, history: int = 0) -> Optimizer:
    """Adam with a short memory of the second moment, which leaves less speckle.

    References:
      Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, https://arxiv.org/abs/1412.6980; b2 = 0.99
      in place of 0.999 after Crowson's style-transfer-pytorch.
    """
    del history
    return from_optax(optax.adam(learning_rate or 0.02, b1=0.9, b2=0.99))


def gd(learning_rate: float, history: int = 0) -> Optimizer:
    """Plain gradient descent, as in the textbooks: the same rate at every step.

    The rate is given in pixel values: it is the largest change of a pixel in the first step.
    """
    del history
    return from_optax(
        optax.chain(_scale_by_first_gradient(), optax.scale(-(learning_rate or 0.02)))
    )


def _scale_by_first_gradient() -> optax.GradientTransformation:
    def update(gradient, largest, params=None):
        del params
        largest = jnp.where(largest > 0, largest, jnp.max(jnp.abs(gradient)))
        return gradient / jnp.maximum(largest, quasi_newton.TINY), largest

    return optax.GradientTransformation(lambda image: jnp.zeros(()), update)


OPTIMIZERS = {"lbfgs": lbfgs, "adam": adam, "gd": gd}
