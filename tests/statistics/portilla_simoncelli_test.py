"""Tests of the joint statistics of Portilla and Simoncelli, against loops in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors
from jaxtex.statistics import moments, portilla_simoncelli


def features(seed=0, shape=(9, 8, 3)):
    return jax.nn.relu(jax.random.normal(jax.random.key(seed), shape) + 0.3)


def naive_autocovariance(x, down, right):
    """Returns the mean product over all pairs of positions inside one channel."""
    height, width = x.shape
    pairs = [
        x[row, column] * x[row + down, column + right]
        for row in range(height - down)
        for column in range(width)
        if 0 <= column + right < width
    ]
    return np.mean(pairs)


@pytest.mark.slow
def test_moments_against_numpy():
    summary = portilla_simoncelli.summarize(features(), [])
    x = np.asarray(features(), np.float64).reshape(-1, 3)
    centered = x - x.mean(0)
    expected = {
        "mean": x.mean(0),
        "covariance": np.cov(x.T, bias=True),
        "third": (centered**3).mean(0),
        "fourth": (centered**4).mean(0),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(summary[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(9, 8, 3), (5, 13, 2)])
def test_autocovariances_against_a_loop(shape):
    x, offsets = features(1, shape), portilla_simoncelli.half_window(3)
    means = portilla_simoncelli.autocovariances(x, offsets)
    for channel in range(shape[2]):
        expected = [
            naive_autocovariance(np.asarray(x[..., channel]), *offset) for offset in offsets
        ]
        np.testing.assert_allclose(means[channel], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_offsets_are_clipped_to_a_small_layer():
    x = features(2, (2, 3, 1))
    means = portilla_simoncelli.autocovariances(x, [(3, -3), (1, -2)])
    np.testing.assert_allclose(means[0, 0], means[0, 1], rtol=1e-6)
    np.testing.assert_allclose(means[0, 1], x[0, 2, 0] * x[1, 0, 0], atol=1e-6)


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_half_a_window_has_one_of_each_pair_of_offsets(radius):
    offsets = portilla_simoncelli.half_window(radius)
    everything = {*offsets, *((-down, -right) for down, right in offsets), (0, 0)}
    assert len(everything) == (2 * radius + 1) ** 2 == 2 * len(offsets) + 1


@pytest.mark.slow
def test_skewness_and_kurtosis_are_those_of_scipy_with_a_tenth_of_the_variance_added():
    stats = pytest.importorskip("scipy.stats")
    x = features(3, (40, 40, 1))
    target = portilla_simoncelli.make_target(portilla_simoncelli.summarize(x, []))
    flat = np.asarray(x).ravel()
    np.testing.assert_allclose(target["skewness"], stats.skew(flat) / 1.1**1.5, rtol=5e-3)
    np.testing.assert_allclose(
        target["kurtosis"], stats.kurtosis(flat, fisher=False) / 1.1**2, rtol=5e-3
    )


@pytest.mark.slow
def test_the_distance_is_the_weighted_mean_of_its_groups():
    small = {"marginal": 1e-6, "auto": 1e-6, "cross": 1e-6}
    x, y = features(0), features(5)
    alone = {}
    for group in small:
        statistic = portilla_simoncelli.joint(**{**small, group: 1.0})
        alone[group] = float(
            statistic.distance(
                statistic.make_target(statistic.summarize(x)), statistic.summarize(y)
            )
        )
    expected = moments.gaussian_difference(moments.moments(x), moments.moments(y))
    np.testing.assert_allclose(alone["cross"], expected, rtol=1e-3)
    statistic = portilla_simoncelli.joint(marginal=1.0, auto=2.0, cross=3.0)
    both = statistic.distance(statistic.make_target(statistic.summarize(x)), statistic.summarize(y))
    np.testing.assert_allclose(
        both, (alone["marginal"] + 2 * alone["auto"] + 3 * alone["cross"]) / 6, rtol=1e-4
    )


@pytest.mark.slow
def test_it_distinguishes_periods_that_have_equal_moments():
    striped = jnp.tile(jnp.array([0.0, 1.0]), 32).reshape(8, 8, 1)
    blocks = jnp.repeat(jnp.array([0.0, 0, 1, 1]), 16).reshape(8, 8, 1)

    def difference(statistic):
        target = statistic.make_target(statistic.summarize(striped))
        return float(statistic.distance(target, statistic.summarize(blocks)))

    assert difference(moments.mean_and_covariance()) < 1e-6
    assert difference(portilla_simoncelli.joint()) > 0.1


def test_an_even_window_is_an_error():
    with pytest.raises(errors.UserError, match="'window=6' of joint: must be odd"):
        portilla_simoncelli.joint(window=6)
