"""Tests of all statistics: properties of the whole table, and values against NumPy loops."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, statistics
from jaxtex.statistics import gram_variants, moments, quantiles

# Critics are tested in adversarial_test.py.
TABLE = {name: make() for name, make in statistics.STATISTICS.items() if not make().critic}
over_the_table = pytest.mark.parametrize("statistic", TABLE.values(), ids=TABLE)
WITHOUT_POSITIONS = {name: statistic for name, statistic in TABLE.items() if not statistic.spatial}
over_those_without_positions = pytest.mark.parametrize(
    "statistic", WITHOUT_POSITIONS.values(), ids=WITHOUT_POSITIONS
)


@functools.cache
def features(seed, shape=(6, 5, 4)):
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return jnp.asarray(np.maximum(noise + np.float32(0.3), 0))


def shuffle_positions(x):
    rows = np.asarray(x).reshape(-1, x.shape[-1])
    return np.random.default_rng(1).permutation(rows).reshape(x.shape)


@functools.cache
def compiled(statistic):
    return jax.jit(statistic.summarize), jax.jit(statistic.distance)


def distance(statistic, target, image):
    """Compares features. Targets are always made outside compiled programs."""
    summarize, compare = compiled(statistic)
    return compare(statistic.make_target(summarize(target)), summarize(image))


@pytest.mark.slow
@over_those_without_positions
def test_shuffled_positions_change_nothing(statistic):
    shuffled = shuffle_positions(features(0))
    itself = distance(statistic, features(0), features(0))
    np.testing.assert_allclose(distance(statistic, features(0), shuffled), itself, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(TABLE) - set(WITHOUT_POSITIONS)))
def test_spatial_statistics_distinguish_shuffled_positions(name):
    assert distance(TABLE[name], features(0), shuffle_positions(features(0))) > 1e-3


def test_which_statistics_are_spatial():
    assert set(TABLE) - set(WITHOUT_POSITIONS) == {"shifted_gram", "joint", "autocorrelation"}


@pytest.mark.slow
@over_the_table
def test_is_zero_at_the_target(statistic):
    # A histogram does not record where in its bin a value is; some patches are nearly the same.
    inexact = (TABLE["histogram"], TABLE["guided_correspondence"])
    tolerance = 2e-3 if statistic in inexact else 1e-6
    assert 0 <= distance(statistic, features(0, (30, 20, 4)), features(0, (30, 20, 4))) < tolerance


@over_the_table
def test_distinguishes_features(statistic):
    assert distance(statistic, features(0), features(2)) > 1e-3


@over_the_table
def test_is_about_one_at_zero_features(statistic):
    # Among vectors of few channels, unlike patches, the nearest one stands out by chance.
    least = 0.1 if statistic is TABLE["guided_correspondence"] else 0.5
    assert least < distance(statistic, features(0), jnp.zeros((6, 5, 4))) < 2


@pytest.mark.slow
@over_those_without_positions
def test_compares_images_of_different_sizes(statistic):
    twice = jnp.concatenate([features(0, (20, 20, 4)), features(0, (20, 20, 4))])
    assert distance(statistic, features(0, (20, 20, 4)), twice) < 2e-3


@over_the_table
def test_does_not_depend_on_the_scale_of_features(statistic):
    once = distance(statistic, features(0), features(2))
    np.testing.assert_allclose(
        distance(statistic, 100 * features(0), 100 * features(2)), once, rtol=1e-4
    )


@pytest.mark.slow
@over_the_table
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_the_gradient_on_flat_features_is_finite(statistic, value):
    flat = jnp.full((6, 5, 4), value)
    for target, image in ((features(0), flat), (flat, features(0)), (flat, flat)):
        assert jnp.isfinite(jax.grad(lambda x, t=target: distance(statistic, t, x))(image)).all()


def degenerate_features():
    """Features of low contrast, of one color, of two values; with fewer positions than channels."""
    rng = np.random.default_rng(0)
    noise = rng.random((5, 4, 24))
    cases = [contrast * noise + 0.5 * (1 - contrast) for contrast in (1, 0.1, 0.01, 0.001, 1e-7)]
    cases += [np.full_like(noise, value) for value in (0, 1 / 3, 1, 1e3, 1e-20)]
    cases += [noise > 0.5, noise * (np.arange(24) != 3), noise[..., :1] * np.ones(24)]
    cases += [np.where(np.arange(24) == 3, 0.5, noise), 1e3 * noise, 1e-6 * noise]
    return [jnp.asarray(case, jnp.float32) for case in cases]


NORMED = ("mean", "gram", "sorted", "pca_gram", "shifted_gram", "histogram")
WITH_NORMS = {
    f"{name}-{norm}": statistics.STATISTICS[name](norm=norm)
    for name in NORMED
    for norm in statistics.NORMS
    if norm != "relative"
}


COSTLY = pytest.mark.slow
SLOW = ("joint", "histogram", "bures", "relaxed_emd", "shifted_gram")


@pytest.mark.parametrize(
    "statistic",
    [
        *(pytest.param(each, marks=COSTLY if name in SLOW else ()) for name, each in TABLE.items()),
        *(pytest.param(each, marks=COSTLY) for each in WITH_NORMS.values()),
    ],
    ids=[*TABLE, *WITH_NORMS],
)
def test_loss_and_gradient_are_finite_whatever_the_features(statistic):
    evaluate = jax.jit(
        jax.value_and_grad(lambda x, t: statistic.distance(t, statistic.summarize(x)))
    )
    summarize = jax.jit(statistic.summarize)
    cases = degenerate_features()
    for exemplar in cases:
        target = statistic.make_target(summarize(exemplar))
        for image in (exemplar, cases[0], cases[3], cases[5], cases[7]):
            value, gradient = evaluate(image, target)
            assert value >= 0
            assert jnp.isfinite(value) and jnp.isfinite(gradient).all()


@pytest.mark.slow
@over_the_table
def test_the_gradient_is_that_of_finite_differences(statistic):
    if statistic is TABLE["guided_correspondence"]:  # its penalty jumps where a neighbor changes
        statistic = statistics.STATISTICS["guided_correspondence"](occurrence=1e-9)
    # Without a ReLU there are no ties, at which sorting has kinks.
    image, step = (jax.random.normal(jax.random.key(seed), (6, 5, 4)) for seed in (4, 5))

    def value(t):
        return distance(statistic, features(0), image + t * step)

    finite = (value(3e-3) - value(-3e-3)) / 6e-3
    np.testing.assert_allclose(jax.grad(value)(0.0), finite, rtol=0.05, atol=1e-3)


@pytest.mark.slow
@over_the_table
def test_jit_equals_eager_and_vmap_equals_a_loop(statistic):
    both = jnp.stack([features(0), features(1)])
    target = statistic.make_target(statistic.summarize(features(3)))

    def distance_to_target(x):
        return statistic.distance(target, statistic.summarize(x))

    eager = [distance_to_target(x) for x in both]
    mapped = jax.jit(jax.vmap(distance_to_target))(both)
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


@pytest.mark.slow
def test_means_of_many_positions_are_exact():
    many = features(0, (512, 512, 4))
    expected = np.asarray(many, np.float64).mean((0, 1))
    np.testing.assert_allclose(jax.jit(moments.channel_means)(many), expected, rtol=2e-6)


def covariance(rows):
    centered = rows - rows.mean(0)
    return jnp.matmul(centered.T, centered, precision="highest") / len(rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind, tolerance", [(jnp.float32, 1e-5), (jnp.bfloat16, 0.02)])
def test_the_gradient_of_moments_is_that_of_their_formulas(kind, tolerance):
    x = features(0).astype(kind)
    mean_weights = features(1)[0, 0]
    covariance_weights = features(2, (4, 4, 1))[..., 0]

    def weighted(mean, covariance):
        return jnp.vdot(mean_weights, mean) + jnp.vdot(covariance_weights, covariance)

    def by_formula(x):
        return weighted(x.mean((0, 1)), covariance(x.reshape(-1, 4)))

    gradient = jax.grad(lambda x: weighted(**moments.moments(x)))(x)
    expected = jax.grad(by_formula)(x.astype(jnp.float32))
    assert gradient.dtype == kind
    largest = float(jnp.abs(expected).max())
    np.testing.assert_allclose(gradient.astype(jnp.float32), expected, atol=tolerance * largest)


@pytest.mark.slow
def test_the_gaussian_difference_is_that_of_gram_where_nothing_cancels():
    # The change is orthogonal to the mean.
    means = jnp.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1e-3]])
    summaries = [{"mean": mean, "covariance": jnp.eye(3)} for mean in means]
    grams = [s["covariance"] + jnp.outer(s["mean"], s["mean"]) for s in summaries]
    expected = statistics.relative(*grams, 3)
    np.testing.assert_allclose(moments.gaussian_difference(*summaries), expected, rtol=1e-3)


@pytest.mark.slow
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


def test_the_pca_gram_keeps_the_strongest_direction():
    strong = jnp.zeros((6, 5, 4)).at[..., 2].set(10.0) + features(0)
    directions = gram_variants.pca_gram(k=1).make_target(moments.gram_matrix(strong))["directions"]
    assert directions.shape == (4, 1) and abs(directions[2, 0]) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(6, 5, 4), (4, 3, 4)])
def test_sorted_is_the_earth_movers_distance_of_scipy_squared(shape):
    """For lists of equal length, sorting is the optimal plan, which SciPy finds among all pairs."""
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


@pytest.mark.slow
def test_sorted_at_unequal_sizes_against_a_loop():
    a, b = (
        np.asarray(features(seed, (size, 5, 4))).reshape(-1, 4) for seed, size in ((0, 9), (2, 6))
    )
    levels = (np.arange(30) + 0.5) / 30
    cost = 0.0
    for x, y in zip(a.T, b.T, strict=True):
        longer = np.interp(levels, (np.arange(45) + 0.5) / 45, np.sort(x))
        cost += ((longer - np.sort(y)) ** 2).sum()
    own = quantiles.sorted_features(norm="plain")
    np.testing.assert_allclose(distance(own, features(0, (9, 5, 4)), features(2)), cost, rtol=1e-4)


def test_bures_against_scipy():
    linalg = pytest.importorskip("scipy.linalg")

    def moments_of(seed):
        values = moments.moments(features(seed))
        return {name: np.asarray(value, np.float64) for name, value in values.items()}

    one, other = moments_of(0), moments_of(2)
    root = linalg.sqrtm(one["covariance"])
    overlap = linalg.sqrtm(root @ other["covariance"] @ root).trace().real
    traces = [summary["covariance"].trace() for summary in (one, other)]
    squared = ((one["mean"] - other["mean"]) ** 2).sum() + sum(traces) - 2 * overlap
    energy = (one["mean"] ** 2).sum() + traces[0]
    np.testing.assert_allclose(
        distance(TABLE["bures"], features(0), features(2)), squared / energy, rtol=1e-3
    )


def test_the_published_gradient_of_the_gram_loss():
    """The gradient of 1 / (4 N^2 M^2) sum (G - G')^2 is F (G - G') / (N^2 M^2), with F [M, N]."""
    f, target = (np.asarray(features(seed), np.float64).reshape(30, 4) for seed in (2, 0))
    expected = f @ (f.T @ f - target.T @ target) / (4**2 * 30**2)
    literal = moments.gram(norm="gatys")
    gradient = jax.grad(lambda x: distance(literal, features(0), x))(features(2))
    np.testing.assert_allclose(gradient.reshape(30, 4), expected, rtol=1e-3, atol=1e-6)


def test_the_norms_differ_in_their_units():
    target, image = moments.gram_matrix(features(0)), moments.gram_matrix(features(2))
    squared = float(jnp.sum((target - image) ** 2))
    values = {name: float(norm(target, image, 4)) for name, norm in statistics.NORMS.items()}
    np.testing.assert_allclose(values["plain"], squared, rtol=1e-5)
    np.testing.assert_allclose(values["gatys"], squared / 64, rtol=1e-5)
    np.testing.assert_allclose(values["relative"], squared / float(jnp.sum(target**2)), rtol=1e-5)
    np.testing.assert_allclose(values["unsquared"], values["relative"] ** 0.5, rtol=1e-3)


@over_the_table
def test_the_statistic_size_is_the_number_of_independent_entries(statistic):
    """Symmetric matrices count once; of samples all positions count that are kept."""
    summarize, _ = compiled(statistic)
    target = statistic.make_target(summarize(features(0)))
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
    elif statistic.concatenated:
        expected = target["rows"].size
    elif isinstance(target, dict) and "mean" in target:
        expected = sizes["moments"]
    elif isinstance(target, dict):
        expected = target["gram"].shape[0] * (target["gram"].shape[0] + 1) // 2
    elif statistic is TABLE["histogram"]:
        expected = sizes["histogram"]
    else:
        expected = {
            (4,): 4,
            (4, 4): 10,
            (5, 4, 4): sizes["shifted"],
            (30, 4): 120,
            (17, 33, 1): 545,
        }[target.shape]
    assert statistic.statistic_size(4, 30) == expected


@pytest.mark.parametrize(
    "name", ["sorted", "sliced_wasserstein", "relaxed_emd", "nearest_neighbors", "discriminator"]
)
def test_the_statistic_size_of_samples_is_that_of_the_kept_positions(name):
    assert statistics.STATISTICS[name]().statistic_size(3, 10_000) == 3 * statistics.POOL_SIZE


def test_an_unknown_norm_is_named_at_the_call():
    with pytest.raises(errors.UserError, match="unknown norm 'gaty'; did you mean 'gatys'"):
        statistics.compare("gaty")
