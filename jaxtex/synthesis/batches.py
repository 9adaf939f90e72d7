"""Several images at once, each with its own line search.

No image waits for another: each step evaluates each image once, and each accepts or refuses its
own trial. On a CPU every image has its own program and thread, which is faster there than one
program of a batch; on other devices one program, made by `jax.vmap`, runs the step of all images.
"""

import functools
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import errors
from jaxtex.runtime import device_memory, distributed, sharding, threads, xla_options
from jaxtex.synthesis import compilation, diverse, loop, stepping

logger = logging.getLogger(__name__)

Checkpointers = Sequence[loop.Checkpointer | None]


def run(
    plans: Sequence[stepping.Plan],
    observers: Sequence[loop.Observer],
    checkpointers: Checkpointers | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Runs plans of one loss.

    Args:
      plans: those whose arrays have the same shapes run together.
      observers: one for each plan.
      checkpointers: one for each plan; of plans in one program the first saves all.

    Yields:
      Index of the plan, and the result as `loop.run` returns it, as soon as it is finished; NaN
      where the loss is not finite.
    """
    checkpointers = checkpointers or [None] * len(plans)
    groups: dict[str, list[int]] = {}
    for index, plan in enumerate(plans):
        groups.setdefault(_shapes(plan), []).append(index)

    failed: dict[int, errors.UserError] = {}
    observers = [_checked(plans[i], observers[i], i, failed) for i in range(len(plans))]
    for indices in groups.values():
        group = [plans[i] for i in indices]
        results = _choose_runner(group[0])(
            group, [observers[i] for i in indices], [checkpointers[i] for i in indices]
        )
        for position, image in results:
            index = indices[position]
            result = plans[index].finish(np.nan_to_num(image))
            yield index, np.full_like(result, np.nan) if index in failed else result


def _checked(
    plan: stepping.Plan, observe: loop.Observer, index: int, failed: dict[int, errors.UserError]
) -> loop.Observer:
    """Returns an observer that records, and logs, why an image of a batch has failed."""

    def check(progress: loop.Progress) -> None:
        if index not in failed:
            try:
                loop.check_finite(plan, progress)
            except errors.UserError as error:
                failed[index] = error
                logger.warning("image %d of the batch: %s", index + 1, error)
        observe(progress)

    return check


def runs_separately(plan: stepping.Plan) -> bool:
    """Returns True if no image waits for another, and one program for all would be slower."""
    return jax.default_backend() == "cpu" and plan.layout.images == 1 and not plan.group


def _choose_runner(plan: stepping.Plan) -> Callable[..., Iterator[tuple[int, np.ndarray]]]:
    """Returns the function that runs a group of plans."""
    if runs_separately(plan):
        return run_threads
    if jax.default_backend() == "cpu" and plan.layout == sharding.Layout():
        return run_in_lockstep
    return run_vmapped


def run_threads(
    plans: Sequence[stepping.Plan],
    observers: Sequence[loop.Observer],
    checkpointers: Checkpointers,
) -> Iterator[tuple[int, np.ndarray]]:
    """Runs each plan with its own program, several at a time.

    An image continues after its observer, in the caller's thread, has received its progress. Under
    a context of JAX such as `with jax.enable_x64()`, all run in the caller's thread.

    Args:
      plans: of one size.
      observers: one for each plan.
      checkpointers: one for each plan.

    Yields:
      Index of the plan, and its last image.
    """
    number = max_threads(plans[0])
    waiting = iter(range(len(plans)))
    with (
        compilation.compile_chunks(plans[0]) as chunks,
        threads.executor(number) as workers,
    ):
        descents = [
            loop.descent(plan, chunks, checkpointer)
            for plan, checkpointer in zip(plans, checkpointers, strict=True)
        ]
        running = {
            workers.submit(loop.advance, descents[i]): i for i in itertools.islice(waiting, number)
        }
        while running:
            finished = futures.wait(running, return_when=futures.FIRST_COMPLETED).done
            first = next(iter(finished))
            index = running.pop(first)
            progress, image = first.result()
            following: int | None = index
            if progress is None:
                yield index, image
                following = next(waiting, None)
            else:
                observers[index](progress)
            if following is not None:
                running[workers.submit(loop.advance, descents[following])] = following


def max_threads(plan: stepping.Plan) -> int:
    """Returns how many images run at a time: one for each core, within half of the free memory.

    One, if devices or processes wait for each other: all must reach the same step in the same
    order.
    """
    if plan.layout.rows > 1 or not distributed.is_single_process():
        return 1
    feature_bytes = max(problem.feature_bytes for problem in plan.problems)
    image_bytes = max(1, device_memory.estimate_step_bytes(feature_bytes))
    within_memory = device_memory.available_bytes() / 2 // image_bytes
    return int(max(1, min(xla_options.available_cores(), within_memory)))


def run_vmapped(
    plans: Sequence[stepping.Plan],
    observers: Sequence[loop.Observer],
    checkpointers: Checkpointers,
) -> Iterator[tuple[int, np.ndarray]]:
    """Runs all plans in one program; repeats the last one if devices could not share them evenly.

    Args:
      plans: of one size.
      observers: one for each plan.
      checkpointers: the first saves all.

    Yields:
      Index of the plan, and its last image.
    """
    missing = -len(plans) % plans[0].layout.images
    batch = stack_plans([*plans, *[plans[-1]] * missing])
    with compilation.compile_chunks(batch) as chunks:
        images = loop.descend(batch, chunks, _split(observers), checkpointers[0])
    yield from enumerate(images[: len(plans)])


def run_in_lockstep(
    plans: Sequence[stepping.Plan],
    observers: Sequence[loop.Observer],
    checkpointers: Checkpointers,
) -> Iterator[tuple[int, np.ndarray]]:
    """Runs each plan with its own program, several at a time; all end a step together.

    Args:
      plans: of one group.
      observers: one for each plan.
      checkpointers: the first saves all.

    Yields:
      Index of the plan, and its last image.
    """
    batch = stack_plans(plans)
    with (
        compilation.compile_chunks(plans[0]) as chunks,
        threads.executor(max_threads(plans[0])) as workers,
    ):
        together = [
            diverse.build_chunk(chunk, problem.batch_axes, workers)
            for chunk, problem in zip(chunks, plans[0].problems, strict=True)
        ]
        images = loop.descend(batch, together, _split(observers), checkpointers[0])
    yield from enumerate(images)


def stack_plans(plans: Sequence[stepping.Plan]) -> stepping.Plan:
    """Returns one plan of a batch: arrays get a first axis, unless the images share them."""
    by_scale = zip(*(plan.problems for plan in plans), strict=True)
    details = zip(*(plan.details for plan in plans), strict=True)
    return plans[0]._replace(
        problems=[_stack_problems(problems) for problems in by_scale],
        start=np.stack([plan.start for plan in plans]),
        details=[functools.partial(_details_of_each, each) for each in details],
        batch=len(plans),
    )


def _details_of_each(
    details: Sequence[Callable[[np.ndarray], np.ndarray]], images: np.ndarray
) -> np.ndarray:
    """Returns what is added to each image of a batch, `[B, H, W, C]`."""
    return np.stack([function(image) for function, image in zip(details, images, strict=True)])


def _stack_problems(problems: Sequence[stepping.Problem]) -> stepping.Problem:
    """Returns one problem of a batch."""
    first = problems[0]

    def stack_data(axis: int | None, *parts: Any) -> Any:
        return parts[0] if axis is None else _stack(parts)

    def data(draws: int) -> Any:
        parts = [problem.data(draws) for problem in problems]
        return jax.tree.map(stack_data, first.batch_axes, *parts, is_leaf=lambda x: x is None)

    critics = _stack([problem.critics for problem in problems])
    given = jax.tree.map(np.asarray, _stack([problem.given for problem in problems]))
    return first._replace(data=data, critics=critics, given=given)


def _stack(trees: Sequence) -> Any:
    """Stacks the leaves of trees along a new first axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _split(observers: Sequence[loop.Observer]) -> loop.Observer:
    """Returns an observer of a batch that calls the observer of each image."""

    def observe(progress: loop.Progress) -> None:
        for i, observer in enumerate(observers):
            infos = jax.tree.map(lambda leaf, i=i: leaf[:, i], progress.infos)
            observer(progress._replace(image=progress.image[i], infos=infos))

    return observe


@jax.transfer_guard("allow")
def _shapes(plan: stepping.Plan) -> str:
    """Returns a key that is equal for plans of a group whose arrays have the same shapes."""
    shapes: list[Any] = [plan.height, plan.width, plan.group]
    for problem in plan.problems:
        trees = (compilation.data_shapes(problem), problem.critics)
        shapes.append((problem.height, problem.width, jax.tree.map(jnp.shape, trees)))
    return str(shapes)
