"""Several syntheses as one: each step takes all images a step further, each at its own point of its own line search.

No image waits for another: a step is one evaluation of each, accepted or refused by each for itself, and all have the same
number of them. The weights are there once, and a program is compiled once for a size. On one CPU images have programs of
their own, in threads of their own, which is quicker there: on two cores a step of 128 px took 0.042 s, two side by side
0.067 s; of eight in one program 0.29 s, side by side 0.27 s.
"""

import itertools
from collections.abc import Generator, Iterator, Sequence
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex.runtime import device_memory, distributed, xla_options
from jaxtex.synthesis import loop, stepping


def run(
    plans: Sequence[stepping.Plan],
    observers: Sequence[loop.Observer],
    keepers: Sequence[loop.Checkpointer] | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """What `synthesis.run` returns for each plan, all of one size and one loss at once.

    Args:
      plans: of one `targets.Loss`; those whose arrays agree in shape go together.
      observers: one for each.
      keepers: likewise; of those that go together the first has them all.

    Yields:
      Which plan's, and the image, as soon as it is there.
    """
    groups: dict[str, list[int]] = {}
    for index, plan in enumerate(plans):
        groups.setdefault(_shapes(plan), []).append(index)
    keepers = keepers or [loop.FORGETFUL] * len(plans)
    for indices in groups.values():
        chosen = [[each[i] for i in indices] for each in (plans, observers, keepers)]
        found = (run_threads if runs_separately(chosen[0][0]) else run_vmapped)(*chosen)
        yield from ((indices[i], plans[indices[i]].finish(image)) for i, image in found)


def runs_separately(plan: stepping.Plan) -> bool:
    """Whether a program for each image is quicker than one for all."""
    return jax.default_backend() == "cpu" and plan.layout.images == 1


def run_threads(
    plans: Sequence[stepping.Plan],
    observers: Sequence[loop.Observer],
    keepers: Sequence[loop.Checkpointer],
) -> Iterator[tuple[int, np.ndarray]]:
    """Each by itself, some at a time; one goes on when its observer, in the caller's thread, has seen how far it is.

    What JAX is told in the caller's thread alone, as by `with jax.enable_x64()`, is not heard in theirs.
    """
    waiting, many = iter(range(len(plans))), max_threads(plans[0])
    with loop.compile_chunks(plans[0]) as chunks, futures.ThreadPoolExecutor(many) as threads:
        descents = [
            loop.descent(plan, chunks, keeper) for plan, keeper in zip(plans, keepers, strict=True)
        ]
        going = {threads.submit(_advance, descents[i]): i for i in itertools.islice(waiting, many)}
        while going:
            first = next(iter(futures.wait(going, return_when=futures.FIRST_COMPLETED).done))
            index, (progress, image) = going.pop(first), first.result()
            if progress is None:
                yield index, image
                index = next(waiting, None)
            else:
                observers[index](progress)
            if index is not None:
                going[threads.submit(_advance, descents[index])] = index


def max_threads(plan: stepping.Plan) -> int:
    """As many images as this process has cores, if half of the memory that is free holds them.

    One, where devices or processes wait for each other: all must come to the same place in the same order.
    """
    if plan.layout.rows > 1 or not distributed.is_single_process():
        return 1
    held = device_memory.estimate_step_bytes(max(problem.features for problem in plan.problems))
    return int(
        max(
            1,
            min(xla_options.available_cores(), device_memory.available_bytes() / 2 // max(1, held)),
        )
    )


def _advance(
    descent: Generator[loop.Progress, None, np.ndarray],
) -> tuple[loop.Progress | None, np.ndarray | None]:
    """What the observer is to see next; or, in the end, the image."""
    try:
        return next(descent), None
    except StopIteration as end:
        return None, end.value


def run_vmapped(
    plans: Sequence[stepping.Plan],
    observers: Sequence[loop.Observer],
    keepers: Sequence[loop.Checkpointer],
) -> Iterator[tuple[int, np.ndarray]]:
    """All in each step; the last is repeated where the devices could not share them evenly."""
    missing = -len(plans) % plans[0].layout.images
    whole = stack_plans([*plans, *[plans[-1]] * missing])
    with loop.compile_chunks(whole) as chunks:
        found = loop.descend(whole, chunks, _split(observers), keepers[0])
    yield from enumerate(found[: len(plans)])


def stack_plans(plans: Sequence[stepping.Plan]) -> stepping.Plan:
    """One plan of the images of all: arrays get a first axis, but for what the images share."""
    problems = [
        _combine(problems) for problems in zip(*(plan.problems for plan in plans), strict=True)
    ]
    start = np.stack([plan.start for plan in plans])
    details = [np.stack(details) for details in zip(*(plan.details for plan in plans), strict=True)]
    return plans[0]._replace(problems=problems, start=start, details=details, batch=len(plans))


def _combine(problems: Sequence[stepping.Problem]) -> stepping.Problem:
    first = problems[0]
    stack = lambda several: jax.tree.map(
        lambda axis, *parts: parts[0] if axis is None else _stack(parts),
        first.axes,
        *several,
        is_leaf=lambda x: x is None,
    )
    data = lambda epoch: stack([problem.data(epoch) for problem in problems])
    critic = _stack([problem.critic for problem in problems])
    return first._replace(
        data=data,
        shapes=jax.eval_shape(stack, [problem.shapes for problem in problems]),
        critic=critic,
    )


def _stack(trees: Sequence):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _split(observers: Sequence[loop.Observer]) -> loop.Observer:
    def observe(progress: loop.Progress) -> None:
        for i, observer in enumerate(observers):
            own = jax.tree.map(lambda leaf, i=i: leaf[:, i], progress.infos)
            observer(progress._replace(image=progress.image[i], infos=own))

    return observe


def _shapes(plan: stepping.Plan) -> str:
    return str(
        [(p.height, p.width, jax.tree.map(jnp.shape, (p.shapes, p.critic))) for p in plan.problems]
        + [plan.height]
    )
