"""Our L-BFGS beside SciPy's L-BFGS-B and `optax.lbfgs`: the loss at equal network evaluations, and the time for them.

    python benchmarks/optimizers.py [EXEMPLAR ...]           (extra `bench`)

All three descend the same compiled loss from the same noise, at one scale. SciPy's loss is scaled by 1e4, or it sits on the
noise: its first step is the raw gradient. optax counts its evaluations through the line search's own record. Compilation is
not counted; times are of one process each, one after the other, so only ratios mean anything.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize

from jaxtex import images, optimizers
from jaxtex.synthesis import api, config, stepping

EXEMPLARS = ("images/pebbles.png", "images/bricks.png", "images/water.png")
MARKS = (50, 100, 200)
SCALE = 1e4


def ours(plan: stepping.Plan):
    """The losses after each evaluation, and the seconds."""
    step = jax.jit(stepping.build_step(plan.problems[0], plan.optimizer), donate_argnums=0)
    data, fresh = (
        plan.problems[0].data(0),
        lambda: optimizers.init_state(plan.optimizer, jnp.asarray(plan.start)),
    )
    state, _ = step(jax.tree.map(jnp.copy, fresh()), data)
    state, losses = jax.tree.map(jnp.copy, fresh()), []
    began = time.perf_counter()
    for _ in range(MARKS[-1]):
        state, info = step(state, data)
        losses.append(float(info.loss))
    return losses, time.perf_counter() - began


def by_scipy(plan: stepping.Plan):
    """Likewise, for `scipy.optimize.minimize(method="L-BFGS-B")`."""
    function = jax.jit(jax.value_and_grad(plan.problems[0].loss, has_aux=True))
    data, losses = plan.problems[0].data(0), []

    def evaluate(x):
        (loss, _), gradient = function(
            jnp.asarray(x.reshape(plan.start.shape), jnp.float32), data, ()
        )
        losses.append(float(loss))
        return SCALE * float(loss), SCALE * np.asarray(gradient, np.float64).ravel()

    evaluate(plan.start)
    losses.clear()
    options = {"maxfun": MARKS[-1], "maxiter": 10**6, "ftol": 0, "gtol": 0, "maxcor": 10}
    began = time.perf_counter()
    while len(losses) < MARKS[-1]:
        bounds = [(0, 1)] * plan.start.size
        scipy.optimize.minimize(
            evaluate,
            plan.start.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        )
    return list(np.minimum.accumulate(losses)), time.perf_counter() - began


def by_optax(plan: stepping.Plan):
    """Likewise, for `optax.lbfgs` with its zoom line search, within the box by projection of the argument."""
    data, losses = plan.problems[0].data(0), []
    function = lambda x, data: plan.problems[0].loss(jnp.clip(x, 0.0, 1.0), data, ())[0]
    solver = optax.lbfgs(memory_size=10)

    @jax.jit
    def step(x, state, data):
        partial = lambda y: function(y, data)
        loss, gradient = optax.value_and_grad_from_state(partial)(x, state=state)
        update, state = solver.update(
            gradient, state, x, value=loss, grad=gradient, value_fn=partial
        )
        return optax.apply_updates(x, update), state

    x = jnp.asarray(plan.start)
    jax.block_until_ready(step(x, solver.init(x), data))
    state, began = solver.init(x), time.perf_counter()
    while len(losses) < MARKS[-1]:
        x, state = step(x, state, data)
        search = optax.tree_utils.tree_get(state, "info")
        losses += [float(optax.tree_utils.tree_get(state, "value"))] * max(
            1, int(search.num_linesearch_steps)
        )
    return losses, (time.perf_counter() - began) * MARKS[-1] / len(losses)


def main() -> None:
    """Prints a row for each exemplar and a line of medians."""
    print(
        "exemplar | "
        + " | ".join(f"loss ours/SciPy at {mark}" for mark in MARKS)
        + " | time ours/SciPy | ours/optax"
    )
    rows = []
    for path in sys.argv[1:] or EXEMPLARS:
        plan = api.build_plan(images.load(path), config.Config(size=160, scales=1))
        (a, own), (b, scipys), (c, optaxs) = ours(plan), by_scipy(plan), by_optax(plan)
        rows.append([a[mark - 1] / b[mark - 1] for mark in MARKS] + [own / scipys, own / optaxs])
        print(f"{path} | " + " | ".join(f"{value:.2f}" for value in rows[-1]), flush=True)
        for name, losses, seconds in (("ours", a, own), ("SciPy", b, scipys), ("optax", c, optaxs)):
            print(
                f"  {name}:",
                *(f"{losses[mark - 1]:.2e}" for mark in MARKS),
                f"in {seconds:.1f} s",
                flush=True,
            )
    print("median | " + " | ".join(f"{value:.2f}" for value in np.median(rows, axis=0)))


if __name__ == "__main__":
    main()
