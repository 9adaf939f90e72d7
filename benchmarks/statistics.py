"""What each statistic costs: seconds a step over those of `gram`, interleaved in one run, without compilation.

L-BFGS for all but critics, which learn beside Adam.

    python benchmarks/statistics.py [EXEMPLAR]       (192 px, the built-in network; runs/bench/statistics.json)
"""

import json
import sys
import time

import cases
import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import images, optimizers, statistics
from jaxtex.runs import tables
from jaxtex.synthesis import api, compilation, config

SIZE, ROUNDS, STEPS = 192, 7, 4


def prepare(style: np.ndarray, statistic: str) -> list:
    """A chunk of steps, its state and data, and the problem's way to draw anew."""
    optimizer = "adam" if statistics.STATISTICS[statistic]().critic else "lbfgs"
    plan = api.build_plan(
        style, config.Config(statistic=statistic, size=SIZE, scales=1, optimizer=optimizer)
    )
    problem = plan.problems[0]
    state = jax.tree.map(
        jnp.copy, optimizers.init_state(plan.optimizer, jnp.asarray(plan.start), problem.critic)
    )
    return [compilation.build_chunk(plan, problem, looped=False)(), state, problem.data(0), problem]


def main() -> None:
    """Prints a row for each statistic: a step, and with the share of drawing anew every ten steps; and keeps the rows."""
    style = images.load(sys.argv[1] if len(sys.argv) > 1 else "images/pebbles.png")
    prepared = {name: prepare(style, name) for name in statistics.STATISTICS}
    steps, draws = ({name: [] for name in prepared} for _ in range(2))
    for _ in range(ROUNDS):
        for name, entry in prepared.items():
            began = time.perf_counter()
            entry[1], _ = entry[0](entry[1], entry[2], STEPS)
            steps[name].append((time.perf_counter() - began) / STEPS)
            began = time.perf_counter()
            jax.block_until_ready(entry[3].data(1)) if entry[3].stochastic else None
            draws[name].append((time.perf_counter() - began) / config.Config().renew_every)
    rows, gram = [], np.median(steps["gram"])
    for name in prepared:
        step, draw = np.median(steps[name]), np.median(draws[name])
        costs = {
            "seconds a step": step,
            "over gram": step / gram,
            "with drawing anew": (step + draw) / gram,
        }
        rows.append({"what": name} | {key: float(value) for key, value in costs.items()})
    cases.FOLDER.mkdir(parents=True, exist_ok=True)
    (cases.FOLDER / "statistics.json").write_text(json.dumps(rows, indent=1))
    print(tables.markdown(rows))


if __name__ == "__main__":
    main()
