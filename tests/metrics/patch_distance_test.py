"""Tests of the patch distance against plain loops and at its unit."""

import numpy as np
import pytest

from jaxtex import images, metrics
from support.metrics_benchmark import benchmark


@pytest.mark.slow
def test_patches_against_loops(exemplar):
    exemplar = exemplar[:40, :36]
    image = exemplar[::-1, ::-1] ** 1.3
    shuffled = np.random.default_rng(0).permutation(exemplar.reshape(-1, 3)).reshape(exemplar.shape)
    distance, noise = (
        sum(naive_distance(exemplar, other, factor) for factor in (1, 2, 4))
        for other in (image, shuffled)
    )
    np.testing.assert_allclose(metrics.patches(exemplar, image), distance / noise, rtol=1e-2)


def naive_distance(exemplar, image, factor):
    """Returns the mean distance along the whitened directions at one size."""
    target, found = (naive_patches(x, factor) for x in (exemplar, image))
    values, vectors = np.linalg.eigh(np.cov(target.T))
    scales = (np.maximum(values, 0) + 1e-3 * values.max() + 1e-6) ** 0.5
    whitening = vectors @ np.diag(1 / scales) @ vectors.T

    levels = (np.arange(256) + 0.5) / 256
    distances = []
    for direction in whitening.T:
        expected = np.quantile(target @ direction, levels, method="hazen")
        actual = np.quantile(found @ direction, levels, method="hazen")
        distances.append(np.mean((expected - actual) ** 2) / (expected.var() + 1e-6))
    return np.mean(distances)


def naive_patches(image, factor):
    """Returns every 7x7 patch of a reduced image, `[N, 147]`."""
    image = images.resize(image, image.shape[0] // factor, image.shape[1] // factor).astype(float)
    rows, columns = (side - 6 for side in image.shape[:2])
    return np.array([image[i : i + 7, j : j + 7].ravel() for i, j in np.ndindex(rows, columns)])


def test_noise_of_the_same_colors_has_distance_one():
    texture = benchmark.load("gravel", 128)
    assert metrics.patches(texture, benchmark.shuffled(texture)) == pytest.approx(1, abs=0.02)
