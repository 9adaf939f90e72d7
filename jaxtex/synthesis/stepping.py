"""Plan of a synthesis, and the step of its optimization.

`step(state, data) -> (state, info)` is pure and evaluates the network exactly once. The same step
runs in a Python loop, in a loop on the device, and under `jax.vmap`; see `compilation`.
"""

import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxtex import errors, losses, optimizers
from jaxtex.images import io
from jaxtex.losses import diagnosis
from jaxtex.runtime import sharding, xla_options
from jaxtex.synthesis import memory_budget

# (image, data, critics) -> (loss, (terms, features that the critics see))
LossFn = Callable[[jax.Array, Any, Any], tuple[jax.Array, tuple[losses.Terms, Any]]]
UpdateCritics = Callable[[Any, Any, Any, jax.Array], Any]  # (critics, data, features, step)
NOTHING_GIVEN: Mapping[str, Any] = types.MappingProxyType({"gray": None, "kept": None})


def keep_critics(critics: Any, data: Any, features: Any, step: jax.Array) -> Any:
    """Returns the critics unchanged: the default of `Problem.update_critics`."""
    del data, features, step
    return critics


def no_cause(image: jax.Array, data: Any, critics: Any) -> str:
    """Returns an empty text: the default of `Problem.find_cause`."""
    del image, data, critics
    return ""


def _keep_image(image: np.ndarray) -> np.ndarray:
    """Returns the image unchanged: the default of `Plan.finish`."""
    return image


class Problem(NamedTuple):
    """Loss and data of one scale.

    Attributes:
      height: rows of the image, in pixels.
      width: columns of the image, in pixels.
      loss_fn: the loss; see `LossFn`.
      data: number of draws so far -> weights and targets. They are arguments of the compiled step,
        never constants in it. Computed on the first call.
      given: gray and kept pixels, see `losses.compose`; with a batch with a first axis of images.
      batch_axes: axes of `data` for `jax.vmap`; None for what the images of a batch share.
      critics: networks that learn beside the image, before their first update; `()` without any.
      update_critics: one update of the critics.
      stochastic: True if `data` changes with the number of draws.
      feature_bytes: bytes of the features of all layers that the network computes.
      row_devices: number of devices that share the rows of the image.
      strip: rows that are evaluated at once, one strip after the other; 0 for the whole image.
      find_cause: (image, data, critics) -> why the loss or its gradient is not finite there.
    """

    height: int
    width: int
    loss_fn: LossFn
    data: Callable[[int], Any]
    given: Mapping[str, Any] = NOTHING_GIVEN
    batch_axes: Any = 0
    critics: Any = ()
    update_critics: UpdateCritics = keep_critics
    stochastic: bool = False
    feature_bytes: int = 0
    row_devices: int = 1
    strip: int = 0
    find_cause: Callable[[jax.Array, Any, Any], str] = no_cause


class Plan(NamedTuple):
    """A whole synthesis, checked and ready to run.

    Attributes:
      problems: one for each scale, from coarse to fine.
      start: initial image `[H, W, 3 k]` of k maps, in [0, 1], of the first problem's size; with a
        batch `[B, H, W, 3 k]`.
      optimizer: how the image is updated.
      num_steps: network evaluations in total, divided among the problems by `shares`.
      save_every: steps between two calls of the observer, counted over all problems.
      height: rows of the result. A problem may be a few pixels larger, so that every pooling
        divides it.
      width: columns of the result.
      resample_every: steps between two draws of random positions and directions.
      finish: applied to the last image.
      statistic_size: how many numbers of the exemplars the statistics compare.
      details: for each problem but the first, what is added after enlarging the image of the one
        before, as a function of that image; empty adds nothing.
      tile: axes along which the result is periodic: "", "x", "y" or "xy".
      remat: a row of `memory_budget.REMATS`.
      layout: how the images and rows are divided among devices.
      shares: relative number of steps of each problem; empty divides the steps evenly.
      batch: number of images, each with its own line search; 0 for one image without a batch axis.
      arrangement_weight: as it was chosen, for the record.
      group: equal for images of a batch that keep away from each other; 0: the image is alone.
    """

    problems: Sequence[Problem]
    start: np.ndarray
    optimizer: optimizers.Optimizer
    num_steps: int
    save_every: int
    height: int
    width: int
    resample_every: int = 10
    finish: Callable[[np.ndarray], np.ndarray] = _keep_image
    statistic_size: int = 0
    details: Sequence[Callable[[np.ndarray], np.ndarray]] = ()
    tile: str = ""
    remat: str = "auto"
    layout: sharding.Layout = sharding.Layout()
    shares: Sequence[int] = ()
    batch: int = 0
    arrangement_weight: float = 0.0
    group: int = 0

    def until(self, number: int) -> int:
        """Returns the number of steps after which problem `number`, counted from 1, is finished."""
        shares = self.shares or [1] * len(self.problems)
        return steps_until(self.num_steps, shares, number)


def steps_until(num_steps: int, shares: Sequence[int], number: int) -> int:
    """Returns the number of steps after which scale `number`, counted from 1, is finished.

    Args:
      num_steps: in total.
      shares: relative number of steps of each scale.
      number: of the scale; 0 for none.
    """
    return num_steps * sum(shares[:number]) // sum(shares)


class Info(NamedTuple):
    """Losses of one step; of several steps, each leaf has a first axis of steps."""

    loss: jax.Array  # at the best image so far; infinite if no evaluation was finite yet
    evaluated: jax.Array  # at the image that this step evaluated
    terms: losses.Terms  # unweighted terms at that image


def loss_error(
    problem: Problem, data: Any, step: int, image: np.ndarray, infos: Info
) -> errors.UserError:
    """Builds the error for a loss or gradient that was never finite, with its cause.

    Args:
      problem: the problem of one image.
      data: of the problem, at that step.
      step: number of steps done.
      image: the best image so far, `[H, W, C]`; evaluated once more.
      infos: losses of the steps until then; each leaf is `[n]`.
    """
    loss = infos.evaluated[-1]
    what = "the gradient is not finite" if np.isfinite(loss) else f"the loss is {loss}"
    try:
        cause = problem.find_cause(jnp.asarray(image), data, problem.critics)
    except jax.errors.JaxRuntimeError:  # memory
        cause = ""
    terms = [name for name, values in infos.terms.items() if not np.isfinite(values[-1])]
    if terms and not cause:
        cause = f"the term '{terms[0]}' is not finite"
    return errors.UserError(f"{what} until step {step}: {cause or diagnosis.TOO_LARGE}")


Step = Callable[[optimizers.State, Any], tuple[optimizers.State, Info]]


def build_step(
    problem: Problem, optimizer: optimizers.Optimizer, remat: str = "auto", batch: int = 1
) -> Step:
    """Builds the pure function that evaluates the loss once and updates image and critics.

    Args:
      problem: loss, and critics if there are any.
      optimizer: receives loss and gradient.
      remat: a row of `memory_budget.REMATS`.
      batch: number of images evaluated at once; decides with `remat="auto"`.

    Returns:
      `step(state, data) -> (state, Info)`.
    """
    loss_fn = memory_budget.rematerialize(problem.loss_fn, remat, problem.feature_bytes * batch)
    evaluate = jax.value_and_grad(loss_fn, has_aux=True)

    def step(state: optimizers.State, data: Any) -> tuple[optimizers.State, Info]:
        (loss, (terms, features)), gradient = evaluate(state.trial, data, state.critic)

        loss, terms = memory_budget.evaluate_after(gradient, (loss, terms), state.step)
        # A loss that is not finite teaches the critics nothing.
        learned = problem.update_critics(state.critic, data, features, state.step)
        finite = jnp.isfinite(loss)
        critics = jax.tree.map(lambda new, old: jnp.where(finite, new, old), learned, state.critic)

        arguments: list[Any] = [state._replace(critic=()), loss, gradient]
        if optimizer.takes_function:
            critic = state.critic
            arguments.append(lambda image: loss_fn(image, data, critic)[0])
        state = optimizer.update(*arguments)
        best = jnp.where(state.loss < jnp.finfo(state.loss.dtype).max, state.loss, jnp.inf)
        return state._replace(critic=critics), Info(best, loss, terms)

    return step


def build_loop(
    step: Step, max_steps: int
) -> Callable[[optimizers.State, Any, jax.Array], tuple[optimizers.State, Info]]:
    """Builds a loop of several steps that runs on the device.

    The number of steps is an argument, not a constant as `lax.scan` needs it: a chunk ends where a
    run is saved or a scale is finished, and each constant would be compiled separately.

    Args:
      step: one step.
      max_steps: largest number of steps of a call.

    Returns:
      `loop(state, data, length) -> (state, infos)`; the leaves of `infos` are `[max_steps]`, with
      zeros after the first `length`.
    """
    step = jax.jit(step)  # traced once, for `eval_shape` and for the loop

    def loop(
        state: optimizers.State, data: Any, length: jax.Array
    ) -> tuple[optimizers.State, Info]:
        _, shapes = jax.eval_shape(step, state, data)
        empty = jax.tree.map(lambda leaf: jnp.zeros((max_steps, *leaf.shape), leaf.dtype), shapes)

        def body(
            number: jax.Array, carry: tuple[optimizers.State, Info]
        ) -> tuple[optimizers.State, Info]:
            state, infos = carry
            state, info = step(state, data)
            return state, jax.tree.map(lambda row, one: row.at[number].set(one), infos, info)

        return lax.fori_loop(0, length, body, (state, empty))

    return loop


def state_shapes(plan: Plan, problem: Problem) -> optimizers.State:
    """Returns the shape and dtype of each array of a state, as `jax.ShapeDtypeStruct`.

    Args:
      plan: the synthesis; with a batch, shapes have a first axis of images.
      problem: one of the plan's problems.
    """
    *batch, _, _, channels = plan.start.shape
    shape = (*batch, problem.height, problem.width, channels)
    image = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.eval_shape(functools.partial(_init, plan, problem), image)


def init_state(plan: Plan, problem: Problem, image: np.ndarray | None = None) -> optimizers.State:
    """Returns the state before the first step. Each leaf has its own buffer and can be donated.

    Args:
      plan: has the optimizer.
      problem: one of the plan's problems.
      image: `[H, W, C]` of the problem's size, or a batch; None for the plan's start, resized.
    """
    if image is None:
        image = each(io.interpolate, plan.start, problem.height, problem.width, plan.tile)

    def init(image: jax.Array) -> optimizers.State:
        return jax.tree.map(jnp.copy, _init(plan, problem, image))

    options = xla_options.compiler_options(often=False)
    return jax.jit(init, compiler_options=options)(jnp.asarray(image))


def _init(plan: Plan, problem: Problem, image: jax.Array) -> optimizers.State:
    """Returns the state of an image, or of a batch."""
    init = functools.partial(optimizers.init_state, plan.optimizer)
    if plan.batch:
        init = jax.vmap(init)
    return init(image, problem.critics)


def each(function: Callable[..., np.ndarray], image: np.ndarray, *arguments: Any) -> np.ndarray:
    """Applies a function to an image, or to each of a batch.

    Args:
      function: image `[H, W, C]`, and `arguments` -> image.
      image: `[H, W, C]`, or a batch `[B, H, W, C]`.
    """
    if image.ndim == 3:
        return function(image, *arguments)
    return np.stack([function(one, *arguments) for one in image])
