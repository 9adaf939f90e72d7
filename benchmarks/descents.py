"""Whole runs without a command: what is compiled once, and how long until each snapshot."""

import time

import jax

from jaxtex.synthesis import compilation, loop, stepping


def built(plan: stepping.Plan) -> list[compilation.Chunk]:
    """The steps of each scale."""
    return [
        compilation.build_chunk(plan, problem, jax.default_backend() != "cpu")()
        for problem in plan.problems
    ]


def descend(
    plan: stepping.Plan,
    chunks: list[compilation.Chunk],
    beside: loop.Observer = lambda progress: None,
) -> list[tuple[float, loop.Progress]]:
    """Seconds and progress at each snapshot, which another observer may see, too."""
    trace, began = [], time.perf_counter()
    loop.descend(
        plan,
        chunks,
        lambda shown: (trace.append((time.perf_counter() - began, shown)), beside(shown)),
    )
    return trace
