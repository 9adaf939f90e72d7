"""Estimate of memory and time: the compiler's account of memory, and the time of a few steps."""

import time
from typing import Any

import jax

from jaxtex.runtime import device_memory
from jaxtex.synthesis import compilation, stepping

MAX_TIMED_PIXELS = 512 * 512  # steps of larger images are extrapolated by their pixels
TIMED_STEPS = 3


def estimate_table(plan: stepping.Plan) -> list[dict[str, Any]]:
    """Estimates a synthesis without making it.

    Args:
      plan: of one image.

    Returns:
      A row for each scale and one for the whole: `size`, `devices` that share the rows, `strip`
      (rows at once; 0 for the whole image), `steps`, `seconds` (in total; the last row includes
      compiling), and `GB` that each device holds at most; on a CPU with the rest of the process.
    """
    rows: list[dict[str, Any]] = []
    pixel_seconds = 0.0
    compile_seconds = 0.0
    for number, problem in enumerate(plan.problems, 1):
        start = time.perf_counter()
        compiled = compilation.lower(plan, problem).compile()
        # The other scales are compiled while the first one runs.
        compile_seconds = compile_seconds or time.perf_counter() - start

        pixels = problem.height * problem.width
        if pixels <= MAX_TIMED_PIXELS or not pixel_seconds:
            pixel_seconds = _step_seconds(plan, problem, compiled) / pixels
        steps = plan.until(number) - plan.until(number - 1)
        rows.append(
            {
                "size": f"{problem.height} x {problem.width}",
                "devices": problem.row_devices,
                "strip": problem.strip,
                "steps": steps,
                "seconds": pixel_seconds * pixels * steps,
                "GB": _program_bytes(compiled) / 1e9,
            }
        )
    total = {
        "size": "total",
        "devices": "",
        "strip": "",
        "steps": plan.num_steps,
        "seconds": compile_seconds + sum(row["seconds"] for row in rows),
        "GB": max(row["GB"] for row in rows),
    }
    return [*rows, total]


def _step_seconds(
    plan: stepping.Plan, problem: stepping.Problem, compiled: jax.stages.Compiled
) -> float:
    """Returns the mean seconds of a step, after one that is not counted."""
    state = stepping.init_state(plan, problem)
    state, data = compilation.put(plan, problem, state, problem.data(0))
    seconds = []
    for _ in range(TIMED_STEPS + 1):
        start = time.perf_counter()
        state, _ = jax.block_until_ready(compiled(state, data))
        seconds.append(time.perf_counter() - start)
    return sum(seconds[1:]) / TIMED_STEPS


def _program_bytes(compiled: jax.stages.Compiled) -> float:
    """Returns the bytes of arguments, results and temporary memory, and on a CPU of the process."""
    analysis = compiled.memory_analysis()
    results = analysis.output_size_in_bytes - analysis.alias_size_in_bytes
    program = analysis.argument_size_in_bytes + results + analysis.temp_size_in_bytes
    process = device_memory.resident_bytes() if jax.default_backend() == "cpu" else 0
    return program + process
