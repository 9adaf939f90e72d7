"""Every optimiser descends, stays in [0, 1] and turns back from what is not finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import optimizers

over_the_table = pytest.mark.parametrize(
    "optimizer", [make(0.0) for make in optimizers.OPTIMIZERS.values()], ids=optimizers.OPTIMIZERS
)


def bowl(x):
    return jnp.sum((x - jnp.linspace(-0.2, 0.7, x.size).reshape(x.shape)) ** 2)


def descend(optimizer, function, steps, start):
    state = optimizers.init_state(optimizer, start)
    for _ in range(steps):
        state = optimizer.update(state, *jax.value_and_grad(function)(state.trial))
    return state


@over_the_table
def test_descends_within_the_box(optimizer):
    start = jnp.full((4, 5, 3), 0.8)
    state = descend(optimizer, bowl, 60, start)
    assert state.step == 60
    assert state.image.min() >= 0 and state.image.max() <= 1
    assert state.loss < 0.2 * bowl(start)


@over_the_table
def test_loss_and_image_belong_together(optimizer):
    state = descend(optimizer, bowl, 7, jnp.full((4, 5, 3), 0.8))
    np.testing.assert_allclose(state.loss, bowl(state.image), rtol=1e-6)


@over_the_table
@pytest.mark.parametrize(
    "loss, slope", [(np.nan, np.nan), (-np.inf, 0.1), (0, np.nan), (0, np.inf), (0, -np.inf)]
)
def test_turns_back_from_what_is_not_finite(optimizer, loss, slope):
    state = descend(optimizer, bowl, 1, jnp.full((4, 5, 3), 0.8))
    after = optimizer.update(
        state, jnp.array(loss), jnp.full((4, 5, 3), 0.1).at[1, 2, 0].set(slope)
    )
    np.testing.assert_array_equal(after.image, state.image)
    assert jnp.abs(after.trial - state.image).max() < jnp.abs(state.trial - state.image).max()
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(after))


def test_gd_is_plain_gradient_descent():
    start = jnp.full((4, 5, 3), 0.8)
    gradient = jax.grad(bowl)(start)
    rate = 0.02 / jnp.abs(gradient).max()
    second = start - rate * gradient
    third = second - rate * jax.grad(bowl)(second)
    np.testing.assert_allclose(descend(optimizers.gd(0.0), bowl, 2, start).trial, third, rtol=1e-5)
