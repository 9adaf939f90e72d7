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


@pytest.mark.slow
def test_square_roots_against_eigenvalues():
    matrix = np.asarray(moments.moments(features(np.random.default_rng(4), 8, 1, 1))["covariance"])
    values, vectors = np.linalg.eigh(matrix)
    root, inverse = bures.square_roots(jnp.asarray(matrix), 0.0)
    np.testing.assert_allclose(root, vectors * np.sqrt(values) @ vectors.T, atol=1e-4)
    np.testing.assert_allclose(inverse, vectors / np.sqrt(values) @ vectors.T, rtol=1e-3, atol=1e-3)


def gaussian(seed, channels=6, rank=6):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((channels, rank)) @ np.diag(np.arange(1.0, rank + 1))
    covariance = rows @ rows.T / rank
    mean = rng.standard_normal(channels)
    return {"mean": np.float32(mean), "covariance": np.float32(covariance)}


def squared_distance(one, other):
    target = bures.bures().make_target(one)
    energy = (one["mean"] ** 2).sum() + np.trace(one["covariance"])
    return float(STATISTIC.distance(target, other) * energy)


def test_the_barycenter_of_one_exemplar_is_its_own_summary():
    summary = gaussian(0)
    assert bures.barycenter([summary], [1.0]) is summary


@pytest.mark.slow
def test_in_the_same_axes_deviations_are_averaged_not_variances():
    deviations = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]], np.float32)
    summaries = [{"mean": each, "covariance": np.diag(each**2)} for each in deviations]
    found = bures.barycenter(summaries, [0.25, 0.75])
    np.testing.assert_allclose(found["mean"], [2.5, 0.5, 0.0], rtol=1e-6)
    np.testing.assert_allclose(found["covariance"], np.diag([2.5, 0.5, 0]) ** 2, atol=1e-4)


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_the_barycenter_is_the_fixed_point_of_the_paper(size):
    summaries, shares = [gaussian(seed) for seed in range(3)], [0.5, 0.3, 0.2]
    scaled = [
        {"mean": size * each["mean"], "covariance": size**2 * each["covariance"]}
        for each in summaries
    ]
    covariance = np.float64(jax.jit(bures.barycenter)(scaled, shares)["covariance"]) / size**2

    def root(matrix):
        values, vectors = np.linalg.eigh(np.float64(matrix))
        return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T

    own = root(covariance)
    overlaps = [
        share * root(own @ each["covariance"] @ own)
        for share, each in zip(shares, summaries, strict=True)
    ]
    np.testing.assert_allclose(sum(overlaps), covariance, atol=2e-4 * np.trace(covariance))


@pytest.mark.slow
def test_no_average_of_summaries_is_nearer_to_all_exemplars():
    summaries, shares = [gaussian(seed, rank=3) for seed in (4, 5)], [0.6, 0.4]
    found = bures.barycenter(summaries, shares)
    average = jax.tree.map(lambda one, other: 0.6 * one + 0.4 * other, *summaries)
    nearby = {**found, "covariance": 1.1 * found["covariance"]}
    sums = [
        sum(
            share * squared_distance(each, blend)
            for share, each in zip(shares, summaries, strict=True)
        )
        for blend in (found, average, nearby)
    ]
    assert sums[0] < sums[1] and sums[0] < sums[2]
    assert np.trace(found["covariance"]) < np.trace(average["covariance"])


@pytest.mark.slow
def test_a_barycenter_is_finite_whatever_the_covariances():
    zero = {"mean": np.zeros(6, np.float32), "covariance": np.zeros((6, 6), np.float32)}
    cases = [zero, gaussian(0), gaussian(1, rank=1), gaussian(2, rank=3)]
    for one in cases:
        for other in cases:
            found = bures.barycenter([one, other], [0.5, 0.5])
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
        same = bures.barycenter([one, one], [0.3, 0.7])
        size = 1 + np.trace(one["covariance"])
        np.testing.assert_allclose(same["covariance"], one["covariance"], atol=1e-4 * size)
