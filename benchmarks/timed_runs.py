"""Runs of a plan without the command: compiled once, with the time of each snapshot."""

import time

import jax

from jaxtex.synthesis import compilation, loop, stepping


def compile_plan(plan: stepping.Plan) -> list[compilation.Chunk]:
    """Returns the compiled steps of each scale."""
    looped = jax.default_backend() != "cpu"
    return [compilation.build_chunk(plan, problem, looped)() for problem in plan.problems]


def timed_run(
    plan: stepping.Plan,
    chunks: list[compilation.Chunk],
    observe: loop.Observer | None = None,
) -> list[tuple[float, loop.Progress]]:
    """Runs a plan and returns seconds since the start, and the progress, of each snapshot.

    Args:
      plan: of one image.
      chunks: result of `compile_plan`.
      observe: another observer of the run.
    """
    trace: list[tuple[float, loop.Progress]] = []
    start = time.perf_counter()

    def record(progress: loop.Progress) -> None:
        trace.append((time.perf_counter() - start, progress))
        if observe is not None:
            observe(progress)

    loop.descend(plan, chunks, record)
    return trace
