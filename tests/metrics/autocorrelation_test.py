"""Tests of the arrangement metric: the error of autocorrelations at long lags."""

import numpy as np
import pytest

from jaxtex import metrics
from jaxtex.metrics.autocorrelation import EPSILON, at_lags
from support.metrics_benchmark import benchmark

REGULAR = ("bricks", "weave")


def shuffled(image, side):
    """Blocks of an image in random order."""
    height, width = (length // side * side for length in image.shape[:2])
    blocks = image[:height, :width].reshape(height // side, side, width // side, side, 3)
    blocks = blocks.transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)
    blocks = np.random.default_rng(0).permutation(blocks)
    blocks = blocks.reshape(height // side, width // side, side, side, 3)
    return blocks.transpose(0, 2, 1, 3, 4).reshape(height, width, 3)


@pytest.mark.parametrize("name", REGULAR)
def test_another_crop_of_a_regular_texture_is_near_and_one_in_disorder_is_not(name):
    texture = benchmark.load(name, 256)
    first, second = texture[:176, :176], texture[-176:, -176:]
    crop = metrics.arrangement(first, second)
    assert metrics.arrangement(first, first) == 0
    assert 0 < crop < 0.5 < 0.8 < metrics.arrangement(texture, shuffled(texture, 32))


def test_autocorrelation_against_loops():
    signal = np.random.default_rng(0).uniform(0, 1, (9, 11))
    centered = signal - signal.mean()
    expected = []
    for row in range(5):
        for column in range(-4, 5):
            if not 2 <= np.hypot(row, column) <= 4 or (row == 0 and column < 0):
                continue
            products = [
                centered[y, x] * centered[y + row, x + column]
                for y in range(9)
                for x in range(11)
                if y + row < 9 and 0 <= x + column < 11
            ]
            expected.append(np.mean(products) / (centered.var() + EPSILON))
    found = at_lags(signal, 2, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("shape", [(32, 32), (33, 90), (200, 40)])
def test_flat_images_are_far_from_every_other_one(shape):
    flat = np.full((*shape, 3), 0.5)
    noise = np.random.default_rng(0).uniform(0, 1, (*shape, 3))
    assert metrics.arrangement(flat, flat) == 0
    assert metrics.arrangement(noise, flat) == pytest.approx(1, abs=1e-3)
    assert np.isfinite(metrics.arrangement(flat, noise))
