"""Cost of each statistic: seconds per step relative to `gram`, without compilation.

    python benchmarks/statistic_costs.py [EXEMPLAR [STATISTIC ...]]

Without names, all statistics. The built-in network at 192 px, one scale; the statistics are
interleaved in one process. The optimizer is L-BFGS, or Adam for a statistic with a critic. Prints a
table and writes its rows to runs/bench/statistics.json.
"""

import json
import sys
import time
from typing import Any

import cases
import jax
import numpy as np

from jaxtex import images, statistics
from jaxtex.runs import tables
from jaxtex.synthesis import api, compilation, config, stepping

SIZE = 192  # pixels
ROUNDS = 7
STEPS = 4  # per round


class Case:
    """Steps of one statistic.

    Args:
      style: the exemplar, `[H, W, 3]`.
      statistic: a row of `statistics.STATISTICS`.
    """

    def __init__(self, style: np.ndarray, statistic: str):
        optimizer = "adam" if statistics.STATISTICS[statistic]().critic else "lbfgs"
        self.config = config.Config(statistic=statistic, size=SIZE, scales=1, optimizer=optimizer)
        plan = api.build_plan(style, self.config)
        self.problem = plan.problems[0]
        self.chunk = compilation.build_chunk(plan, self.problem, looped=False)()
        self.state = stepping.init_state(plan, self.problem)
        self.data: Any = self.problem.data(0)

    def time_step(self) -> float:
        """Advances by `STEPS` steps and returns the seconds of one."""
        start = time.perf_counter()
        self.state, _ = self.chunk(self.state, self.data, STEPS)
        return (time.perf_counter() - start) / STEPS

    def time_resampling(self) -> float:
        """Resamples positions and directions, and returns the seconds as a share per step."""
        start = time.perf_counter()
        if self.problem.stochastic:
            jax.block_until_ready(self.problem.data(1))
        return (time.perf_counter() - start) / self.config.renew_every


def main() -> None:
    """Prints a row for each statistic: a step, and a step with its share of resampling."""
    style = images.load(sys.argv[1] if len(sys.argv) > 1 else cases.EXEMPLAR)
    names = sys.argv[2:] or statistics.STATISTICS
    prepared = {name: Case(style, name) for name in dict.fromkeys(["gram", *names])}
    steps: dict[str, list[float]] = {name: [] for name in prepared}
    resampling: dict[str, list[float]] = {name: [] for name in prepared}
    for _ in range(ROUNDS):
        for name, case in prepared.items():
            steps[name].append(case.time_step())
            resampling[name].append(case.time_resampling())

    gram = np.median(steps["gram"])
    rows: list[tables.Row] = []
    for name in prepared:
        step = np.median(steps[name])
        total = step + np.median(resampling[name])
        rows.append(
            {
                "what": name,
                "seconds per step": float(step),
                "over gram": float(step / gram),
                "with resampling": float(total / gram),
            }
        )
    cases.FOLDER.mkdir(parents=True, exist_ok=True)
    (cases.FOLDER / "statistics.json").write_text(json.dumps(rows, indent=1))
    print(tables.markdown(rows))


if __name__ == "__main__":
    main()
