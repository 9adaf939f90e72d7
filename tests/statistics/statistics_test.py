"""Properties of the whole table, and values against NumPy loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import statistics
from jaxtex.statistics import gram_variants, moments, quantiles

TABLE = {
    name: make() for name, make in statistics.STATISTICS.items() if not make().critic
}  # critics: adversarial_test
over_the_table = pytest.mark.parametrize("statistic", TABLE.values(), ids=TABLE)
FORGETFUL = {name: statistic for name, statistic in TABLE.items() if not statistic.spatial}
over_the_forgetful = pytest.mark.parametrize("statistic", FORGETFUL.values(), ids=FORGETFUL)


def features(seed, shape=(6, 5, 4)):
    return jax.nn.relu(jax.random.normal(jax.random.key(seed), shape) + 0.3)


def distance(statistic, target, image):
    return statistic.distance(
        statistic.make_target(statistic.summarize(target)), statistic.summarize(image)
    )


@over_the_forgetful
def test_forgets_positions(statistic):
    shuffled = jax.random.permutation(jax.random.key(1), features(0).reshape(30, 4)).reshape(
        6, 5, 4
    )
    itself = distance(statistic, features(0), features(0))
    np.testing.assert_allclose(distance(statistic, features(0), shuffled), itself, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(TABLE) - set(FORGETFUL)))
def test_what_knows_neighbours_tells_shuffled_features_apart(name):
    shuffled = jax.random.permutation(jax.random.key(1), features(0).reshape(30, 4)).reshape(
        6, 5, 4
    )
    assert distance(TABLE[name], features(0), shuffled) > 1e-3


def test_which_know_neighbours():
    assert set(TABLE) - set(FORGETFUL) == {"shifted_gram", "joint"}


@over_the_table
def test_is_zero_at_the_target(statistic):
    tolerance = (
        2e-3 if statistic is TABLE["histogram"] else 1e-6
    )  # a histogram forgets where in its bin a value was
    assert 0 <= distance(statistic, features(0, (30, 20, 4)), features(0, (30, 20, 4))) < tolerance


@over_the_table
def test_tells_features_apart(statistic):
    assert distance(statistic, features(0), features(2)) > 1e-3


@over_the_table
def test_is_about_one_without_features(statistic):
    assert 0.5 < distance(statistic, features(0), jnp.zeros((6, 5, 4))) < 2


@over_the_forgetful
def test_compares_images_of_different_sizes(statistic):
    twice = jnp.concatenate([features(0, (20, 20, 4)), features(0, (20, 20, 4))])
    assert distance(statistic, features(0, (20, 20, 4)), twice) < 2e-3


@over_the_table
def test_does_not_depend_on_the_scale_of_features(statistic):
    once = distance(statistic, features(0), features(2))
    np.testing.assert_allclose(
        distance(statistic, 100 * features(0), 100 * features(2)), once, rtol=1e-4
    )


@over_the_table
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_the_gradient_on_flat_features_is_finite(statistic, value):
    flat = jnp.full((6, 5, 4), value)
    for target, image in ((features(0), flat), (flat, features(0)), (flat, flat)):
        assert jnp.isfinite(jax.grad(lambda x, t=target: distance(statistic, t, x))(image)).all()


@over_the_table
def test_the_gradient_is_that_of_finite_differences(statistic):
    image, step = (
        jax.random.normal(jax.random.key(seed), (6, 5, 4)) for seed in (4, 5)
    )  # without ties, which are kinks
    value = lambda t: distance(statistic, features(0), image + t * step)
    finite = (value(3e-3) - value(-3e-3)) / 6e-3
    np.testing.assert_allclose(jax.grad(value)(0.0), finite, rtol=0.05, atol=1e-3)


@over_the_table
def test_jit_equals_eager_and_vmap_equals_a_loop(statistic):
    both = jnp.stack([features(0), features(1)])
    target = statistic.make_target(
        statistic.summarize(features(3))
    )  # always made before anything is compiled
    far = lambda x: statistic.distance(target, statistic.summarize(x))
    eager = [far(x) for x in both]
    mapped = jax.jit(jax.vmap(far))(both)
    np.testing.assert_allclose(mapped, np.stack(eager), rtol=1e-4, atol=1e-5)


def test_gram_against_a_loop():
    f = np.asarray(features(0), np.float64)
    expected = np.zeros((4, 4))
    for row in f:
        for vector in row:
            expected += np.outer(vector, vector)
    np.testing.assert_allclose(moments.gram_matrix(features(0)), expected / 30, rtol=1e-5)


def test_gram_is_covariance_plus_the_outer_product_of_the_mean():
    summary = moments.moments(features(0))
    whole = summary["covariance"] + jnp.outer(summary["mean"], summary["mean"])
    np.testing.assert_allclose(whole, moments.gram_matrix(features(0)), rtol=1e-4, atol=1e-5)


def test_covariance_against_numpy():
    expected = np.cov(np.asarray(features(0)).reshape(-1, 4).T, bias=True)
    np.testing.assert_allclose(
        moments.moments(features(0))["covariance"], expected, rtol=1e-4, atol=1e-6
    )


def test_means_of_many_positions_are_exact():
    many = features(0, (512, 512, 4))
    exactly = np.asarray(many, np.float64).mean((0, 1))
    np.testing.assert_allclose(jax.jit(moments.channel_means)(many), exactly, rtol=2e-6)


def covariance(rows):
    centred = rows - rows.mean(0)
    return jnp.matmul(centred.T, centred, precision="highest") / len(rows)


@pytest.mark.parametrize("kind, tolerance", [(jnp.float32, 1e-5), (jnp.bfloat16, 0.02)])
def test_the_gradient_of_moments_is_that_of_their_formulas(kind, tolerance):
    x, of_mean, of_covariance = (
        features(0).astype(kind),
        features(1)[0, 0],
        features(2, (4, 4, 1))[..., 0],
    )
    weighted = lambda mean, covariance: (
        jnp.vdot(of_mean, mean) + jnp.vdot(of_covariance, covariance)
    )
    by_formula = lambda x: weighted(x.mean((0, 1)), covariance(x.reshape(-1, 4)))
    got, expected = (
        jax.grad(lambda x: weighted(**moments.moments(x)))(x),
        jax.grad(by_formula)(x.astype(jnp.float32)),
    )
    assert got.dtype == kind
    np.testing.assert_allclose(
        got.astype(jnp.float32), expected, atol=tolerance * float(jnp.abs(expected).max())
    )


def test_the_gaussian_difference_is_that_of_gram_where_nothing_cancels():
    mean, other = (
        jnp.array([1.0, 2.0, 0.0]),
        jnp.array([1.0, 2.0, 1e-3]),
    )  # a change across the mean
    summaries = [{"mean": m, "covariance": jnp.eye(3)} for m in (mean, other)]
    grams = [s["covariance"] + jnp.outer(s["mean"], s["mean"]) for s in summaries]
    expected = statistics.relative(*grams, 3)
    np.testing.assert_allclose(moments.gaussian_difference(*summaries), expected, rtol=1e-3)


def test_a_mean_cannot_make_up_for_a_variance():
    spread = jnp.array([[[0.0], [2.0]]])  # mean 1, variance 1
    flat = jnp.full((1, 2, 1), 2.0**0.5)  # the same second moment
    np.testing.assert_allclose(distance(TABLE["gram"], spread, flat), 0, atol=1e-12)
    assert distance(TABLE["mean_and_covariance"], spread, flat) > 0.2


def test_the_shifted_gram_at_shift_0_is_the_gram():
    shifted = gram_variants.shifted_gram(shifts="0").summarize(features(0))
    np.testing.assert_array_equal(shifted[0], moments.gram_matrix(features(0)))


def test_the_shifted_gram_against_a_loop():
    f, expected = np.asarray(features(0), np.float64), np.zeros((2, 4, 4))
    for row in range(6):
        for column in range(3):
            expected[1] += np.outer(f[row, column], f[row, column + 2]) / 18
    for row in range(4):
        for column in range(5):
            expected[0] += np.outer(f[row, column], f[row + 2, column]) / 20
    np.testing.assert_allclose(
        gram_variants.shifted_gram(shifts="2").summarize(features(0)), expected, rtol=1e-5
    )


def test_the_pca_gram_of_all_directions_is_the_gram():
    gram, pca = (distance(TABLE[name], features(0), features(2)) for name in ("gram", "pca_gram"))
    np.testing.assert_allclose(pca, gram, rtol=1e-4)


def test_the_pca_gram_sees_the_strongest_direction():
    strong = jnp.zeros((6, 5, 4)).at[..., 2].set(10.0) + features(0)
    directions = gram_variants.pca_gram(k=1).make_target(moments.gram_matrix(strong))["directions"]
    assert directions.shape == (4, 1) and abs(directions[2, 0]) > 0.95


@pytest.mark.parametrize("shape", [(6, 5, 4), (4, 3, 4)])
def test_sorted_is_the_earth_movers_distance_of_scipy_squared(shape):
    """On lists of equal length the optimal plan is sorting: SciPy's plan over all pairs must cost the same."""
    optimize = pytest.importorskip("scipy.optimize")
    a, b = (np.asarray(features(seed, shape), np.float64).reshape(-1, 4) for seed in (0, 2))
    cost = 0.0
    for x, y in zip(a.T, b.T, strict=True):
        pairs = (x[:, None] - y) ** 2
        cost += pairs[optimize.linear_sum_assignment(pairs)].sum()
    own = quantiles.sorted_features(norm="plain")
    np.testing.assert_allclose(
        distance(own, features(0, shape), features(2, shape)), cost, rtol=1e-4
    )


def test_sorted_at_unequal_sizes_against_a_loop():
    a, b = (
        np.asarray(features(seed, (size, 5, 4))).reshape(-1, 4) for seed, size in ((0, 9), (2, 6))
    )
    levels, cost = (np.arange(30) + 0.5) / 30, 0.0
    for x, y in zip(a.T, b.T, strict=True):
        longer = np.interp(levels, (np.arange(45) + 0.5) / 45, np.sort(x))
        cost += ((longer - np.sort(y)) ** 2).sum()
    own = quantiles.sorted_features(norm="plain")
    np.testing.assert_allclose(distance(own, features(0, (9, 5, 4)), features(2)), cost, rtol=1e-4)


def test_bures_against_scipy():
    linalg = pytest.importorskip("scipy.linalg")
    one, other = (
        jax.tree.map(lambda x: np.asarray(x, np.float64), moments.moments(features(s)))
        for s in (0, 2)
    )
    root = linalg.sqrtm(one["covariance"])
    overlap = linalg.sqrtm(root @ other["covariance"] @ root).trace().real
    traces = [summary["covariance"].trace() for summary in (one, other)]
    squared = ((one["mean"] - other["mean"]) ** 2).sum() + sum(traces) - 2 * overlap
    energy = (one["mean"] ** 2).sum() + traces[0]
    np.testing.assert_allclose(
        distance(TABLE["bures"], features(0), features(2)), squared / energy, rtol=1e-3
    )


def test_the_published_gradient_of_the_gram_loss():
    """E = 1 / (4 N^2 M^2) sum (G - G')^2 has the gradient F'^T (G' - G) / (N^2 M^2); here F is [M, N]."""
    f, wanted = (np.asarray(features(seed), np.float64).reshape(30, 4) for seed in (2, 0))
    expected = f @ (f.T @ f - wanted.T @ wanted) / (4**2 * 30**2)
    literal = moments.gram(norm="gatys")
    found = jax.grad(lambda x: distance(literal, features(0), x))(features(2))
    np.testing.assert_allclose(found.reshape(30, 4), expected, rtol=1e-3, atol=1e-6)


def test_the_norms_say_the_same_in_other_units():
    target, image = moments.gram_matrix(features(0)), moments.gram_matrix(features(2))
    squared = float(jnp.sum((target - image) ** 2))
    values = {name: float(norm(target, image, 4)) for name, norm in statistics.NORMS.items()}
    np.testing.assert_allclose(values["plain"], squared, rtol=1e-5)
    np.testing.assert_allclose(values["gatys"], squared / 64, rtol=1e-5)
    np.testing.assert_allclose(values["relative"], squared / float(jnp.sum(target**2)), rtol=1e-5)
    np.testing.assert_allclose(values["unsquared"], values["relative"] ** 0.5, rtol=1e-3)


@over_the_table
def test_the_count_of_numbers_is_that_of_what_is_compared(statistic):
    """Symmetric matrices count once; what is drawn counts as the positions that are kept."""
    target = statistic.make_target(statistic.summarize(features(0)))
    sizes = {
        "moments": 4 + 10,
        "gram": 10,
        "sorted": 120,
        "histogram": 4 * 65,
        "shifted": 10 + 4 * 16,
        "mean": 4,
    }
    if statistic is TABLE["joint"]:
        expected = sizes["moments"] + sum(
            target[name].size for name in ("skewness", "kurtosis", "auto")
        )
    elif isinstance(target, dict) and "mean" in target:
        expected = sizes["moments"]
    elif isinstance(target, dict):
        expected = target["gram"].shape[0] * (target["gram"].shape[0] + 1) // 2
    elif statistic is TABLE["histogram"]:
        expected = sizes["histogram"]
    else:
        expected = {(4,): 4, (4, 4): 10, (5, 4, 4): sizes["shifted"], (30, 4): 120}[target.shape]
    assert statistic.statistic_size(4, 30) == expected


@pytest.mark.parametrize("name", ["sorted", "sliced_wasserstein", "discriminator"])
def test_what_is_drawn_counts_as_the_positions_that_are_kept(name):
    assert statistics.STATISTICS[name]().statistic_size(3, 10_000) == 3 * statistics.POOL_SIZE
