"""What a synthesis would take, without making it: the compiler's own account of memory, the time of a few steps."""

import time
from typing import Any

import jax

from jaxtex.runtime import device_memory
from jaxtex.synthesis import compilation, stepping

SMALL = 512 * 512  # pixels: steps of no more are timed, larger ones calculated by their pixels
STEPS = 3


def estimate_table(plan: stepping.Plan) -> list[dict[str, Any]]:
    """A row for each scale, and one of the whole.

    Args:
      plan: a synthesis of one image.

    Returns:
      Rows: `size`, `devices` that share the rows, `strip` (rows at once; 0: all), `steps`, `seconds` (in all: with what
      compiling has to be waited for), and `GB` that each device holds at most, on CPU with all else in the process.
    """
    rows, known, compiling = [], 0.0, 0.0
    for number, problem in enumerate(plan.problems, 1):
        began = time.perf_counter()
        compiled = compilation.lower(plan, problem).compile()
        compiling = (
            compiling or time.perf_counter() - began
        )  # others are compiled while the first one runs
        pixels = problem.height * problem.width
        if pixels <= SMALL or not known:
            known = _seconds(plan, problem, compiled) / pixels
        steps = plan.until(number) - plan.until(number - 1)
        sizes = {
            "size": f"{problem.height} x {problem.width}",
            "devices": problem.rows,
            "strip": problem.strip,
        }
        rows.append(
            {
                **sizes,
                "steps": steps,
                "seconds": known * pixels * steps,
                "GB": _bytes(compiled) / 1e9,
            }
        )
    whole = {"size": "in all", "devices": "", "strip": "", "steps": plan.num_steps}
    seconds = compiling + sum(row["seconds"] for row in rows)
    return [*rows, whole | {"seconds": seconds, "GB": max(row["GB"] for row in rows)}]


def _seconds(
    plan: stepping.Plan, problem: stepping.Problem, compiled: compilation.Compiled
) -> float:
    """Of a step: the mean of some, after one that is not counted."""
    state, data = compilation.put(
        plan, problem, stepping.init_state(plan, problem), problem.data(0)
    )
    taken = []
    for _ in range(STEPS + 1):
        began = time.perf_counter()
        state, _ = jax.block_until_ready(compiled(state, data))
        taken.append(time.perf_counter() - began)
    return sum(taken[1:]) / STEPS


def _bytes(compiled: compilation.Compiled) -> float:
    """What the two halves are given is there all the time, what they need beside it for as long as each runs."""
    told = [half.memory_analysis() for half in compiled]
    given = sum(half.argument_size_in_bytes for half in told)
    most = max(
        half.output_size_in_bytes - half.alias_size_in_bytes + half.temp_size_in_bytes
        for half in told
    )
    return given + most + (device_memory.resident_bytes() if jax.default_backend() == "cpu" else 0)
