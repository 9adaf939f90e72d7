"""Several syntheses as one: each step takes all images a step further, each at its own point of its own line search.

No image waits for another: a step is one evaluation of each, accepted or refused by each for itself, and all have the same
number of them. The weights are there once, and a program is compiled once for a size. On one CPU the images take their
turns, which is quicker there: eight of 128 px took 0.60 s for a step together, one of them 0.055 s (2 cores).
"""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import stepping, synthesis


def run(
    plans: Sequence[stepping.Plan],
    observers: Sequence[synthesis.Observer],
    keepers: Sequence[synthesis.Keeper] | None = None,
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
    keepers = keepers or [synthesis.FORGETFUL] * len(plans)
    for indices in groups.values():
        chosen = [[each[i] for i in indices] for each in (plans, observers, keepers)]
        found = (synthesis.run_each if in_turns(chosen[0][0]) else together)(*chosen)
        yield from ((i, plans[i].finish(image)) for i, image in zip(indices, found, strict=True))


def in_turns(plan: stepping.Plan) -> bool:
    """Whether one image after the other is quicker than all at once."""
    return jax.default_backend() == "cpu" and plan.layout.images == 1


def together(
    plans: Sequence[stepping.Plan], observers: Sequence[synthesis.Observer], keepers: Sequence[synthesis.Keeper]
) -> list[np.ndarray]:
    """All in each step; the last is repeated where the devices could not share them evenly."""
    missing = -len(plans) % plans[0].layout.images
    whole = combine([*plans, *[plans[-1]] * missing])
    (found,) = synthesis.run_each([whole], [_split(observers)], keepers[:1])
    return list(found[: len(plans)])


def combine(plans: Sequence[stepping.Plan]) -> stepping.Plan:
    """One plan of the images of all: arrays get a first axis, but for what the images share."""
    problems = [_combine(problems) for problems in zip(*(plan.problems for plan in plans), strict=True)]
    start = np.stack([plan.start for plan in plans])
    details = [np.stack(details) for details in zip(*(plan.details for plan in plans), strict=True)]
    return plans[0]._replace(problems=problems, start=start, details=details, batch=len(plans))


def _combine(problems: Sequence[stepping.Problem]) -> stepping.Problem:
    first = problems[0]
    stack = lambda several: jax.tree.map(
        lambda axis, *parts: parts[0] if axis is None else _stack(parts), first.axes, *several, is_leaf=lambda x: x is None
    )
    renew = None if first.renew is None else lambda epoch: stack([problem.renew(epoch) for problem in problems])
    critic = _stack([problem.critic for problem in problems])
    return first._replace(data=stack([problem.data for problem in problems]), critic=critic, renew=renew)


def _stack(trees: Sequence):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _split(observers: Sequence[synthesis.Observer]) -> synthesis.Observer:
    def observe(progress: synthesis.Progress) -> None:
        for i, observer in enumerate(observers):
            own = jax.tree.map(lambda leaf, i=i: leaf[:, i], progress.infos)
            observer(progress._replace(image=progress.image[i], infos=own))

    return observe


def _shapes(plan: stepping.Plan) -> str:
    return str([(p.height, p.width, jax.tree.map(jnp.shape, (p.data, p.critic))) for p in plan.problems] + [plan.height])
