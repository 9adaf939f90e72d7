"""The approximate inverse Hessian beside the two-loop recursion; the search beside known minima."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import optimizers
from jaxtex.optimizers import quasi_newton, registry

SHAPE = (4, 5, 3)
OPTIMIZER = optimizers.OPTIMIZERS["lbfgs"](0.0)
START = np.full(SHAPE, 0.9, np.float32)
LIMITS = registry.UNIT_BOX


def quadratic(x):
    scales = jnp.logspace(0, 3, x.size).reshape(x.shape)
    return 0.5 * jnp.sum(scales * (x - 0.4) ** 2)


def rosenbrock(x):
    """A curved valley; the minimum, 0, is where all pixels are 0.5."""
    u, v = 2 * x.ravel()[:-1], 2 * x.ravel()[1:]
    return jnp.sum(100 * (v - u**2) ** 2 + (1 - u) ** 2)


def outside(x):
    """A minimum outside the box: within it the first rows end at 0, the last at 1."""
    goal = jnp.where(jnp.arange(4)[:, None, None] < 2, -0.5, 1.5)
    return jnp.sum((x - goal) ** 2) + 0.1 * jnp.sum(x[1:] * x[:-1])


store_pair = jax.jit(quasi_newton.store_pair)
multiply = jax.jit(quasi_newton.multiply_inverse_hessian)


@functools.partial(jax.jit, static_argnums=0)
def step(function, state):
    return OPTIMIZER.update(state, *jax.value_and_grad(function)(state.trial))


def descend(function, steps, start=START):
    """The states after each step."""
    state = optimizers.init_state(OPTIMIZER, jnp.asarray(start))
    states = []
    for _ in range(steps):
        state = step(function, state)
        states.append(state)
    return states


def two_loop_recursion(pairs, gradient):
    """Nocedal and Wright, algorithm 7.4, in float64; `pairs` oldest first."""
    q, alphas = np.array(gradient, np.float64), []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (y @ s))
        q -= alphas[-1] * y
    s, y = pairs[-1]
    r = (s @ y) / (y @ y) * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r += s * (alpha - (y @ r) / (y @ s))
    return r


@pytest.mark.slow
@pytest.mark.parametrize("length", [3, quasi_newton.DEFAULT_HISTORY])
@pytest.mark.parametrize(
    "count", [1, 4, quasi_newton.DEFAULT_HISTORY, quasi_newton.DEFAULT_HISTORY + 5]
)
def test_the_inverse_hessian_is_that_of_the_two_loop_recursion(count, length):
    rng = np.random.default_rng(0)
    memory = quasi_newton.init(jnp.zeros(SHAPE), length)
    array = lambda vector: jnp.asarray(vector.reshape(SHAPE), jnp.float32)
    gradient = rng.standard_normal(60)
    pairs = []
    for _ in range(count):
        s = rng.standard_normal(60)
        y = np.linspace(0.5, 2, 60) * s
        pairs.append((s, y))
        memory, inner = quasi_newton.store_pair(memory, array(s), array(y), array(gradient))
    expected = two_loop_recursion(pairs[-length:], gradient)
    product = quasi_newton.multiply_inverse_hessian(memory, array(gradient), inner)
    np.testing.assert_allclose(product.ravel(), expected, rtol=1e-3, atol=1e-4)


def test_refused_pairs_and_pairs_without_curvature_are_not_stored():
    rng, length = np.random.default_rng(0), 3
    kept = tried = quasi_newton.init(jnp.zeros(SHAPE), length)
    steps = rng.standard_normal((length + 2, *SHAPE)).astype(np.float32)
    gradient = jnp.asarray(rng.standard_normal(SHAPE), jnp.float32)
    nothing = jnp.zeros(SHAPE)
    for s in steps:
        kept, _ = store_pair(kept, s, 2 * s, gradient)
        tried, _ = store_pair(tried, s, 2 * s, gradient)
        for refused in ((nothing, nothing), (s, -s), (s, 1e30 * s)):
            tried, inner = store_pair(tried, *refused, gradient)
            assert tried.count == kept.count, refused
    kept, expected = store_pair(kept, nothing, nothing, gradient)
    np.testing.assert_allclose(
        multiply(tried, gradient, inner),
        multiply(kept, gradient, expected),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "curvature, count, newton",
    [(1, 1, True), (1e38, 1, False), (-1, 1, False), (1, 0, False)],
    ids=["descends", "not finite", "ascends", "forgotten"],
)
def test_only_a_finite_direction_of_descent_is_taken(curvature, count, newton):
    image, along = jnp.full(SHAPE, 0.5), jnp.linspace(-1, 1, 60).reshape(SHAPE)
    products = jnp.zeros((4, 4))  # of one pair
    products = products.at[[0, 2, 2], [2, 0, 2]].set(jnp.array([curvature, curvature, 1.0]))
    memory = quasi_newton.init(image, 1)._replace(
        gradient=1e3 * along, products=products, count=jnp.full((), count)
    )
    trial = quasi_newton.next_trial(memory, image, 1e3 * along, jnp.zeros(4), LIMITS)
    largest = LIMITS.max_step if newton else LIMITS.first_step
    np.testing.assert_allclose(trial, image - largest * along, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "function, steps, tolerance", [(quadratic, 80, 1e-4), (rosenbrock, 250, 1e-3)]
)
def test_finds_the_minimum(function, steps, tolerance):
    assert descend(function, steps)[-1].loss < tolerance * function(START)


@pytest.mark.slow
def test_respects_the_bounds_and_finds_the_minimum_on_them():
    last = descend(outside, 30)[-1]
    assert last.image.min() >= 0 and last.image.max() <= 1
    np.testing.assert_allclose(last.image[:2], 0, atol=1e-6)
    np.testing.assert_allclose(last.image[3], 1, atol=1e-6)


def test_the_loss_never_rises_and_steps_are_bounded():
    states = descend(rosenbrock, 60)
    losses = [float(state.loss) for state in states]
    assert losses == sorted(losses, reverse=True)
    for state in states:
        assert jnp.abs(state.trial - state.image).max() <= LIMITS.max_step + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_first_step_does_not_depend_on_the_scale_of_the_loss(scale):
    (first,) = descend(lambda x: scale * quadratic(x), 1)
    largest = jnp.abs(first.trial - first.image).max()
    np.testing.assert_allclose(largest, LIMITS.first_step, rtol=1e-3)


@pytest.mark.slow
def test_recovers_from_a_region_without_finite_loss():
    function = lambda x: jnp.where(x.min() < 0.3, jnp.nan, jnp.sum((x - 0.31) ** 2))
    last = descend(function, 60)[-1]
    assert jnp.isfinite(last.image).all()
    assert last.loss < 1e-3 * function(START)


@pytest.mark.slow
def test_repeated_refusals_clear_the_memory():
    update = jax.jit(OPTIMIZER.update)
    state = descend(quadratic, 12)[-1]
    assert state.memory.count > 0
    for refusals in range(1, quasi_newton.MAX_REFUSALS + 1):
        before, state = state, update(state, jnp.array(jnp.nan), jnp.zeros(SHAPE))
        assert (state.memory.count == 0) == (refusals == quasi_newton.MAX_REFUSALS)
        np.testing.assert_array_equal(state.image, before.image)
    assert step(quadratic, state).loss <= state.loss


@pytest.mark.slow
def test_each_image_of_a_batch_has_its_own_search():
    starts = jnp.stack([START, jnp.full(SHAPE, 0.1), jnp.linspace(0, 1, 60).reshape(SHAPE)])
    batch = jax.vmap(functools.partial(optimizers.init_state, OPTIMIZER))(starts)
    advance = jax.jit(jax.vmap(functools.partial(step, rosenbrock)))
    for _ in range(25):
        batch = advance(batch)
    alone = [descend(rosenbrock, 25, start)[-1].loss for start in starts]
    np.testing.assert_allclose(batch.loss, alone, rtol=2e-2)
