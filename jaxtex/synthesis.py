"""The loop: problems from coarse to fine, each descended for its share of the steps.

`step(state, data) -> (state, info)` is pure and holds exactly one evaluation of the network. The same step runs in a
Python loop (on CPU, where XLA runs convolutions inside `scan` several times slower), in `lax.scan` chunks (elsewhere,
without a word to the host in between), and under `jax.vmap`. Between two chunks a keeper may save where the synthesis
stands: it can go on from there, in another process, to the same image bit for bit.
"""

import contextlib
import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import compilation, errors, images, losses, memory, meshes, optimizers

# (image, data, critic) -> (sum, (terms, what a critic sees of the features))
Loss = Callable[[jax.Array, Any, Any], tuple[jax.Array, tuple[losses.Terms, Any]]]
Learn = Callable[[Any, Any, Any, jax.Array], Any]  # (critic, data, what it saw, step) -> critic


class Problem(NamedTuple):
    """What is to be made at one scale."""

    height: int
    width: int
    loss: Loss
    data: Any  # weights and targets: arguments of the compiled step, not constants of it
    critic: Any = ()  # before it has learned, where there is one
    learn: Learn = lambda critic, data, seen, step: critic
    renew: Callable[[int], Any] | None = None  # how often -> data of the same shapes, where chance is part of the loss
    features: int = 0  # bytes of the features of all layers that are run through
    axes: Any = 0  # of `data`, for `jax.vmap`: None for what the images of a batch share
    rows: int = 1  # devices that share the rows of the image
    strip: int = 0  # rows that are taken at once, one strip after the other; 0: all


class Plan(NamedTuple):
    """A whole synthesis; of a batch if `batch` is not 0, see `batches`: then arrays have a first axis more."""

    problems: Sequence[Problem]  # from coarse to fine
    start: np.ndarray  # the first image, of the first problem's size, in [0, 1]
    optimizer: optimizers.Optimizer
    num_steps: int  # evaluations in all, shared evenly by the problems; the last gets what is over
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
    batch: int = 0  # images, each at its own point of its own search; 0: one, and no axis for it


class Info(NamedTuple):
    """What a step has to tell."""

    loss: jax.Array  # at the best image so far
    evaluated: jax.Array  # at the image that was tried in this step
    terms: losses.Terms  # likewise


class Progress(NamedTuple):
    """What an observer is shown after every chunk of steps."""

    step: int  # steps done, over all scales
    num_steps: int
    image: np.ndarray  # [H, W, 3], at the scale of the moment
    infos: Info  # of the steps since the last time, stacked: [n]; of a batch [n, B]


class Standing(NamedTuple):
    """Where a synthesis stands between two chunks: all that is needed to go on."""

    number: int  # of the problem, from 1
    step: int  # steps done, over all scales
    state: optimizers.State
    infos: Sequence[Info] = ()  # of steps that no observer has seen, each stacked: [n]


class Keeper(NamedTuple):
    """Saves where a synthesis stands, and finds it again."""

    find: Callable[[Plan], Standing | None] = lambda plan: None
    keep: Callable[[Plan, Standing], None] = lambda plan, standing: None  # after every chunk; by an error the loop ends


FORGETFUL = Keeper()
Observer = Callable[[Progress], None]
Step = Callable[[optimizers.State, Any], tuple[optimizers.State, Info]]
Chunk = Callable[[optimizers.State, Any, int], tuple[optimizers.State, Info]]
LONGEST = 10  # steps of a chunk, but on CPU: it is there that a run can be saved, and told to leave


def build_step(problem: Problem, optimizer: optimizers.Optimizer, remat: str = "auto", batch: int = 1) -> Step:
    """The pure function that evaluates the network once and tells the optimiser, and the critic if there is one."""
    loss = memory.remat(problem.loss, remat, problem.features * batch)

    def step(state: optimizers.State, data: Any) -> tuple[optimizers.State, Info]:
        evaluate = jax.value_and_grad(loss, has_aux=True)
        (value, (terms, seen)), gradient = evaluate(state.trial, data, state.critic)
        learned = problem.learn(state.critic, data, seen, state.step)
        critic = jax.tree.map(lambda new, old: jnp.where(jnp.isfinite(value), new, old), learned, state.critic)
        state = optimizer.update(state, value, gradient)._replace(critic=critic)
        return state, Info(state.loss, value, terms)

    return step


def build_chunk(plan: Plan, problem: Problem, scanned: bool) -> Callable[[], Chunk]:
    """Several steps in one call, `(state, data, length) -> (state, infos [length])`; the state given is used up.

    Returns:
      A function that compiles the steps for this problem and returns them. It may be called in another thread: tracing
      is done here, where the caller's settings of JAX hold, and compiling lets other threads run.
    """
    if not scanned:
        lowered = lower(plan, problem)
        return lambda: _repeated(lowered.compile())
    step, placed, _ = _whole_step(plan, problem)
    chunk = lambda state, data, length: jax.lax.scan(lambda s, _: step(s, data), state, length=length)
    jitted = jax.jit(chunk, static_argnums=2, donate_argnums=0, **placed)
    return lambda: _traced(jitted, meshes.mesh(plan.layout, problem.rows))


def lower(plan: Plan, problem: Problem) -> jax.stages.Lowered:
    """A single step, traced; `lower(...).compile()(state, data)` takes it, and uses the state up."""
    step, placed, state = _whole_step(plan, problem)
    jitted = jax.jit(step, donate_argnums=0, compiler_options=compilation.options(often=True), **placed)
    return _traced(jitted.lower, meshes.mesh(plan.layout, problem.rows))(state, problem.data)


def _whole_step(plan: Plan, problem: Problem) -> tuple[Callable, dict[str, Any], Any]:
    """The step of a plan, of a batch if it is one; where its arguments lie; the shapes of its state."""
    step = build_step(problem, plan.optimizer, plan.remat, max(1, plan.batch))
    step, state = jax.vmap(step, (0, problem.axes)) if plan.batch else step, shapes_of_state(plan, problem)
    spread = meshes.mesh(plan.layout, problem.rows)
    if spread is None:
        return step, {}, state
    of_state, of_data = _shardings(plan, problem, spread, state)
    return step, {"in_shardings": (of_state, of_data), "out_shardings": (of_state, meshes.everywhere(spread))}, state


def shapes_of_state(plan: Plan, problem: Problem) -> optimizers.State:
    """Shape and kind of each array of a state, of a batch if it is one."""
    image = jax.ShapeDtypeStruct((*plan.start.shape[:-3], problem.height, problem.width, 3), jnp.float32)
    return jax.eval_shape(functools.partial(_start, plan, problem), image)


def _traced(function: Callable, spread) -> Callable:
    def on_the_mesh(*arguments):
        with meshes.on(spread):
            return function(*arguments)

    return on_the_mesh


def _shardings(plan: Plan, problem: Problem, spread, state: Any) -> tuple[Any, Any]:
    size, batch = (problem.height, problem.width), bool(plan.batch)
    of_data = meshes.of_data(spread, problem.data, problem.axes, batch)
    return meshes.of_images(spread, state, size, batch), of_data


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
      image: where to begin, of any size, `[H, W, 3]` or a batch; None: at the plan's start.
    """
    image = plan.start if image is None else image
    return jax.tree.map(jnp.copy, _start(plan, problem, jnp.asarray(_enlarged(image, problem, plan.tile))))


def _start(plan: Plan, problem: Problem, image: jax.Array) -> optimizers.State:
    start = functools.partial(optimizers.start, plan.optimizer)
    return (jax.vmap(start) if plan.batch else start)(image, problem.critic)


def _refined(plan: Plan, number: int, image: np.ndarray) -> np.ndarray:
    """The image at the size of the problem of this number, counted from 1, with the details that it brings."""
    enlarged = _enlarged(image, plan.problems[number - 1], plan.tile)
    return np.clip(enlarged + plan.details[number - 2], 0, 1) if plan.details and number > 1 else enlarged


def _enlarged(image: np.ndarray, problem: Problem, tile: str) -> np.ndarray:
    if image.ndim == 3:
        return images.resize(image, problem.height, problem.width, tile)
    return np.stack([images.resize(one, problem.height, problem.width, tile) for one in image])


def _repeated(compiled: Step) -> Chunk:
    def loop(state, data, length):
        infos = []
        for _ in range(length):
            state, info = compiled(state, data)
            infos.append(info)
        return state, jax.tree.map(lambda *leaves: np.stack(leaves), *infos)

    return loop


def run(plan: Plan, observe: Observer = lambda progress: None, keeper: Keeper = FORGETFUL) -> np.ndarray:
    """Descends each problem from the enlarged result of the one before.

    Args:
      plan: what to make, and how.
      observe: is shown the progress.
      keeper: saves it.

    Returns:
      The last image, `[height, width, 3]` in [0, 1].

    Raises:
      UserError: the loss is not finite.
    """
    (image,) = run_each([plan], [lambda progress: observe(_finite(progress))], [keeper])
    return plan.finish(image)


def _finite(progress: Progress) -> Progress:
    if not np.isfinite(progress.infos.loss[-1]):
        raise errors.UserError(
            f"the loss is {progress.infos.evaluated[-1]} until step {progress.step}: weights of layers or terms are too "
            "large, or those of the network are spoilt"
        )
    return progress


def run_each(
    plans: Sequence[Plan], observers: Sequence[Observer], keepers: Sequence[Keeper]
) -> Iterator[np.ndarray]:
    """One plan after the other, with steps compiled once for all: they agree in everything but the numbers.

    Yields:
      The last image of each, before `Plan.finish`; with an axis more where a plan is of a batch.
    """
    with _compiling(plans[0]) as chunks:
        for plan, observe, keeper in zip(plans, observers, keepers, strict=True):
            yield descend(plan, chunks, observe, keeper)


@contextlib.contextmanager
def _compiling(plan: Plan) -> Iterator[list[Chunk]]:
    """The chunks of a plan's problems: the next one's steps are compiled while the first ones run."""
    compiler, scanned = futures.ThreadPoolExecutor(1), jax.default_backend() != "cpu"
    try:
        chunks = [compiler.submit(build_chunk(plan, problem, scanned)) for problem in plan.problems]
        yield [lambda *given, c=chunk: c.result()(*given) for chunk in chunks]
    finally:
        compiler.shutdown(wait=False, cancel_futures=True)


def iterate(plan: Plan) -> Iterator[Progress]:
    """`run` for a loop of one's own, which may leave it at any time; the last image is the result."""
    with _compiling(plan) as chunks:
        progressing = descent(plan, chunks, FORGETFUL)
        for progress in progressing:
            last = progress.step == plan.num_steps
            cut = progress.image[: plan.height, : plan.width]
            yield _finite(progress)._replace(image=plan.finish(cut) if last else progress.image)


def descend(plan: Plan, chunks: Sequence[Chunk], observe: Observer, keeper: Keeper = FORGETFUL) -> np.ndarray:
    """The loop itself, with the steps of each problem as `build_chunk` compiled them."""
    progressing = descent(plan, chunks, keeper)
    while True:
        try:
            observe(next(progressing))
        except StopIteration as end:
            return end.value


def descent(plan: Plan, chunks: Sequence[Chunk], keeper: Keeper) -> Generator[Progress, None, np.ndarray]:
    """`descend`, which yields what the observer is shown, and returns the image."""
    standing, image = keeper.find(plan), plan.start
    first = standing.number if standing else 1
    for number in range(first, len(plan.problems) + 1):
        if standing is None or standing.number < number:
            state = begin(plan, plan.problems[number - 1], _refined(plan, number, image))
            standing = Standing(number, _until(plan, number - 1), state)
        standing = yield from _descent_of_one(plan, standing, chunks[number - 1], keeper)
        image = meshes.fetch(standing.state.image, meshes.mesh(plan.layout, plan.problems[number - 1].rows))
    return image[..., : plan.height, : plan.width, :]


def _descent_of_one(
    plan: Plan, standing: Standing, chunk: Chunk, keeper: Keeper
) -> Generator[Progress, None, Standing]:
    """The steps of one problem that are still to be done."""
    number, done, state, infos = standing
    problem, until = plan.problems[number - 1], _until(plan, number)
    state, data = place(plan, problem, state, _data_at(plan, problem, number, done))
    while done < until:
        stop = _pause(plan, problem, done, until)
        state, info = chunk(state, data, stop - done)
        infos, done = [*infos, jax.tree.map(np.asarray, info)], stop
        if problem.renew and done % plan.renew_every == 0 and done < until:
            state, data = place(plan, problem, plan.optimizer.renew(state), _data_at(plan, problem, number, done))
        if done % plan.save_every == 0 or done == until:
            image = meshes.fetch(state.image, meshes.mesh(plan.layout, problem.rows))
            yield Progress(done, plan.num_steps, image, joined(infos))
            infos = []
        keeper.keep(plan, Standing(number, done, state, infos))
    return Standing(number, done, state)


def _until(plan: Plan, number: int) -> int:
    """After how many steps the problem of this number, from 1, is done with."""
    return plan.num_steps * number // len(plan.problems)


def _pause(plan: Plan, problem: Problem, done: int, until: int) -> int:
    """Where the chunk ends that begins after so many steps; it does not depend on where a run was cut off."""
    lengths = [plan.save_every, 1 if jax.default_backend() == "cpu" else LONGEST]
    lengths += [plan.renew_every] if problem.renew else []
    return min(until, *(done - done % every + every for every in lengths))


def _data_at(plan: Plan, problem: Problem, number: int, done: int) -> Any:
    """As the problem has them at first, or as they were drawn last."""
    drawn = done // plan.renew_every
    later = problem.renew and drawn * plan.renew_every > _until(plan, number - 1)
    return problem.renew(drawn) if later else problem.data


def joined(infos: Sequence[Info]) -> Info | tuple[()]:
    """Those of several chunks as those of one; `()` if there are none."""
    return () if not infos else jax.tree.map(lambda *parts: np.concatenate(parts), *infos)
