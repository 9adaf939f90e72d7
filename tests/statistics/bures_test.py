"""Tests of the Bures distance: against eigendecompositions, and finite for every covariance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex.statistics import bures, moments

STATISTIC = bures.bures()


def reference(target, image):
    """The distance in float64, by eigenvalues and singular values."""
    means, roots, traces = [], [], []
    for features in (target, image):
        rows = np.float64(features).reshape(-1, features.shape[-1])
        values, vectors = np.linalg.eigh(np.cov(rows.T, bias=True))
        values = np.maximum(values, 0)
        means.append(rows.mean(0))
        roots.append(vectors * np.sqrt(values) @ vectors.T)
        traces.append(values.sum())
    overlap = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    squared = ((means[0] - means[1]) ** 2).sum() + sum(traces) - 2 * overlap
    return squared / ((means[0] ** 2).sum() + traces[0])


def features(rng, channels, spectrum, contrast, shape=(12, 10)):
    """Positive features around 1 with eigenvalues that fall like a power."""
    white = rng.standard_normal((*shape, channels))
    scales = np.arange(1.0, channels + 1) ** -spectrum
    mixing = np.linalg.qr(rng.standard_normal((channels, channels)))[0]
    return jnp.asarray(1 + contrast * (white * scales) @ mixing, jnp.float32)


@jax.jit
def value_and_gradient(target, image):
    def distance(image):
        return STATISTIC.distance(target, STATISTIC.summarize(image))

    return jax.value_and_grad(distance)(image)


def make_target(image):
    return STATISTIC.make_target(STATISTIC.summarize(image))


@pytest.mark.slow
@pytest.mark.parametrize("contrast", [1, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("spectrum", [0, 1, 3])
def test_against_eigenvalues(spectrum, contrast):
    # The covariance of 12 channels has full rank, that of 160 has more channels than positions.
    rng = np.random.default_rng(0)
    for channels in (12, 160):
        first, second = (features(rng, channels, spectrum, contrast) for _ in range(2))
        for image in (first, second):
            value, gradient = value_and_gradient(make_target(first), image)
            np.testing.assert_allclose(value, reference(first, image), rtol=1e-3, atol=5e-5)
            assert jnp.isfinite(gradient).all()


@pytest.mark.slow
def test_the_gradient_is_that_of_finite_differences_of_the_reference():
    rng = np.random.default_rng(1)
    first, second = (features(rng, 24, 1, 0.5) for _ in range(2))
    direction = rng.standard_normal(second.shape)
    step = 1e-4
    finite = (
        reference(first, np.float64(second) + step * direction)
        - reference(first, np.float64(second) - step * direction)
    ) / (2 * step)
    _, gradient = value_and_gradient(make_target(first), second)
    np.testing.assert_allclose(np.vdot(gradient, direction), finite, rtol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1e-20, 1e-6, 1, 1e6])
def test_degenerate_features_of_any_size_are_finite(size):
    rng = np.random.default_rng(2)
    noise = rng.random((8, 8, 40))
    cases = [
        noise,
        np.ones_like(noise),
        np.zeros_like(noise),
        noise[..., :1] * np.ones(40),  # rank one
        noise[..., :1] * np.eye(40)[3],  # one channel
        1 + 1e-7 * noise,
        noise > 0.5,
        np.eye(64, 40).reshape(8, 8, 40),  # one position for each channel
    ]
    cases = [jnp.asarray(size * case, jnp.float32) for case in cases]
    for target in map(make_target, cases):
        for image in cases:
            value, gradient = value_and_gradient(target, image)
            assert jnp.isfinite(value) and value >= 0
            assert jnp.isfinite(gradient).all()


overlap_and_gradients = jax.jit(jax.value_and_grad(bures.gaussian_overlap, (0, 1)))


@pytest.mark.parametrize("negative", [1e-7, 1e-5, 1e-2, 1])
def test_covariances_that_are_not_semidefinite_are_finite(negative):
    """As by averages over many positions, which strips add up."""
    root = np.eye(6, dtype=np.float32)
    indefinite = root.copy()
    indefinite[5, 5] = -negative
    for covariance in (indefinite, -negative * root):
        value, gradients = overlap_and_gradients(root, covariance, 1.0)
        assert jnp.isfinite(value)
        assert all(jnp.isfinite(gradient).all() for gradient in gradients)


def test_the_polar_factor_is_orthogonal():
    matrix = np.random.default_rng(3).standard_normal((9, 9)).astype(np.float32)
    left, _, right = np.linalg.svd(matrix)
    np.testing.assert_allclose(jax.jit(bures.polar_factor)(matrix), left @ right, atol=1e-4)


def test_square_roots_against_eigenvalues():
    matrix = np.asarray(moments.moments(features(np.random.default_rng(4), 8, 1, 1))["covariance"])
    values, vectors = np.linalg.eigh(matrix)
    root, inverse = bures.square_roots(jnp.asarray(matrix), 0.0)
    np.testing.assert_allclose(root, vectors * np.sqrt(values) @ vectors.T, atol=1e-4)
    np.testing.assert_allclose(inverse, vectors / np.sqrt(values) @ vectors.T, rtol=1e-3, atol=1e-3)
