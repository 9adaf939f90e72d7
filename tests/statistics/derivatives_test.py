"""Derivatives of the statistics with custom rules: forward, reverse and second order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import statistics
from jaxtex.statistics import bures, moments

SHAPE = (3, 4, 3)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def features(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(0.3, 1, shape)


def positive_definite(seed):
    rows = features(seed).reshape(-1, SHAPE[-1])
    return rows.T @ rows / len(rows)


def naive_gram(x):
    rows = x.reshape(-1, x.shape[-1])
    return rows.T @ rows / len(rows)


def naive_moments(x):
    rows = x.reshape(-1, x.shape[-1])
    centered = rows - rows.mean(0)
    return {"mean": rows.mean(0), "covariance": centered.T @ centered / len(rows)}


def naive_root(matrix):
    values, vectors = jnp.linalg.eigh(matrix)
    return (vectors * jnp.sqrt(values)) @ vectors.T


def naive_overlap(root, matrix):
    """The sum of singular values of `root @ matrix^1/2`, for any square root of a matrix."""
    return jnp.trace(naive_root(root @ matrix @ root.T))


def naive_gram_distance(target, x):
    target, gram = naive_gram(target), naive_gram(x)
    return jnp.sum((target - gram) ** 2) / jnp.sum(target**2)


def naive_gaussian_distance(target, x):
    target, own = naive_moments(target), naive_moments(x)
    mean = target["mean"]
    energy = jnp.sum((target["covariance"] + jnp.outer(mean, mean)) ** 2)
    covariances = jnp.sum((target["covariance"] - own["covariance"]) ** 2)
    return (covariances + 2 * jnp.sum(mean**2) * jnp.sum((mean - own["mean"]) ** 2)) / energy


def naive_bures_distance(target, x):
    target, own = naive_moments(target), naive_moments(x)
    root = naive_root(target["covariance"])
    overlap = jnp.trace(naive_root(root @ own["covariance"] @ root))
    traces = jnp.trace(target["covariance"]) + jnp.trace(own["covariance"])
    means = jnp.sum((target["mean"] - own["mean"]) ** 2)
    energy = jnp.sum(target["mean"] ** 2) + jnp.trace(target["covariance"])
    return (means + traces - 2 * overlap) / energy


NAIVE = {
    "gram": naive_gram_distance,
    "mean_and_covariance": naive_gaussian_distance,
    "bures": naive_bures_distance,
}


def distance_to(name, target):
    """Returns the distance of a statistic as a function of the image's features."""
    statistic = statistics.STATISTICS[name]()
    target = statistic.make_target(statistic.summarize(target))
    return lambda x: statistic.distance(target, statistic.summarize(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAIVE)
def test_hessian_vector_products_are_those_of_the_formula(name):
    distance, point, direction = distance_to(name, features(0)), features(1), features(2)
    _, product = jax.jvp(jax.grad(distance), (point,), (direction,))
    hessian = jax.hessian(lambda x: NAIVE[name](features(0), x))(point)
    expected = jnp.tensordot(hessian, direction, 3)
    np.testing.assert_allclose(product, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAIVE)
def test_hessian_vector_products_are_those_of_finite_differences(name):
    distance, point, direction = distance_to(name, features(0)), features(1), features(2)
    gradient = jax.jit(jax.grad(distance))
    _, product = jax.jit(lambda x, v: jax.jvp(gradient, (x,), (v,)))(point, direction)
    step = 1e-5
    finite = (gradient(point + step * direction) - gradient(point - step * direction)) / (2 * step)
    np.testing.assert_allclose(product, finite, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAIVE)
def test_reverse_over_reverse_equals_forward_over_reverse(name):
    distance, point, direction = distance_to(name, features(0)), features(1), features(2)
    _, product = jax.jvp(jax.grad(distance), (point,), (direction,))
    other = jax.grad(lambda x: jnp.vdot(jax.grad(distance)(x), direction))(point)
    np.testing.assert_allclose(other, product, rtol=1e-9, atol=1e-12)


VALUES, VECTORS = np.linalg.eigh(positive_definite(2))
ROOT = (VECTORS * np.sqrt(VALUES)) @ VECTORS.T
FUNCTIONS = {
    "gram_matrix": (moments.gram_matrix, naive_gram, features(1)),
    "channel_means": (moments.channel_means, lambda x: x.mean((0, 1)), features(1)),
    "moments": (moments.moments, naive_moments, features(1)),
    "centered_moments": (moments.centered_moments, naive_moments, features(1)),
    "gaussian_overlap": (
        lambda matrix: bures.gaussian_overlap(ROOT, matrix, 0.0),
        lambda matrix: naive_overlap(ROOT, matrix),
        positive_definite(1),
    ),
    "gaussian_overlap of a root": (
        lambda root: bures.gaussian_overlap(root, positive_definite(2), 0.0),
        lambda root: naive_overlap(root, positive_definite(2)),
        positive_definite(1),
    ),
}
over_the_functions = pytest.mark.parametrize(
    "function, naive, point", FUNCTIONS.values(), ids=FUNCTIONS
)


@pytest.mark.slow
@over_the_functions
def test_tangents_are_those_of_the_formula(function, naive, point):
    point = jnp.asarray(point, jnp.float64)
    direction = jnp.ones_like(point) + point**2
    results = jax.jvp(function, (point,), (direction,))
    expected = jax.jvp(naive, (point,), (direction,))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8), results, expected)


@pytest.mark.slow
@over_the_functions
def test_jacobians_agree_in_both_modes(function, naive, point):
    point = jnp.asarray(point, jnp.float64)
    forward, reverse = jax.jacfwd(function)(point), jax.jacrev(function)(point)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), forward, reverse)


@over_the_functions
def test_the_linear_map_and_the_tangent_agree(function, naive, point):
    point = jnp.asarray(point, jnp.float64)
    direction = 1 - point
    values, linear = jax.linearize(function, point)
    expected = jax.jvp(function, (point,), (direction,))
    results = values, linear(direction)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), results, expected)


@pytest.mark.parametrize(
    "function, products",
    # Moments also multiply the mean by a matrix.
    [(moments.gram_matrix, 1), (moments.moments, 2), (moments.centered_moments, 1)],
)
def test_the_gradient_takes_one_product_of_the_features(function, products):
    values, pull_back = jax.vjp(function, features(0))
    program = str(jax.make_jaxpr(pull_back)(values))
    assert program.count("dot_general[") == products


def test_channel_means_compile_to_one_branch():
    gradient = jax.value_and_grad(lambda x: jnp.sum(moments.channel_means(x) ** 2))
    batch = jnp.stack([features(0), features(1)])
    compiled = jax.jit(jax.vmap(gradient)).lower(batch).compile()
    assert "conditional" not in compiled.as_text()
    means, gradients = compiled(batch)
    expected = batch.mean((1, 2))
    np.testing.assert_allclose(means, jnp.sum(expected**2, 1), rtol=1e-12)
    slopes = jnp.broadcast_to(2 * expected[:, None, None] / 12, gradients.shape)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-12)
