"""What is made at one scale, and the step of its descent.

`step(state, data) -> (state, info)` is pure and holds exactly one evaluation of the network. The same step runs alone, in a
loop of the device's own, and under `jax.vmap`; see `programs`. It has two halves, `evaluate` and `advance`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxtex import images, losses, optimizers
from jaxtex.runtime import device_memory, sharding, xla_options

# (image, data, critic) -> (sum, (terms, what a critic sees of the features))
Loss = Callable[[jax.Array, Any, Any], tuple[jax.Array, tuple[losses.Terms, Any]]]
Learn = Callable[[Any, Any, Any, jax.Array], Any]  # (critic, data, what it saw, step) -> critic


class Problem(NamedTuple):
    """What is to be made at one scale."""

    height: int
    width: int
    loss: Loss
    data: Callable[[int], Any]  # how often drawn -> weights and targets: arguments of the compiled step, no constants
    shapes: Any  # of the data, which may not be there yet
    critic: Any = ()  # before it has learned, where there is one
    learn: Learn = lambda critic, data, seen, step: critic
    chance: bool = False  # whether data is drawn anew now and then
    features: int = 0  # bytes of the features of all layers that are run through
    axes: Any = 0  # of `data`, for `jax.vmap`: None for what the images of a batch share
    rows: int = 1  # devices that share the rows of the image
    strip: int = 0  # rows that are taken at once, one strip after the other; 0: all
    made_of: str = ""  # all that `loss` and `learn` depend on, as in `traces.jit`; empty where there are several devices


class Plan(NamedTuple):
    """A whole synthesis; of a batch if `batch` is not 0, see `batches`: then arrays have a first axis more."""

    problems: Sequence[Problem]  # from coarse to fine
    start: np.ndarray  # the first image, [H, W, 3 k] of k maps, of the first problem's size, in [0, 1]
    optimizer: optimizers.Optimizer
    num_steps: int  # evaluations in all, shared by the problems; the last gets what is over
    save_every: int  # steps between two calls of the observer, counted over all problems
    height: int  # of the result: a problem may be a few pixels larger, so that every pooling divides it
    width: int
    renew_every: int = 10  # steps
    finish: Callable[[np.ndarray], np.ndarray] = lambda image: image  # what is done to the result
    numbers: int = 0  # of the exemplars, that the statistics look at
    details: Sequence[np.ndarray] = ()  # what is added to the image enlarged for each problem but the first; none: nothing
    tile: str = ""  # along which axes the result goes on from its beginning
    remat: str = "auto"  # a row of `memory.REMATS`
    layout: sharding.Layout = sharding.Layout()
    shares: Sequence[int] = ()  # of the steps, for each problem; none: all get as much
    batch: int = 0  # images, each at its own point of its own search; 0: one, and no axis for it

    def until(self, number: int) -> int:
        """After how many steps the problem of this number, from 1, is done with."""
        shares = self.shares or [1] * len(self.problems)
        return self.num_steps * sum(shares[:number]) // sum(shares)


class Info(NamedTuple):
    """What a step has to tell."""

    loss: jax.Array  # at the best image so far
    evaluated: jax.Array  # at the image that was tried in this step
    terms: losses.Terms  # likewise


class Found(NamedTuple):
    """What is known of the image that was tried."""

    loss: jax.Array
    gradient: jax.Array  # [H, W, 3 k]
    terms: losses.Terms


Evaluate = Callable[[jax.Array, Any, jax.Array, Any], tuple[Found, Any]]  # (image, critic, step, data) -> (_, critic)
Advance = Callable[[optimizers.State, Found], tuple[optimizers.State, Info]]  # of states without the critic
Step = Callable[[optimizers.State, Any], tuple[optimizers.State, Info]]


def build_step(problem: Problem, optimizer: optimizers.Optimizer, remat: str = "auto", batch: int = 1) -> Step:
    """The pure function that evaluates the network once and tells the optimiser, and the critic if there is one."""
    return joined(*build_halves(problem, optimizer, remat, batch))


def joined(evaluate: Evaluate, advance: Advance) -> Step:
    """The step of these halves, pure functions or compiled."""

    def step(state: optimizers.State, data: Any) -> tuple[optimizers.State, Info]:
        found, critic = evaluate(state.trial, state.critic, state.step, data)
        state, info = advance(state._replace(critic=()), found)
        return state._replace(critic=critic), info

    return step


def build_halves(problem: Problem, optimizer: optimizers.Optimizer, remat: str, batch: int) -> tuple[Evaluate, Advance]:
    """What knows the loss, and what knows the optimiser.

    Args:
      problem: whose loss is evaluated, and whose critic learns, where there is one.
      optimizer: is told loss and gradient.
      remat: a row of `memory.REMATS`.
      batch: images that will be taken at once, for their memory.

    Returns:
      `evaluate(image, critic, step, data) -> (Found, critic)`, of an image `[H, W, 3 k]` in [0, 1] and the critic before it
      learns; and `advance(state, Found) -> (state, Info)`, of a state whose critic is left out.
    """
    loss = device_memory.remat(problem.loss, remat, problem.features * batch)

    def evaluate(image: jax.Array, critic: Any, step: jax.Array, data: Any) -> tuple[Found, Any]:
        (value, (terms, seen)), gradient = jax.value_and_grad(loss, has_aux=True)(image, data, critic)
        learned = problem.learn(critic, data, seen, step)
        critic = jax.tree.map(lambda new, old: jnp.where(jnp.isfinite(value), new, old), learned, critic)
        return Found(value, gradient, terms), critic

    def advance(state: optimizers.State, found: Found) -> tuple[optimizers.State, Info]:
        state = optimizer.update(state, found.loss, found.gradient)
        return state, Info(state.loss, found.loss, found.terms)

    return evaluate, advance


def several(step: Step, most: int) -> Callable[[optimizers.State, Any, jax.Array], tuple[optimizers.State, Info]]:
    """`(state, data, length) -> (state, infos [most])`: so many steps, and after what they have told zeros.

    The length is no constant, as `lax.scan` would have it: chunks end where a run is saved or a scale is done with, and
    each length would be compiled by itself, for many seconds.
    """
    step = jax.jit(step)  # traced once

    def loop(state: optimizers.State, data: Any, length: jax.Array) -> tuple[optimizers.State, Info]:
        _, told = jax.eval_shape(step, state, data)
        nothing = jax.tree.map(lambda leaf: jnp.zeros((most, *leaf.shape), leaf.dtype), told)

        def further(number: jax.Array, so_far: tuple[optimizers.State, Info]) -> tuple[optimizers.State, Info]:
            state, info = step(so_far[0], data)
            return state, jax.tree.map(lambda row, one: row.at[number].set(one), so_far[1], info)

        return lax.fori_loop(0, length, further, (state, nothing))

    return loop


def shapes_of_state(plan: Plan, problem: Problem) -> optimizers.State:
    """Shape and kind of each array of a state, of a batch if it is one."""
    *batch, _, _, channels = plan.start.shape
    image = jax.ShapeDtypeStruct((*batch, problem.height, problem.width, channels), jnp.float32)
    return jax.eval_shape(functools.partial(_start, plan, problem), image)


def begin(plan: Plan, problem: Problem, image: np.ndarray | None = None) -> optimizers.State:
    """The state before the first step: each leaf is a buffer of its own, to be given away.

    Args:
      plan: with the optimiser.
      problem: one of the plan's.
      image: where to begin, of any size, `[H, W, C]` or a batch; None: at the plan's start.
    """
    image = enlarged(plan.start if image is None else image, problem, plan.tile)
    fresh = lambda image: jax.tree.map(jnp.copy, _start(plan, problem, image))
    return jax.jit(fresh, compiler_options=xla_options.options(often=False))(jnp.asarray(image))


def _start(plan: Plan, problem: Problem, image: jax.Array) -> optimizers.State:
    start = functools.partial(optimizers.start, plan.optimizer)
    return (jax.vmap(start) if plan.batch else start)(image, problem.critic)


def enlarged(image: np.ndarray, problem: Problem, tile: str) -> np.ndarray:
    """`[H, W, C]`, or a batch `[B, H, W, C]`, at the size of the problem; `tile` as in `images.resize`."""
    if image.ndim == 3:
        return images.resize(image, problem.height, problem.width, tile)
    return np.stack([images.resize(one, problem.height, problem.width, tile) for one in image])
