"""What is made at one scale, and the step of its descent, traced, compiled, and laid onto devices.

`step(state, data) -> (state, info)` is pure and holds exactly one evaluation of the network. The same step runs in a
Python loop (on CPU, where XLA runs convolutions inside `scan` several times slower), in `lax.scan` chunks (elsewhere,
without a word to the host in between), and under `jax.vmap`. It has two halves, `evaluate` and `advance`: programs of their
own in the loop, for two are compiled sooner side by side.
"""

import functools
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import compilation, heap, images, losses, memory, meshes, optimizers, traces

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
    layout: meshes.Layout = meshes.Layout()
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
Chunk = Callable[[optimizers.State, Any, int], tuple[optimizers.State, Info]]


class Compiled(NamedTuple):
    """A step in two programs; the state that it is given is used up."""

    evaluate: jax.stages.Compiled
    advance: jax.stages.Compiled

    def __call__(self, state: optimizers.State, data: Any) -> tuple[optimizers.State, Info]:
        """One evaluation further, as `build_step`."""
        return joined(*self)(state, data)


class Lowered(NamedTuple):
    """Both halves of a step, traced."""

    evaluate: jax.stages.Lowered
    advance: jax.stages.Lowered

    def compile(self) -> Compiled:
        """Both at once."""
        with futures.ThreadPoolExecutor(1) as beside:
            advance = beside.submit(self.advance.compile)
            return Compiled(self.evaluate.compile(), advance.result())


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
    loss = memory.remat(problem.loss, remat, problem.features * batch)

    def evaluate(image: jax.Array, critic: Any, step: jax.Array, data: Any) -> tuple[Found, Any]:
        (value, (terms, seen)), gradient = jax.value_and_grad(loss, has_aux=True)(image, data, critic)
        learned = problem.learn(critic, data, seen, step)
        critic = jax.tree.map(lambda new, old: jnp.where(jnp.isfinite(value), new, old), learned, critic)
        return Found(value, gradient, terms), critic

    def advance(state: optimizers.State, found: Found) -> tuple[optimizers.State, Info]:
        state = optimizer.update(state, found.loss, found.gradient)
        return state, Info(state.loss, found.loss, found.terms)

    return evaluate, advance


def build_chunk(plan: Plan, problem: Problem, scanned: bool) -> Callable[[], Chunk]:
    """Several steps in one call, `(state, data, length) -> (state, infos [length])`; the state given is used up.

    Returns:
      A function that compiles the steps for this problem and returns them. It may be called in another thread: tracing
      is done here, where the caller's settings of JAX hold, and compiling lets other threads run.
    """
    if not scanned:
        lowered = lower(plan, problem)
        return lambda: _repeated(lowered.compile())
    step, placed = joined(*_halves(plan, problem)), {}
    if spread := meshes.mesh(plan.layout, problem.rows):
        of_state, of_data = _shardings(plan, problem, spread, shapes_of_state(plan, problem))
        placed = {"in_shardings": (of_state, of_data), "out_shardings": (of_state, meshes.everywhere(spread))}
    chunk = lambda state, data, length: jax.lax.scan(lambda s, _: step(s, data), state, length=length)
    jitted = jax.jit(chunk, static_argnums=2, donate_argnums=0, **placed)
    return lambda: _traced(jitted, spread)


def lower(plan: Plan, problem: Problem) -> Lowered:
    """A single step, traced; `lower(...).compile()(state, data)` takes it, and uses the state up."""
    spread, state = meshes.mesh(plan.layout, problem.rows), shapes_of_state(plan, problem)
    of_evaluate, of_advance = _placed(plan, problem, spread, state) if spread else ({}, {})
    made_of = f"{problem.made_of} {problem.axes} {plan.batch} {plan.remat}" if problem.made_of else ""

    def half(function: Callable, *arguments: Any, **jitting) -> jax.stages.Lowered:
        jitted = traces.jit(function, arguments, made_of, compiler_options=compilation.options(often=True), **jitting)
        return _traced(jitted.lower, spread)(*arguments)

    evaluate, advance = _halves(plan, problem)
    evaluated = half(evaluate, state.trial, state.critic, state.step, problem.shapes, **of_evaluate)
    found, _ = evaluated.out_info
    return Lowered(evaluated, half(advance, state._replace(critic=()), found, donate_argnums=0, **of_advance))


def _halves(plan: Plan, problem: Problem) -> tuple[Evaluate, Advance]:
    """Those of a plan: of a batch, if it is one."""
    evaluate, advance = build_halves(problem, plan.optimizer, plan.remat, max(1, plan.batch))
    return (jax.vmap(evaluate, (0, 0, 0, problem.axes)), jax.vmap(advance)) if plan.batch else (evaluate, advance)


def _placed(plan: Plan, problem: Problem, spread, state: optimizers.State) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where arguments and results of both halves lie on several devices, as `jax.jit` takes it."""
    of_state, of_data = _shardings(plan, problem, spread, state)
    everywhere = meshes.everywhere(spread)
    found, alone = Found(everywhere, of_state.trial, everywhere), of_state._replace(critic=())
    seen = of_state.trial, of_state.critic, of_state.step, of_data
    return (
        {"in_shardings": seen, "out_shardings": (found, of_state.critic)},
        {"in_shardings": (alone, found), "out_shardings": (alone, everywhere)},
    )


def shapes_of_state(plan: Plan, problem: Problem) -> optimizers.State:
    """Shape and kind of each array of a state, of a batch if it is one."""
    *batch, _, _, channels = plan.start.shape
    image = jax.ShapeDtypeStruct((*batch, problem.height, problem.width, channels), jnp.float32)
    return jax.eval_shape(functools.partial(_start, plan, problem), image)


def _traced(function: Callable, spread) -> Callable:
    def on_the_mesh(*arguments):
        with meshes.on(spread):
            return function(*arguments)

    return on_the_mesh


def _shardings(plan: Plan, problem: Problem, spread, state: Any) -> tuple[Any, Any]:
    shape, batch = (problem.height, problem.width, plan.start.shape[-1]), bool(plan.batch)
    of_data = meshes.of_data(spread, problem.shapes, problem.axes, batch)
    return meshes.of_images(spread, state, shape, batch), of_data


def place(plan: Plan, problem: Problem, state: optimizers.State | None, data: Any) -> tuple[Any, Any]:
    """State and data where the problem's steps want them."""
    spread = meshes.mesh(plan.layout, problem.rows)
    if spread is None:
        return state, data
    return meshes.place((state, data), _shardings(plan, problem, spread, state))


def begin(plan: Plan, problem: Problem, image: np.ndarray | None = None) -> optimizers.State:
    """The state before the first step: each leaf is a buffer of its own, to be given away.

    Args:
      plan: with the optimiser.
      problem: one of the plan's.
      image: where to begin, of any size, `[H, W, C]` or a batch; None: at the plan's start.
    """
    image = enlarged(plan.start if image is None else image, problem, plan.tile)
    fresh = lambda image: jax.tree.map(jnp.copy, _start(plan, problem, image))
    return jax.jit(fresh, compiler_options=compilation.options(often=False))(jnp.asarray(image))


def _start(plan: Plan, problem: Problem, image: jax.Array) -> optimizers.State:
    start = functools.partial(optimizers.start, plan.optimizer)
    return (jax.vmap(start) if plan.batch else start)(image, problem.critic)


def enlarged(image: np.ndarray, problem: Problem, tile: str) -> np.ndarray:
    """`[H, W, C]`, or a batch `[B, H, W, C]`, at the size of the problem; `tile` as in `images.resize`."""
    if image.ndim == 3:
        return images.resize(image, problem.height, problem.width, tile)
    return np.stack([images.resize(one, problem.height, problem.width, tile) for one in image])


def _repeated(compiled: Compiled) -> Chunk:
    heap.give_back()  # what loading and compiling have left

    def loop(state, data, length):
        infos = []
        for _ in range(length):
            state, info = compiled(state, data)
            infos.append(info)
        return state, jax.tree.map(lambda *leaves: np.stack(leaves), *infos)

    return loop
