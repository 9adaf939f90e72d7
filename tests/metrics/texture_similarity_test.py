"""Tests of the structural texture similarity."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import metrics
from jaxtex.images import color_transfer
from jaxtex.metrics import texture_similarity
from jaxtex.networks import padding_pooling
from support.metrics_benchmark import benchmark


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bricks", "grass", "weave"])
def test_another_crop_is_nearer_than_another_texture_and_noise(name):
    texture = benchmark.load(name, 192)
    white, black = benchmark.crops(texture)
    other = benchmark.crops(benchmark.load("tissue", 192))[0]
    assert metrics.stsim(white, white) == 0
    crop = metrics.stsim(white, black)
    assert 0 < crop < 0.5 * metrics.stsim(white, other)
    assert crop < 0.5 * metrics.stsim(white, benchmark.shuffled(white))


def test_values_are_symmetric_and_blind_to_colors():
    first, second = (np.random.default_rng(i).uniform(0.2, 0.7, (40, 33, 3)) for i in (0, 1))
    value = metrics.stsim(first, second[:35])
    assert 0 < value < 1 and value == pytest.approx(metrics.stsim(second[:35], first))
    red, green, _ = color_transfer.LUMINANCE
    colored = first + 0.1 * np.array([green, -red, 0]) * np.sin(np.arange(33))[:, None]
    assert metrics.stsim(first, colored) < 1e-4


@pytest.mark.parametrize("shape", [(32, 32), (33, 47)])
def test_flat_images_have_a_value(shape):
    flat, lighter = (np.full((*shape, 3), value) for value in (0.4, 0.8))
    noise = np.random.default_rng(0).uniform(0, 1, (*shape, 3))
    assert metrics.stsim(flat, flat) == 0
    assert 0 < metrics.stsim(flat, lighter) < 0.01  # one mean of 40 comparisons
    assert 0.1 < metrics.stsim(flat, noise) < 1


@pytest.mark.slow
def test_halves_and_doubles_are_those_of_the_networks():
    image = np.random.default_rng(0).uniform(0, 1, (17, 12)).astype(np.float32)
    for name in ("halve", "double"):
        expected = getattr(padding_pooling, name)(jnp.asarray(image)[..., None], "reflect")[..., 0]
        found = getattr(texture_similarity, name)(image)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_bands_and_pairs_are_those_of_the_paper():
    image = np.random.default_rng(0).uniform(0, 1, (48, 40, 3)).astype(np.float32)
    found = texture_similarity.moments(image)
    assert found.deviations.shape == (14,) and found.neighbors.shape == (2, 14)
    assert found.pairs.shape == (26,)


def test_correlation_of_complex_bands():
    a, b = np.random.default_rng(0).standard_normal((2, 30, 30, 2)) @ np.array([1, 1j])
    expected = np.vdot(b - b.mean(), a - a.mean()) / 900 / np.std(a) / np.std(b)
    assert texture_similarity.correlation(a, b) == pytest.approx(expected, abs=1e-6)
    assert texture_similarity.correlation(a, 2j * a) == pytest.approx(-1j, abs=1e-6)
    assert texture_similarity.correlation(0 * a, 0 * a) == 1
