"""Convergence from many initial images: five exemplars, twenty seeds each, 96 px, 100 evaluations.

    python benchmarks/robustness.py

Prints, for each exemplar, the median and the largest final loss relative to the loss of white
noise, and how many runs end below 1e-2. A run that ends on noise would stay near 1. The default
initial image has the exemplar's spectrum, hence a lower loss than noise, so that its own loss would
be no common unit.
"""

import numpy as np

from jaxtex import images
from jaxtex.synthesis import (
    api,
    compilation,
    config,
    initialization,
    input_images,
    settings,
    stepping,
)

EXEMPLARS = ("pebbles", "bricks", "weave", "water", "galaxies")
SEEDS = range(20)
SIZE = 96  # pixels
EVALUATIONS = 100
SUCCESS = 1e-2  # relative loss


def relative_loss(
    plan: stepping.Plan, chunk: compilation.Chunk, seed: int, style: np.ndarray
) -> float:
    """Returns the final loss relative to the loss of white noise.

    Args:
      plan: of one scale.
      chunk: its compiled steps.
      seed: of the initial images.
      style: the exemplar, `[H, W, 3]`, at its size in use.
    """
    noise = _losses(plan, chunk, seed, style, init="noise", steps=1)
    default = _losses(plan, chunk, seed, style, init="", steps=EVALUATIONS)
    return float(default[-1] / noise[0])


def _losses(
    plan: stepping.Plan,
    chunk: compilation.Chunk,
    seed: int,
    style: np.ndarray,
    init: str,
    steps: int,
) -> np.ndarray:
    """Returns the loss after each step from an initial image of this kind."""
    problem = plan.problems[0]
    choices = config.Config(size=SIZE, seed=seed, init=init)
    inputs = input_images.build_inputs([style], None, settings.parse_settings(choices))
    start = initialization.initial_image(inputs, choices, problem.height, problem.width)
    state = stepping.init_state(plan, problem, start)
    _, infos = chunk(state, problem.data(0), steps)
    return infos.loss


def main() -> None:
    """Prints a line for each exemplar, and the number of successes."""
    successes = 0
    for name in EXEMPLARS:
        style = input_images.resize_input(images.load(f"images/{name}.png"), SIZE)
        plan = api.build_plan(style, config.Config(size=SIZE, num_steps=EVALUATIONS, scales=1))
        chunk = compilation.build_chunk(plan, plan.problems[0], looped=False)()
        losses = [relative_loss(plan, chunk, seed, style) for seed in SEEDS]
        successes += sum(loss < SUCCESS for loss in losses)
        print(f"{name}: median {np.median(losses):.1e}, largest {max(losses):.1e}", flush=True)
    print(f"below {SUCCESS:g}: {successes} of {len(EXEMPLARS) * len(SEEDS)}")


if __name__ == "__main__":
    main()
