"""Properties of the whole table, and values against NumPy loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import statistics

over_the_table = pytest.mark.parametrize("statistic", statistics.STATISTICS.values(), ids=statistics.STATISTICS)


def features(seed, shape=(6, 5, 4)):
    return jax.nn.relu(jax.random.normal(jax.random.key(seed), shape) + 0.3)


def distance(statistic, target, image):
    return statistic.distance(statistic.summarise(target), statistic.summarise(image))


@over_the_table
def test_forgets_positions(statistic):
    shuffled = jax.random.permutation(jax.random.key(1), features(0).reshape(30, 4)).reshape(6, 5, 4)
    np.testing.assert_allclose(distance(statistic, features(0), shuffled), 0, atol=1e-10)


@over_the_table
def test_tells_features_apart(statistic):
    assert distance(statistic, features(0), features(2)) > 1e-3


@over_the_table
def test_is_about_one_without_features(statistic):
    assert 0.5 < distance(statistic, features(0), jnp.zeros((6, 5, 4))) < 2


@over_the_table
def test_compares_images_of_different_sizes(statistic):
    twice = jnp.concatenate([features(0), features(0)])
    np.testing.assert_allclose(distance(statistic, features(0), twice), 0, atol=1e-10)


@over_the_table
def test_does_not_depend_on_the_scale_of_features(statistic):
    once = distance(statistic, features(0), features(2))
    np.testing.assert_allclose(distance(statistic, 100 * features(0), 100 * features(2)), once, rtol=1e-4)


@over_the_table
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_the_gradient_on_flat_features_is_finite(statistic, value):
    flat = jnp.full((6, 5, 4), value)
    for target, image in ((features(0), flat), (flat, features(0)), (flat, flat)):
        assert jnp.isfinite(jax.grad(lambda x, t=target: distance(statistic, t, x))(image)).all()


@over_the_table
def test_jit_equals_eager_and_vmap_equals_a_loop(statistic):
    both = jnp.stack([features(0), features(1)])
    eager = [statistic.summarise(x) for x in both]
    mapped = jax.jit(jax.vmap(statistic.summarise))(both)
    jax.tree.map(lambda m, a, b: np.testing.assert_allclose(m, np.stack([a, b]), rtol=1e-4, atol=1e-5), mapped, *eager)


def test_gram_against_a_loop():
    f = np.asarray(features(0), np.float64)
    expected = np.zeros((4, 4))
    for row in f:
        for vector in row:
            expected += np.outer(vector, vector)
    np.testing.assert_allclose(statistics.gram(features(0)), expected / 30, rtol=1e-5)


def test_gram_is_covariance_plus_the_outer_product_of_the_mean():
    summary = statistics.mean_and_covariance(features(0))
    whole = summary["covariance"] + jnp.outer(summary["mean"], summary["mean"])
    np.testing.assert_allclose(whole, statistics.gram(features(0)), rtol=1e-4, atol=1e-5)


def test_covariance_against_numpy():
    expected = np.cov(np.asarray(features(0)).reshape(-1, 4).T, bias=True)
    np.testing.assert_allclose(statistics.mean_and_covariance(features(0))["covariance"], expected, rtol=1e-4, atol=1e-6)


def test_the_gaussian_difference_is_that_of_gram_where_nothing_cancels():
    mean, other = jnp.array([1.0, 2.0, 0.0]), jnp.array([1.0, 2.0, 1e-3])  # a change across the mean
    summaries = [{"mean": m, "covariance": jnp.eye(3)} for m in (mean, other)]
    grams = [s["covariance"] + jnp.outer(s["mean"], s["mean"]) for s in summaries]
    expected = statistics.relative_difference(*grams)
    np.testing.assert_allclose(statistics.gaussian_difference(*summaries), expected, rtol=1e-3)


def test_a_mean_cannot_make_up_for_a_variance():
    spread = jnp.array([[[0.0], [2.0]]])  # mean 1, variance 1
    flat = jnp.full((1, 2, 1), 2.0**0.5)  # the same second moment
    np.testing.assert_allclose(distance(statistics.STATISTICS["gram"], spread, flat), 0, atol=1e-12)
    assert distance(statistics.STATISTICS["mean_and_covariance"], spread, flat) > 0.2
