"""Tests of the content term and its norms."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxtex import losses
from jaxtex.losses import content

FEATURES = jax.random.normal(jax.random.key(0), (6, 5, 4))
OTHER = FEATURES**2
IMAGE = jax.random.uniform(jax.random.key(3), (8, 6, 3))


def distance(norm, expected, found, inside=None):
    chosen = content.NORMS[norm]
    return chosen.distance(chosen.make_target(jnp.asarray(expected), inside), jnp.asarray(found))


def test_the_published_gradient_of_the_content_loss():
    """The gradient of 1/2 sum (F - P)^2 is F - P."""
    images = losses.TargetImages([], [], np.ones((8, 6, 3)), 8, 6, lambda image: {"a": OTHER})
    term = content.content({"a": 1.0}, 1.0, "plain")
    target = term.make_target(images)
    gradient = jax.grad(lambda f: term.evaluate(IMAGE, {"a": f}, target))(FEATURES)
    np.testing.assert_allclose(gradient, FEATURES - OTHER, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", content.NORMS)
@pytest.mark.parametrize("shape", [(6, 5, 4), (40, 33, 3), (3, 600, 2)])
def test_each_norm_is_zero_at_the_content_and_has_a_gradient_beside_it(norm, shape):
    features = jax.nn.relu(jax.random.normal(jax.random.key(1), shape))
    assert distance(norm, features, features) < 1e-5
    found = features + 0.3 * jax.random.normal(jax.random.key(2), shape)
    value, gradient = jax.value_and_grad(lambda f: distance(norm, features, f))(found)
    assert value > 1e-3
    assert jnp.isfinite(gradient).all() and jnp.abs(gradient).max() > 0


@pytest.mark.parametrize("norm", ["self_similarity", "relative"])
def test_gradients_agree_with_differences(norm):
    with jax.enable_x64(True):
        features = jnp.asarray(np.random.default_rng(0).uniform(0.5, 1, (4, 3, 5)))
        found = features[::-1]
        check_grads(lambda f: distance(norm, features, f), (found,), 1, rtol=1e-5)


@pytest.mark.parametrize("norm", content.NORMS)
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_plain_content_has_finite_losses_and_gradients(norm, level):
    plain = jnp.full((7, 5, 3), level)
    for found in (plain, plain + 0.01 * jax.random.normal(jax.random.key(0), plain.shape)):
        value, gradient = jax.value_and_grad(lambda f: distance(norm, plain, f))(found)
        assert jnp.isfinite(value) and jnp.isfinite(gradient).all()


def test_self_similarity_sees_arrangement_and_neither_scale_nor_channels():
    features = jax.nn.relu(FEATURES)
    assert distance("self_similarity", features, 3 * features) < 1e-5
    assert distance("self_similarity", features, features[..., ::-1]) < 1e-9
    shuffled = jax.random.permutation(jax.random.key(5), features.reshape(-1, 4))
    blend = (features + shuffled.reshape(features.shape)) / 2
    near = distance("self_similarity", features, blend)
    far = distance("self_similarity", features, shuffled.reshape(features.shape))
    assert 0.01 < near < far < 3


def test_positions_outside_do_not_count():
    inside = np.ones((6, 5, 1), bool)
    inside[:2] = False
    changed = FEATURES.at[:2].set(7.0)
    for norm in content.NORMS:
        assert distance(norm, FEATURES, changed, inside) < 1e-5
        assert distance(norm, FEATURES, changed) > 1e-3


def test_cells_are_few_and_see_each_pixel():
    for height, width in itertools.product((1, 2, 5, 31, 100), (1, 3, 64, 2000)):
        features = jnp.ones((height, width, 2))
        cells, pull_back = jax.vjp(content.cells, features)
        assert len(cells) <= content.MAX_CELLS
        np.testing.assert_allclose(cells, 1, rtol=1e-6)
        (seen,) = pull_back(jnp.ones_like(cells))
        rows, columns = (max(1, side - side // 4) for side in (height, width))
        assert (seen[:rows, :columns] > 0).all()
