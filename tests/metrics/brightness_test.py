"""Tests of light and layout: ranks against SciPy, what they ignore, and their extremes."""

import numpy as np
import pytest

from jaxtex import images, metrics
from jaxtex.metrics import brightness
from support.metrics_benchmark import benchmark


@pytest.mark.slow
def test_ranks_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).integers(0, 9, 50).astype(float)  # with ties
    np.testing.assert_array_equal(brightness._ranks(values), stats.rankdata(values))


def test_light_is_the_rank_correlation_of_cells():
    stats = pytest.importorskip("scipy.stats")
    content, image = benchmark.load("astronaut", 64), benchmark.load("leaves", 64)
    cells = [
        images.resize(x @ [[0.299], [0.587], [0.114]], 32, 32).ravel() for x in (content, image)
    ]
    expected = 1 - stats.spearmanr(*cells).statistic
    assert metrics.light(content, image) == pytest.approx(expected, abs=1e-3)
    assert metrics.layout(content, image) == pytest.approx(np.corrcoef(*cells)[0, 1], abs=1e-3)


def test_light_ignores_contrast_and_noise_but_not_a_negative():
    content = benchmark.load("coffee", 128)
    noise = np.random.default_rng(0).normal(0, 0.2, content.shape)
    assert metrics.light(content, 0.3 + 0.2 * content**2) < 0.02
    assert metrics.light(content, np.clip(content + noise, 0, 1)) < 0.1
    assert metrics.light(content, 1 - content) == pytest.approx(2, abs=1e-3)


def test_layout_stretches_the_exemplar_to_the_image():
    style = benchmark.load("leaves", 96)
    assert metrics.layout(style, images.resize(style, 48, 128)) > 0.95
    assert metrics.layout(style, 1 - style) == pytest.approx(-1, abs=1e-3)
    assert abs(metrics.layout(style, np.roll(style, 40, 1))) < 0.3


@pytest.mark.parametrize("shape", [(32, 32), (33, 90), (400, 40)])
def test_flat_images_have_no_light_and_no_layout(shape):
    flat = np.full((*shape, 3), 0.3)
    noise = np.random.default_rng(0).random((*shape, 3))
    for pair in ((flat, noise), (noise, flat), (flat, flat)):
        assert metrics.light(*pair) == 1 and metrics.layout(*pair) == 0
