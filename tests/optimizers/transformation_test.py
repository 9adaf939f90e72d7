"""`optimizers.lbfgs` beside `optax.lbfgs`, and as a part of optax: pytrees, jit, chains, dtypes."""

import doctest
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxtex import optimizers
from jaxtex.optimizers import transformation


def rosenbrock(x):
    """A curved valley; the minimum, 0, is where all entries are 1."""
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def logistic_regression(weights):
    """Regularized loss of badly scaled data, `[20]` weights."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((200, 20)).astype(np.float32) * np.logspace(0, 1, 20)
    labels = np.sign(inputs @ rng.standard_normal(20) + 10 * rng.standard_normal(200))
    margins = labels.astype(np.float32) * (inputs.astype(np.float32) @ weights)
    return jnp.mean(jnp.logaddexp(0.0, -margins)) + 1e-3 * jnp.sum(weights**2)


PROBLEMS = {
    "rosenbrock, 2": (rosenbrock, np.float32([-1.2, 1.0]), 80),
    "rosenbrock, 10": (rosenbrock, np.full(10, -1.0, np.float32), 100),
    "logistic regression": (logistic_regression, np.zeros(20, np.float32), 30),
}


def advance(solver, function, params, state):
    value, grads = jax.value_and_grad(function)(params)
    updates, state = solver.update(grads, state, params, value=value)
    return optax.apply_updates(params, updates), state


def minimize(function, params, evaluations, solver=None):
    solver = optimizers.lbfgs() if solver is None else solver
    state = solver.init(params)
    step = jax.jit(functools.partial(advance, solver, function))
    for _ in range(evaluations):
        params, state = step(params, state)
    return state


def minimize_by_optax(function, params, evaluations):
    """Lowest loss of `optax.lbfgs` within a number of evaluations, its line search included."""
    solver = optax.lbfgs()
    evaluate = optax.value_and_grad_from_state(function)

    @jax.jit
    def step(params, state):
        value, grads = evaluate(params, state=state)
        updates, state = solver.update(
            grads, state, params, value=value, grad=grads, value_fn=function
        )
        return optax.apply_updates(params, updates), state

    state, used, best = solver.init(params), 1, float(function(params))
    while True:
        params, state = step(params, state)
        used += int(optax.tree_utils.tree_get(state, "info").num_linesearch_steps)
        if used > evaluations:
            return best
        best = min(best, float(optax.tree_utils.tree_get(state, "value")))


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBLEMS)
def test_is_as_good_as_optax_per_evaluation(name):
    function, start, evaluations = PROBLEMS[name]
    initial = float(function(start))
    ours = float(minimize(function, start, evaluations).best_loss)
    theirs = minimize_by_optax(function, start, evaluations)
    assert ours <= theirs + 1e-4 * initial
    assert ours < 0.6 * initial


@pytest.mark.slow
def test_finds_the_minimum_of_rosenbrock():
    state = minimize(rosenbrock, jnp.full(10, -1.0), 200)
    np.testing.assert_allclose(optimizers.best_params(state), np.ones(10), atol=1e-3)


def test_the_loss_of_the_best_parameters_never_rises():
    solver, params = optimizers.lbfgs(), jnp.array([-1.2, 1.0])
    state, losses = solver.init(params), []
    step = jax.jit(functools.partial(advance, solver, rosenbrock))
    loss = jax.jit(rosenbrock)
    for _ in range(40):
        params, state = step(params, state)
        losses.append(float(state.best_loss))
        np.testing.assert_allclose(loss(state.best_params), losses[-1], rtol=1e-4, atol=1e-6)
    assert losses == sorted(losses, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("value, slope", [(np.nan, 0.1), (np.inf, 0.1), (0.0, np.nan)])
def test_a_non_finite_evaluation_is_refused(value, slope):
    solver, start = optimizers.lbfgs(), jnp.array([-1.2, 1.0])
    params, state = advance(solver, rosenbrock, start, solver.init(start))
    updates, after = solver.update(jnp.full(2, slope), state, params, value=value)
    shorter = optax.apply_updates(params, updates)
    np.testing.assert_array_equal(after.best_params, start)
    assert 0 < jnp.abs(shorter - start).max() < jnp.abs(params - start).max()
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(after))


@pytest.mark.slow
def test_recovers_from_a_region_without_finite_loss():
    function = lambda x: jnp.where(x.min() < 0.3, jnp.nan, jnp.sum((x - 0.31) ** 2))
    state = minimize(function, jnp.full(4, 0.9), 40)
    np.testing.assert_allclose(optimizers.best_params(state), 0.31, atol=0.01)


@pytest.mark.slow
def test_a_pytree_is_its_vector():
    tree = {"a": jnp.array(-1.0), "b": (jnp.array([[0.5, 2.0]]), jnp.zeros(0))}
    flat, unravel = jax.flatten_util.ravel_pytree(tree)
    of_tree = minimize(lambda x: rosenbrock(jax.flatten_util.ravel_pytree(x)[0]), tree, 30)
    of_vector = minimize(rosenbrock, flat, 30)
    expected = unravel(optimizers.best_params(of_vector))
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5),
        optimizers.best_params(of_tree),
        expected,
    )


@pytest.mark.slow
def test_in_a_chain_and_a_device_loop():
    solver = optax.chain(optax.clip_by_global_norm(1e6), optimizers.lbfgs(history=5))
    start = jnp.array([-1.2, 1.0])
    body = lambda _, carry: advance(solver, rosenbrock, *carry)
    run = jax.jit(lambda: jax.lax.fori_loop(0, 80, body, (start, solver.init(start))))
    np.testing.assert_allclose(optimizers.best_params(run()[1]), [1.0, 1.0], atol=1e-3)


@pytest.mark.slow
def test_a_later_part_of_a_chain_may_change_the_trial():
    solver = optax.chain(optimizers.lbfgs(), optax.scale(0.5))
    state = minimize(rosenbrock, jnp.array([-1.2, 1.0]), 150, solver)
    np.testing.assert_allclose(optimizers.best_params(state), [1.0, 1.0], atol=1e-2)


@pytest.mark.slow
def test_many_searches_at_once():
    starts = jnp.array([[-1.2, 1.0], [0.0, 0.0], [2.0, -1.0]])
    states = jax.vmap(lambda start: minimize(rosenbrock, start, 100))(starts)
    np.testing.assert_allclose(states.best_params, np.ones((3, 2)), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "lower, upper, expected",
    [
        (0.0, 0.5, [0.5, 0.25]),
        (jnp.array([-2.0, -2.0]), jnp.array([0.5, 2.0]), [0.5, 0.25]),
        (-jnp.inf, jnp.array([2.0, 0.25]), [0.50488, 0.25]),  # 400 x (x^2 - 1/4) = 2 (1 - x)
    ],
    ids=["numbers", "arrays", "one side"],
)
def test_respects_bounds(lower, upper, expected):
    solver = optimizers.lbfgs(lower=lower, upper=upper)
    params = jnp.array([0.1, 0.1])
    state = solver.init(params)
    step = jax.jit(functools.partial(advance, solver, rosenbrock))
    for _ in range(60):
        params, state = step(params, state)
        assert (params >= lower - 1e-6).all() and (params <= upper + 1e-6).all()
    np.testing.assert_allclose(optimizers.best_params(state), expected, atol=2e-3)


@pytest.mark.slow
def test_no_step_is_larger_than_allowed():
    solver = optimizers.lbfgs(first_step=0.01, max_step=0.05)
    params = jnp.array([-1.2, 1.0])
    state = solver.init(params)
    sizes = []
    step = jax.jit(functools.partial(advance, solver, rosenbrock))
    for _ in range(20):
        params, state = step(params, state)
        sizes.append(float(jnp.abs(params - optimizers.best_params(state)).max()))
    np.testing.assert_allclose(sizes[0], 0.01, rtol=1e-4)
    assert 0.02 < max(sizes) <= 0.05 + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_computes_in_the_dtype_of_the_parameters(dtype, tolerance):
    with jax.enable_x64(True):
        state = minimize(rosenbrock, jnp.asarray([-1.2, 1.0], dtype), 100)
        assert state.best_params.dtype == state.memory.pairs.dtype == dtype
        assert float(state.best_loss) < tolerance


@pytest.mark.slow
def test_narrow_parameters_are_searched_in_float32():
    function = lambda x: jnp.sum((x.astype(jnp.float32) - 3.0) ** 2)
    state = minimize(function, jnp.zeros(3, jnp.bfloat16), 30)
    assert state.best_params.dtype == jnp.bfloat16 and state.memory.pairs.dtype == jnp.float32
    np.testing.assert_allclose(state.best_params.astype(np.float32), 3.0, atol=0.02)


def test_errors_name_what_is_missing():
    solver = optimizers.lbfgs()
    with pytest.raises(ValueError, match="needs the parameters"):
        solver.update(jnp.zeros(2), solver.init(jnp.zeros(2)), value=0.0)
    with pytest.raises(ValueError, match="history must be at least 1, got 0"):
        optimizers.lbfgs(0)


@pytest.mark.parametrize("value", ["3", None, True, 2.5, np.nan, np.inf, [3], np.ones(2)])
def test_arguments_of_other_types_are_named(value):
    with pytest.raises(ValueError, match="^history must be"):
        optimizers.lbfgs(value)
    for name in ("first_step", "max_step"):
        for wrong in ("3", None, True, 0, -1.0, np.nan, [3], np.ones(2)):
            with pytest.raises(ValueError, match=f"^{name} must be a positive number, got "):
                optimizers.lbfgs(**{name: wrong})


@pytest.mark.parametrize(
    "lower, upper",
    [(np.nan, 1.0), (0.0, jnp.full(2, jnp.nan)), (1.0, 0.0), ({"x": np.ones(2)}, {"x": np.eye(2)})],
)
def test_bounds_that_no_number_keeps_are_refused(lower, upper):
    with pytest.raises(ValueError, match="^lower (and upper )?must be"):
        optimizers.lbfgs(lower=lower, upper=upper)


@pytest.mark.parametrize("zero", [0, 0.0, np.float32(0), "jax", {"x": np.zeros(2)}])
def test_numbers_of_other_libraries_are_arguments(zero):
    lower = jnp.float32(0) if zero == "jax" else zero
    solver = optimizers.lbfgs(np.int8(3), lower=lower, first_step=np.float32(0.5))
    params = {"x": jnp.full(2, 0.25)}
    update = jax.jit(solver.update)
    updates, _ = update({"x": jnp.ones(2)}, jax.jit(solver.init)(params), params, value=1.0)
    np.testing.assert_allclose(updates["x"], -0.25, rtol=1e-6)


@pytest.mark.slow
def test_the_example_runs():
    assert doctest.testmod(transformation).failed == 0
