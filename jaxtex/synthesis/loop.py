"""The loop: problems from coarse to fine, each descended for its share of the steps.

Between two chunks of steps a keeper may save where the synthesis stands: it can go on from there, in another process, to
the same image bit for bit.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent import futures
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxtex import errors, optimizers
from jaxtex.runtime import sharding
from jaxtex.synthesis import compilation, stepping


class Progress(NamedTuple):
    """What an observer is shown after every chunk of steps."""

    step: int  # steps done, over all scales
    num_steps: int
    image: np.ndarray  # [H, W, 3], at the scale of the moment
    infos: stepping.Info  # of the steps since the last time, stacked: [n]; of a batch [n, B]


class LoopState(NamedTuple):
    """Where a synthesis stands between two chunks: all that is needed to go on."""

    number: int  # of the problem, from 1
    step: int  # steps done, over all scales
    state: optimizers.State
    infos: Sequence[stepping.Info] = ()  # of steps that no observer has seen, each stacked: [n]


class Checkpointer(Protocol):
    """Saves where a synthesis stands, and finds it again."""

    def find(self, plan: stepping.Plan) -> LoopState | None:
        """What was saved; None: all begins anew."""

    def keep(self, plan: stepping.Plan, standing: LoopState) -> None:
        """Is told after every chunk; an error ends the loop."""


class Forgetful:
    """The keeper of nothing."""

    def find(self, plan: stepping.Plan) -> None:
        """There is nothing."""

    def keep(self, plan: stepping.Plan, standing: LoopState) -> None:
        """Nothing is kept."""


FORGETFUL = Forgetful()
Observer = Callable[[Progress], None]


def run(
    plan: stepping.Plan, observe: Observer = lambda progress: None, keeper: Checkpointer = FORGETFUL
) -> np.ndarray:
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
    with compile_chunks(plan) as chunks:
        return plan.finish(
            descend(plan, chunks, lambda progress: observe(_check_finite(progress)), keeper)
        )


def _check_finite(progress: Progress) -> Progress:
    if not np.isfinite(progress.infos.loss[-1]):
        raise errors.UserError(
            f"the loss is {progress.infos.evaluated[-1]} until step {progress.step}: weights of layers or terms are too "
            "large, or those of the network are spoilt"
        )
    return progress


@contextlib.contextmanager
def compile_chunks(plan: stepping.Plan) -> Iterator[list[compilation.Chunk]]:
    """The chunks of a plan's problems: the next one's steps are compiled while the first ones run.

    Elsewhere than on CPU all at once, for the host has little else to do: a GPU's program wants many seconds of one core
    (some 8 for VGG-16-BN), and its steps take fewer.
    """
    looped = jax.default_backend() != "cpu"
    compiler = futures.ThreadPoolExecutor(len(plan.problems) if looped else 1)
    try:
        chunks = [
            compiler.submit(compilation.build_chunk(plan, problem, looped))
            for problem in plan.problems
        ]
        yield [lambda *given, c=chunk: c.result()(*given) for chunk in chunks]
    finally:
        compiler.shutdown(wait=False, cancel_futures=True)


def iterate(plan: stepping.Plan) -> Iterator[Progress]:
    """`run` for a loop of one's own, which may leave it at any time; the last image is the result."""
    with compile_chunks(plan) as chunks:
        progressing = descent(plan, chunks, FORGETFUL)
        for progress in progressing:
            last = progress.step == plan.num_steps
            cut = progress.image[: plan.height, : plan.width]
            yield _check_finite(progress)._replace(
                image=plan.finish(cut) if last else progress.image
            )


def descend(
    plan: stepping.Plan,
    chunks: Sequence[compilation.Chunk],
    observe: Observer,
    keeper: Checkpointer = FORGETFUL,
) -> np.ndarray:
    """The loop itself, with the steps of each problem as `build_chunk` compiled them."""
    progressing = descent(plan, chunks, keeper)
    while True:
        try:
            observe(next(progressing))
        except StopIteration as end:
            return end.value


def descent(
    plan: stepping.Plan, chunks: Sequence[compilation.Chunk], keeper: Checkpointer
) -> Generator[Progress, None, np.ndarray]:
    """`descend`, which yields what the observer is shown, and returns the image."""
    standing, image = keeper.find(plan), plan.start
    first = standing.number if standing else 1
    for number in range(first, len(plan.problems) + 1):
        if standing is None or standing.number < number:
            state = stepping.init_state(
                plan, plan.problems[number - 1], _refine(plan, number, image)
            )
            standing = LoopState(number, plan.until(number - 1), state)
        standing = yield from _descent_of_one(plan, standing, chunks[number - 1], keeper)
        image = sharding.fetch(
            standing.state.image, sharding.build_mesh(plan.layout, plan.problems[number - 1].rows)
        )
    return image[..., : plan.height, : plan.width, :]


def _descent_of_one(
    plan: stepping.Plan, standing: LoopState, chunk: compilation.Chunk, keeper: Checkpointer
) -> Generator[Progress, None, LoopState]:
    """The steps of one problem that are still to be done."""
    number, done, state, infos = standing
    problem, until = plan.problems[number - 1], plan.until(number)
    state, data = compilation.put(plan, problem, state, _data_at(plan, problem, number, done))
    while done < until:
        stop = _chunk_end(plan, problem, done, until)
        state, info = chunk(state, data, stop - done)
        infos, done = [*infos, jax.tree.map(np.asarray, info)], stop
        if problem.stochastic and done % plan.resample_every == 0 and done < until:
            state, data = compilation.put(
                plan, problem, plan.optimizer.restart(state), _data_at(plan, problem, number, done)
            )
        if done % plan.save_every == 0 or done == until:
            image = sharding.fetch(state.image, sharding.build_mesh(plan.layout, problem.rows))
            yield Progress(done, plan.num_steps, image, concatenate_infos(infos))
            infos = []
        keeper.keep(plan, LoopState(number, done, state, infos))
    return LoopState(number, done, state)


def _refine(plan: stepping.Plan, number: int, image: np.ndarray) -> np.ndarray:
    """The image at the size of the problem of this number, counted from 1, with the details that it brings."""
    enlarged = stepping.enlarge(image, plan.problems[number - 1], plan.tile)
    return (
        np.clip(enlarged + plan.details[number - 2], 0, 1)
        if plan.details and number > 1
        else enlarged
    )


def _chunk_end(plan: stepping.Plan, problem: stepping.Problem, done: int, until: int) -> int:
    """Where the chunk ends that begins after so many steps; it does not depend on where a run was cut off."""
    lengths = [plan.save_every, 1 if jax.default_backend() == "cpu" else compilation.MAX_LOOP_STEPS]
    lengths += [plan.resample_every] if problem.stochastic else []
    return min(until, *(done - done % every + every for every in lengths))


def _data_at(plan: stepping.Plan, problem: stepping.Problem, number: int, done: int) -> Any:
    """As the problem has them at first, or as they were drawn last."""
    drawn = done // plan.resample_every
    later = problem.stochastic and drawn * plan.resample_every > plan.until(number - 1)
    return problem.data(drawn if later else 0)


def concatenate_infos(infos: Sequence[stepping.Info]) -> stepping.Info | tuple[()]:
    """Those of several chunks as those of one; `()` if there are none."""
    return () if not infos else jax.tree.map(lambda *parts: np.concatenate(parts), *infos)
