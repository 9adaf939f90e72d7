"""Our L-BFGS compared with SciPy's L-BFGS-B and `optax.lbfgs`, at equal network evaluations.

    python benchmarks/optimizers.py [EXEMPLAR ...]        (needs the extra `bench`)

All three minimize the same compiled loss from the same initial image, at one scale. SciPy's loss is
multiplied by 1e4: its first step is the raw gradient, which is too small otherwise. Evaluations of
optax are counted by the record of its line search. Compilation is not counted. Each optimizer is
timed once, one after the other, so only the ratios are meaningful.
"""

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize

from jaxtex import images
from jaxtex.synthesis import api, config, stepping

EXEMPLARS = ("images/pebbles.png", "images/bricks.png", "images/water.png")
SIZE = 160  # pixels
MARKS = (50, 100, 200)  # evaluations after which losses are compared
SCALE = 1e4  # factor of SciPy's loss


class Descent(NamedTuple):
    """Best loss after each evaluation, and the seconds of `MARKS[-1]` evaluations."""

    losses: list[float]
    seconds: float


def run_own(plan: stepping.Plan) -> Descent:
    """Minimizes the loss of a plan's first problem by our L-BFGS."""
    problem = plan.problems[0]
    step = jax.jit(stepping.build_step(problem, plan.optimizer), donate_argnums=0)
    data = problem.data(0)
    step(stepping.init_state(plan, problem), data)  # compiles

    state = stepping.init_state(plan, problem)
    losses = []
    start = time.perf_counter()
    for _ in range(MARKS[-1]):
        state, info = step(state, data)
        losses.append(float(info.loss))
    return Descent(losses, time.perf_counter() - start)


def run_scipy(plan: stepping.Plan) -> Descent:
    """Minimizes the same loss by `scipy.optimize.minimize(method="L-BFGS-B")`."""
    problem = plan.problems[0]
    function = jax.jit(jax.value_and_grad(problem.loss_fn, has_aux=True))
    data = problem.data(0)
    losses: list[float] = []

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        image = jnp.asarray(x.reshape(plan.start.shape), jnp.float32)
        (loss, _), gradient = function(image, data, ())
        losses.append(float(loss))
        return SCALE * float(loss), SCALE * np.asarray(gradient, np.float64).ravel()

    evaluate(plan.start)  # compiles
    losses.clear()
    options = {"maxfun": MARKS[-1], "maxiter": 10**6, "ftol": 0, "gtol": 0, "maxcor": 10}
    bounds = [(0, 1)] * plan.start.size
    start = time.perf_counter()
    while len(losses) < MARKS[-1]:
        scipy.optimize.minimize(
            evaluate,
            plan.start.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        )
    return Descent(list(np.minimum.accumulate(losses)), time.perf_counter() - start)


def run_optax(plan: stepping.Plan) -> Descent:
    """Minimizes the same loss, of the clipped image, by `optax.lbfgs` with its zoom search."""
    problem = plan.problems[0]
    data = problem.data(0)
    solver = optax.lbfgs(memory_size=10)

    @jax.jit
    def step(image: jax.Array, state: optax.OptState, data):
        def evaluate(image: jax.Array) -> jax.Array:
            return problem.loss_fn(jnp.clip(image, 0.0, 1.0), data, ())[0]

        loss, gradient = optax.value_and_grad_from_state(evaluate)(image, state=state)
        update, state = solver.update(
            gradient, state, image, value=loss, grad=gradient, value_fn=evaluate
        )
        return optax.apply_updates(image, update), state

    # Compiles twice: types of the initial state are weak, those of a state after a step are not.
    image = jnp.asarray(plan.start)
    jax.block_until_ready(step(*step(image, solver.init(image), data), data))

    state = solver.init(image)
    losses: list[float] = []
    start = time.perf_counter()
    while len(losses) < MARKS[-1]:
        image, state = step(image, state, data)
        search = optax.tree_utils.tree_get(state, "info")
        loss = float(optax.tree_utils.tree_get(state, "value"))
        losses += [loss] * max(1, int(search.num_linesearch_steps))
    seconds = time.perf_counter() - start
    return Descent(losses, seconds * MARKS[-1] / len(losses))


DESCENTS: dict[str, Callable[[stepping.Plan], Descent]] = {
    "ours": run_own,
    "SciPy": run_scipy,
    "optax": run_optax,
}


def main() -> None:
    """Prints a row and details for each exemplar, and a row of medians."""
    columns = [f"loss ours/SciPy at {mark}" for mark in MARKS]
    print(" | ".join(["exemplar", *columns, "time ours/SciPy", "ours/optax"]))
    rows = []
    for path in sys.argv[1:] or EXEMPLARS:
        plan = api.build_plan(images.load(path), config.Config(size=SIZE, scales=1))
        descents = {name: run(plan) for name, run in DESCENTS.items()}
        own, by_scipy, by_optax = descents.values()

        row = [own.losses[mark - 1] / by_scipy.losses[mark - 1] for mark in MARKS]
        row += [own.seconds / by_scipy.seconds, own.seconds / by_optax.seconds]
        rows.append(row)
        print(f"{path} | {_join(row)}", flush=True)
        for name, (losses, seconds) in descents.items():
            marked = " ".join(f"{losses[mark - 1]:.2e}" for mark in MARKS)
            print(f"  {name}: {marked} in {seconds:.1f} s", flush=True)
    print(f"median | {_join(np.median(rows, axis=0))}")


def _join(values) -> str:
    """Formats the cells of a row."""
    return " | ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
