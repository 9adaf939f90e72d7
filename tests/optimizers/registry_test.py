"""Every optimizer descends, keeps the image in [0, 1] and turns back from non-finite losses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import optimizers

START = np.full((4, 5, 3), 0.8, np.float32)
for_each_optimizer = pytest.mark.parametrize(
    "optimizer", [build(0.0) for build in optimizers.OPTIMIZERS.values()], ids=optimizers.OPTIMIZERS
)


def bowl(x):
    """A quadratic whose minimum lies partly outside [0, 1]."""
    return jnp.sum((x - jnp.linspace(-0.2, 0.7, x.size).reshape(x.shape)) ** 2)


@functools.partial(jax.jit, static_argnums=(0, 1))
def step(optimizer, function, state):
    return optimizer.update(state, *jax.value_and_grad(function)(state.trial))


def descend(optimizer, function, steps, start):
    state = optimizers.init_state(optimizer, jnp.asarray(start))
    for _ in range(steps):
        state = step(optimizer, function, state)
    return state


@pytest.mark.slow
@for_each_optimizer
def test_descends_within_the_box(optimizer):
    state = descend(optimizer, bowl, 60, START)
    assert state.step == 60
    assert state.image.min() >= 0 and state.image.max() <= 1
    assert state.loss < 0.2 * bowl(START)


@for_each_optimizer
def test_loss_belongs_to_the_image(optimizer):
    state = descend(optimizer, bowl, 7, START)
    np.testing.assert_allclose(state.loss, bowl(state.image), rtol=1e-6)


@pytest.mark.slow
@for_each_optimizer
@pytest.mark.parametrize(
    "loss, slope", [(np.nan, np.nan), (-np.inf, 0.1), (0, np.nan), (0, np.inf), (0, -np.inf)]
)
def test_turns_back_from_a_non_finite_evaluation(optimizer, loss, slope):
    state = descend(optimizer, bowl, 1, START)
    gradient = jnp.full((4, 5, 3), 0.1).at[1, 2, 0].set(slope)
    after = optimizer.update(state, jnp.array(loss), gradient)
    np.testing.assert_array_equal(after.image, state.image)
    assert jnp.abs(after.trial - state.image).max() < jnp.abs(state.trial - state.image).max()
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(after))


@for_each_optimizer
def test_restart_forgets_losses_that_cannot_be_compared(optimizer):
    state = descend(optimizer, bowl, 5, START)
    state = optimizer.restart(state)
    harder = lambda x: bowl(x) + 100.0
    after = step(optimizer, harder, state)
    np.testing.assert_allclose(after.loss, harder(state.trial), rtol=1e-6)


def test_gd_is_gradient_descent_with_a_constant_rate():
    gradient = jax.grad(bowl)(START)
    rate = 0.02 / jnp.abs(gradient).max()
    second = START - rate * gradient
    third = second - rate * jax.grad(bowl)(second)
    np.testing.assert_allclose(descend(optimizers.gd(0.0), bowl, 2, START).trial, third, rtol=1e-5)
