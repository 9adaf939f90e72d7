"""Tests of the content term and its norms."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxtex import losses
from jaxtex.losses import content

RNG = np.random.default_rng(0)
FEATURES = RNG.standard_normal((6, 5, 4), np.float32)
OTHER = FEATURES**2
IMAGE = RNG.random((8, 6, 3), np.float32)
LARGE = [(40, 33, 3), (3, 600, 2)]  # with cells of several positions
SIDES = [(1, 1), (1, 64), (2, 3), (5, 2000), (31, 64), (100, 1), (100, 64)]
MORE_SIDES = [(height, width) for height in (1, 2, 5, 31, 100) for width in (1, 3, 64, 2000)]


@functools.partial(jax.jit, static_argnums=0)
def value_and_gradient(norm, expected, found, inside=None):
    chosen = content.NORMS[norm]
    target = chosen.make_target(expected, inside)
    return jax.value_and_grad(lambda f: chosen.distance(target, f))(found)


def distance(norm, expected, found, inside=None):
    return value_and_gradient(norm, expected, found, inside)[0]


def test_the_published_gradient_of_the_content_loss():
    """The gradient of 1/2 sum (F - P)^2 is F - P."""
    images = losses.TargetImages([], [], np.ones((8, 6, 3)), 8, 6, lambda image: {"a": OTHER})
    term = content.content({"a": 1.0}, 1.0, "plain")
    target = term.make_target(images)
    gradient = jax.jit(jax.grad(lambda f: term.evaluate(IMAGE, {"a": f}, target)))(FEATURES)
    np.testing.assert_allclose(gradient, FEATURES - OTHER, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", content.NORMS)
@pytest.mark.parametrize(
    "shape", [(6, 5, 4), *(pytest.param(s, marks=pytest.mark.slow) for s in LARGE)]
)
def test_each_norm_is_zero_at_the_content_and_has_a_gradient_beside_it(norm, shape):
    rng = np.random.default_rng(1)
    features = np.maximum(rng.standard_normal(shape, np.float32), 0)
    assert distance(norm, features, features) < 1e-5
    found = features + np.float32(0.3) * rng.standard_normal(shape, np.float32)
    value, gradient = value_and_gradient(norm, features, found)
    assert value > 1e-3
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize("norm", ["self_similarity", "relative"])
def test_gradients_agree_with_differences(norm):
    with jax.enable_x64(True):
        features = np.random.default_rng(0).uniform(0.5, 1, (4, 3, 5))
        found = features[::-1]
        assert np.abs(value_and_gradient(norm, features, found)[1]).max() > 1e-3
        loss = jax.jit(lambda f: distance(norm, features, f))
        check_grads(loss, (found,), 1, rtol=1e-5)  # raises where they differ


@pytest.mark.parametrize("norm", content.NORMS)
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_plain_content_has_finite_losses_and_gradients(norm, level):
    plain = np.full_like(FEATURES, level)
    for found in (plain, plain + np.float32(0.01) * FEATURES):
        value, gradient = value_and_gradient(norm, plain, found)
        assert np.isfinite(value) and np.isfinite(gradient).all()


def test_self_similarity_sees_arrangement_and_neither_scale_nor_channels():
    features = np.maximum(FEATURES, 0)
    assert distance("self_similarity", features, 3 * features) < 1e-4
    assert distance("self_similarity", features, features[..., ::-1]) < 1e-9
    rows = np.random.default_rng(5).permutation(features.reshape(-1, 4))
    shuffled = rows.reshape(features.shape)
    near = distance("self_similarity", features, (features + shuffled) / 2)
    far = distance("self_similarity", features, shuffled)
    assert 0.01 < near < far < 3


def test_positions_outside_do_not_count():
    inside = np.ones((6, 5, 1), bool)
    inside[:2] = False
    changed = FEATURES.copy()
    changed[:2] = 7
    for norm in content.NORMS:
        assert distance(norm, FEATURES, changed, inside) < 1e-5
        assert distance(norm, FEATURES, changed) > 1e-3


@pytest.mark.parametrize(
    "height, width",
    [*SIDES, *(pytest.param(*s, marks=pytest.mark.slow) for s in MORE_SIDES if s not in SIDES)],
)
def test_cells_are_few_and_see_each_pixel(height, width):
    def see(features):
        cells, pull_back = jax.vjp(content.cells, features)
        return cells, *pull_back(jnp.ones_like(cells))

    cells, seen = jax.jit(see)(np.ones((height, width, 2), np.float32))
    assert len(cells) <= content.MAX_CELLS
    np.testing.assert_allclose(cells, 1, rtol=1e-6)
    rows, columns = (max(1, side - side // 4) for side in (height, width))
    assert (seen[:rows, :columns] > 0).all()
