"""The loop: problems from coarse to fine, each optimized for its share of the steps.

Between two chunks of steps a checkpointer may save the state. The loop can resume from it in
another process, to the same image bit for bit.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from jaxtex import losses, optimizers
from jaxtex.runtime import sharding
from jaxtex.synthesis import compilation, diverse, stepping
from jaxtex.synthesis.canvas import extension


class Progress(NamedTuple):
    """Progress of a synthesis, which observers receive every `save_every` steps.

    Attributes:
      step: steps done, over all scales.
      num_steps: steps in total.
      image: the best image so far, `[H, W, C]` in [0, 1], at the present scale.
      infos: losses of the steps since the last call; each leaf is `[n]`, with a batch `[n, B]`.
    """

    step: int
    num_steps: int
    image: np.ndarray
    infos: stepping.Info


class LoopState(NamedTuple):
    """State of the loop between two chunks: all that is needed to resume.

    Attributes:
      number: of the problem, from 1.
      step: steps done, over all scales.
      state: of the optimizer.
      infos: losses of the steps that no observer has received; each leaf is `[n]`.
    """

    number: int
    step: int
    state: optimizers.State
    infos: Sequence[stepping.Info] = ()


class Checkpointer(Protocol):
    """Saves the state of the loop and finds it again."""

    def restore(self, plan: stepping.Plan) -> LoopState | None:
        """Returns the saved state; None without one."""

    def save(self, plan: stepping.Plan, loop_state: LoopState) -> None:
        """Saves the state if it is time to. Called after every chunk; an error ends the loop."""


Observer = Callable[[Progress], object]


def _ignore(progress: Progress) -> None:
    """Does nothing: the default observer."""
    del progress


def run(
    plan: stepping.Plan, observe: Observer = _ignore, checkpointer: Checkpointer | None = None
) -> np.ndarray:
    """Runs a plan.

    Args:
      plan: of one image.
      observe: receives the progress.
      checkpointer: saves the state; None saves nothing.

    Returns:
      The result, `[height, width, C]` in [0, 1].

    Raises:
      UserError: the loss is not finite.
    """
    with compilation.compile_chunks(plan) as chunks:
        once = compilation.used_once(chunks)
        image = descend(plan, once, lambda p: observe(check_finite(plan, p)), checkpointer)
        return plan.finish(image)


def check_finite(plan: stepping.Plan, progress: Progress) -> Progress:
    """Raises if the best loss is not finite: then every image so far was refused.

    Args:
      plan: of one image.
      progress: is returned.

    Raises:
      UserError: the loss is not finite; the line names the step and the cause.
    """
    step, infos = progress.step, progress.infos
    if np.isfinite(infos.loss[-1]):
        return progress
    number = next(i for i in range(1, len(plan.problems) + 1) if step <= plan.until(i))
    problem = plan.problems[number - 1]
    data = _data_at(plan, problem, number, step - 1)
    raise stepping.loss_error(problem, data, step, progress.image, infos)


def iterate(plan: stepping.Plan) -> Iterator[Progress]:
    """Runs a plan as an iterator, which may be abandoned at any time.

    Args:
      plan: of one image.

    Yields:
      Progress every `save_every` steps; the last image is the result.

    Raises:
      UserError: the loss is not finite.
    """
    with compilation.compile_chunks(plan) as chunks:
        progressing = descent(plan, compilation.used_once(chunks), None)
        while (progress := advance(progressing)[0]) is not None:
            check_finite(plan, progress)
            if progress.step == plan.num_steps:
                image = plan.finish(progress.image[: plan.height, : plan.width])
                progress = progress._replace(image=image)
            yield progress


def descend(
    plan: stepping.Plan,
    chunks: Iterable[compilation.Chunk],
    observe: Observer,
    checkpointer: Checkpointer | None = None,
) -> np.ndarray:
    """Runs all steps of a plan and returns the last image, without `plan.finish`.

    Args:
      plan: of one image, or of a batch.
      chunks: the compiled steps of each problem.
      observe: receives the progress.
      checkpointer: saves the state.
    """
    progressing = descent(plan, chunks, checkpointer)
    while True:
        progress, image = advance(progressing)
        if progress is None:
            return image
        observe(progress)


@jax.transfer_guard("allow")  # what is moved to a device and back is meant to be
def advance(
    progressing: Generator[Progress, None, np.ndarray],
) -> tuple[Progress | None, Any]:
    """Returns the next progress of a `descent`, and None; or, at the end, None and the image."""
    try:
        return next(progressing), None
    except StopIteration as end:
        return None, end.value


def descent(
    plan: stepping.Plan,
    chunks: Iterable[compilation.Chunk],
    checkpointer: Checkpointer | None,
) -> Generator[Progress, None, np.ndarray]:
    """Runs all steps of a plan as a generator of progress, which returns the last image.

    Args:
      plan: of one image, or of a batch.
      chunks: the compiled steps of each problem.
      checkpointer: saves the state; None saves nothing.
    """
    loop_state = checkpointer.restore(plan) if checkpointer else None
    image = plan.start
    first = loop_state.number if loop_state else 1
    for number, chunk in enumerate(chunks, 1):
        if number < first:
            continue
        problem = plan.problems[number - 1]
        if loop_state is None or loop_state.number < number:
            state = stepping.init_state(plan, problem, _refine(plan, number, image))
            loop_state = LoopState(number, plan.until(number - 1), state)
        loop_state = yield from _descend_scale(plan, loop_state, chunk, checkpointer)
        mesh = sharding.build_mesh(plan.layout, problem.row_devices)
        image = np.array(sharding.fetch(loop_state.state.image, mesh))  # writable
    image = losses.compose(image, plan.problems[-1].given)
    return image[..., : plan.height, : plan.width, :]


def _descend_scale(
    plan: stepping.Plan,
    loop_state: LoopState,
    chunk: compilation.Chunk,
    checkpointer: Checkpointer | None,
) -> Generator[Progress, None, LoopState]:
    """Runs the remaining steps of one problem."""
    number, done, state, infos = loop_state
    problem = plan.problems[number - 1]
    until = plan.until(number)
    mesh = sharding.build_mesh(plan.layout, problem.row_devices)
    if _is_redrawn(plan, problem, number, done):
        state = diverse.renew(plan, state)  # not done yet in the state after a run's last step
    state, data = compilation.put(plan, problem, state, _data_at(plan, problem, number, done))
    while done < until:
        end = _chunk_end(plan, problem, done, until)
        state, info = chunk(state, data, end - done)
        infos = [*infos, jax.tree.map(np.asarray, info)]
        done = end

        if problem.stochastic and done % plan.resample_every == 0 and done < until:
            data = _data_at(plan, problem, number, done)
            state, data = compilation.put(plan, problem, diverse.renew(plan, state), data)

        if done % plan.save_every == 0 or done == until:
            image = np.array(sharding.fetch(state.image, mesh))  # writable
            image = losses.compose(image, problem.given)
            yield Progress(done, plan.num_steps, image, concatenate_infos(infos))
            infos = []
        if checkpointer:
            checkpointer.save(plan, LoopState(number, done, state, infos))
    return LoopState(number, done, state)


def _refine(plan: stepping.Plan, number: int, image: np.ndarray) -> np.ndarray:
    """Returns the image at the size of problem `number`, from 1, with the details added there."""
    if number == 1:
        return image
    problem = plan.problems[number - 1]
    canvas = (problem.height, problem.width)
    halved = stepping.each(extension.fit, image, canvas, plan.tile)
    enlarged = stepping.each(extension.double, halved, canvas, plan.tile)
    if not plan.details:
        return enlarged
    return np.clip(enlarged + plan.details[number - 2](halved), 0, 1)


def _chunk_end(plan: stepping.Plan, problem: stepping.Problem, done: int, until: int) -> int:
    """Returns the step at which the next chunk ends. It does not depend on where a run resumed."""
    lengths = [plan.save_every]
    lengths.append(1 if jax.default_backend() == "cpu" else compilation.MAX_LOOP_STEPS)
    if problem.stochastic:
        lengths.append(plan.resample_every)
    return min(until, *(done - done % length + length for length in lengths))


def _data_at(plan: stepping.Plan, problem: stepping.Problem, number: int, done: int) -> Any:
    """Returns the data of a problem as it was first drawn, or as it was drawn last."""
    draws = done // plan.resample_every
    redrawn = problem.stochastic and draws * plan.resample_every > plan.until(number - 1)
    return problem.data(draws if redrawn else 0)


def _is_redrawn(plan: stepping.Plan, problem: stepping.Problem, number: int, done: int) -> bool:
    """Returns True if new data was drawn just now, after step `done` of a problem."""
    after_draw = done > plan.until(number - 1) and done % plan.resample_every == 0
    return problem.stochastic and after_draw


def concatenate_infos(infos: Sequence[stepping.Info]) -> stepping.Info:
    """Returns the losses of one or more chunks as those of one."""
    return jax.tree.map(lambda *parts: np.concatenate(parts), *infos)
