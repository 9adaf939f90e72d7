"""Does every start come down? Five exemplars, twenty seeds each, 96 px, 100 evaluations.

    python benchmarks/robustness.py

Prints, for each exemplar, the median and the largest loss at the end, in units of that of white noise, and how many of the
runs fell below 1e-2. A run that ends on noise would stay near 1. (The default's start has the exemplar's spectrum: it
is nearer to the end than noise, and so no unit.)
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import images, optimizers
from jaxtex.synthesis import api, compilation, config, initialization, input_images, stepping

EXEMPLARS = ("pebbles", "bricks", "weave", "water", "galaxies")
SEEDS = range(20)


def fall(plan: stepping.Plan, chunk, seed: int, style: np.ndarray) -> float:
    """The loss after 100 evaluations over that of white noise."""
    problem = plan.problems[0]
    scene = input_images.build_inputs([style], None, config.Config(size=96, seed=seed))

    def losses(init: str, steps: int) -> np.ndarray:
        start = initialization.initial_image(
            scene, config.Config(seed=seed, init=init), problem.height, problem.width
        )
        state = jax.tree.map(jnp.copy, optimizers.init_state(plan.optimizer, jnp.asarray(start)))
        return chunk(state, problem.data(0), steps)[1].loss

    return float(losses("", 100)[-1] / losses("noise", 1)[0])


def main() -> None:
    """Prints a row for each exemplar, and the sum."""
    fallen = 0
    for name in EXEMPLARS:
        style = images.load(f"images/{name}.png")
        choices = config.Config(size=96, num_steps=100)
        plan = api.build_plan(style, choices)
        chunk = compilation.build_chunk(plan, plan.problems[0], looped=False)()
        falls = [
            fall(plan, chunk, seed, input_images.resize_input(style, choices.size))
            for seed in SEEDS
        ]
        fallen += sum(value < 1e-2 for value in falls)
        print(f"{name}: median {np.median(falls):.1e}, largest {max(falls):.1e}", flush=True)
    print(f"below 1e-2: {fallen} of {len(EXEMPLARS) * len(SEEDS)}")


if __name__ == "__main__":
    main()
