"""Whole runs without a command: what is compiled once, and how long until each snapshot."""

import time

import jax

from jaxtex import programs, stepping, synthesis


def built(plan: stepping.Plan) -> list[programs.Chunk]:
    """The steps of each scale."""
    return [programs.build_chunk(plan, problem, jax.default_backend() != "cpu")() for problem in plan.problems]


def descend(
    plan: stepping.Plan, chunks: list[programs.Chunk], beside: synthesis.Observer = lambda progress: None
) -> list[tuple[float, synthesis.Progress]]:
    """Seconds and progress at each snapshot, which another observer may see, too."""
    trace, began = [], time.perf_counter()
    synthesis.descend(plan, chunks, lambda shown: (trace.append((time.perf_counter() - began, shown)), beside(shown)))
    return trace
