"""Tests of the Gabor filters and of both kinds of feature distance."""

import jax
import numpy as np
import pytest

from jaxtex import metrics, networks, weights
from jaxtex.metrics import feature_distance
from jaxtex.weights import locations
from support.metrics_benchmark import benchmark


def test_a_gabor_filter_responds_most_to_its_own_wave():
    filters = feature_distance.gabor_filters()
    np.testing.assert_allclose(filters.sum(0), 0, atol=1e-12)
    np.testing.assert_allclose((np.abs(filters) ** 2).sum(0), 1)

    rows, columns = np.mgrid[:9, :9] - 4
    for orientation in range(6):
        angle = np.pi / 6 * orientation
        wave = np.sin(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / 4 + 0.3)
        assert np.argmax(np.abs(wave.ravel() @ filters)) == orientation


@pytest.mark.slow
def test_a_flat_image_has_distance_one():
    texture = benchmark.load("pebbles", 96)
    assert metrics.features(texture, np.full_like(texture, 0.5)) == pytest.approx(1, abs=0.01)
    assert metrics.features(texture, texture**1.2) < 0.02


@pytest.mark.slow
def test_features_of_a_network_against_loops():
    texture = benchmark.load("pebbles", 48)
    other = benchmark.load("bricks", 48)
    network = networks.select_layers(networks.NETWORKS["vgg_lite"], ("pool1", "pool2", "pool3"))
    network = network.clone(pooling="avg", padding="reflect")
    variables = weights.load(locations.require_file("vgg_lite")).variables
    both = [jax.device_get(jax.jit(network.apply)(variables, image)) for image in (texture, other)]

    distances = []
    for layer in ("pool1", "pool2", "pool3"):
        rows = [np.asarray(x[layer], float).reshape(-1, x[layer].shape[-1]) for x in both]
        means = [x.mean(0) for x in rows]
        covariances = [np.cov(x.T, bias=True) for x in rows]
        energy = np.sum((covariances[0] + np.outer(means[0], means[0])) ** 2)
        squares = np.sum((covariances[0] - covariances[1]) ** 2)
        squares += 2 * np.sum(means[0] ** 2) * np.sum((means[0] - means[1]) ** 2)
        distances.append(squares / energy)

    value = metrics.measure(texture, other, ["features"], "vgg_lite")["features"]
    np.testing.assert_allclose(value, np.mean(distances), rtol=1e-3)
