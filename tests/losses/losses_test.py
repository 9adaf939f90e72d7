"""Tests of terms, their targets and their sum, and of samples."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import losses
from jaxtex.statistics import moments, neighbors, quantiles

RNG = np.random.default_rng(0)
FEATURES = {
    layer: RNG.standard_normal(shape, np.float32)
    for layer, shape in {"a": (6, 5, 4), "b": (6, 5, 4), "c": (3, 3, 2)}.items()
}
OTHER = jax.tree.map(lambda leaf: leaf**2, FEATURES)
IMAGE = RNG.random((8, 6, 3), np.float32)
GRAM = moments.gram()


def summarize(statistic, exemplars, weights):
    return jax.jit(lambda features: losses.summarize(statistic, features, weights, {}))(exemplars)


def make_targets(statistic, exemplars, weights):
    return losses.make_targets(statistic, summarize(statistic, exemplars, weights))


def target(features, statistic=GRAM):
    targets = make_targets(statistic, [features], [1.0])
    return {layer: {"target": value, "sample": {}} for layer, value in targets.items()}


def evaluate(term, features, target):
    total = functools.partial(losses.total, {"texture": term}, IMAGE)
    return jax.jit(total)(features, {"texture": target})[1]["texture"]


@pytest.mark.slow
def test_texture_is_zero_at_the_exemplar():
    term = losses.texture(GRAM, dict.fromkeys(FEATURES, 1.0))
    assert 0 <= evaluate(term, FEATURES, target(FEATURES)) < 1e-12  # rounding of two programs


def test_texture_is_the_weighted_mean_over_layers():
    weights = {"a": 2.0, "b": 1.0, "c": 0.5}
    expected = 0.0
    for layer, weight in weights.items():
        exemplar, own = (
            np.einsum("hwc,hwd->cd", f[layer], f[layer]) / f[layer][..., 0].size
            for f in (FEATURES, OTHER)
        )
        expected += weight / 3.5 * ((exemplar - own) ** 2).sum() / (exemplar**2).sum()
    value = evaluate(losses.texture(GRAM, weights), OTHER, target(FEATURES))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_only_ratios_of_layer_weights_matter():
    terms = [losses.texture(GRAM, {"a": w, "b": 2 * w, "c": w}) for w in (1.0, 3.0)]
    np.testing.assert_allclose(
        *(evaluate(term, OTHER, target(FEATURES)) for term in terms), rtol=1e-6
    )


def test_the_total_is_the_weighted_sum_and_names_its_terms():
    def constant(value, weight):
        return losses.Term(lambda *_: jnp.array(value), weight)

    terms = {"one": constant(2.0, 3.0), "two": constant(0.5, 1.0)}
    value, values = losses.total(terms, IMAGE, FEATURES, {"one": None, "two": None})
    assert (value, values) == (6.5, {"one": 2.0, "two": 0.5})


@pytest.mark.slow
@pytest.mark.parametrize("statistic", [GRAM, quantiles.sorted_features(samples=0)])
def test_a_blend_lies_between_its_styles(statistic):
    one, other = (make_targets(statistic, [f], [1.0])["a"] for f in (FEATURES, OTHER))
    blend = make_targets(statistic, [FEATURES, OTHER], [1.0, 3.0])["a"]
    np.testing.assert_allclose(blend, 0.25 * one + 0.75 * other, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_statistic_blends_styles_in_its_own_way():
    statistic = moments.mean()._replace(blend=lambda means, shares: means[0] * shares[1])
    found = losses.summarize(statistic, [FEATURES, OTHER], [1.0, 3.0], {})["c"]
    np.testing.assert_allclose(found, 0.75 * FEATURES["c"].mean((0, 1)), rtol=1e-5)


def test_sorted_values_of_different_lengths_blend_at_the_shorter():
    short, long = {"a": FEATURES["a"]}, {"a": jnp.repeat(FEATURES["a"], 3, 0)}
    statistic = quantiles.sorted_features(samples=0)
    blend = make_targets(statistic, [short, long], [1.0, 1.0])["a"]
    assert blend.shape == (30, 4)
    np.testing.assert_allclose(blend, jnp.sort(FEATURES["a"].reshape(30, 4), 0), atol=0.3)


@pytest.mark.parametrize(
    "lengths, weights, counts",
    [
        ((12, 12), (1.0, 1.0), (12, 12)),
        ((12, 12), (1.0, 3.0), (4, 12)),
        ((12, 30), (1.0, 1.0), (12, 12)),
        ((12, 30), (1.0, 1e-9), (12, 1)),
        ((2000, 3000), (1.0, 1.0), (1500, 1500)),
        ((2048, 2048, 2048), (2.0, 1.0, 1.0), (1024, 512, 512)),
    ],
)
def test_samples_of_several_styles_are_concatenated_in_proportion(lengths, weights, counts):
    styles = [{"a": np.full((length, 1, 2), i)} for i, length in enumerate(lengths)]
    summary = summarize(neighbors.relaxed_emd(), styles, weights)["a"]
    assert tuple(np.bincount(np.asarray(summary[:, 0], int))) == counts


def test_concatenated_samples_are_spread_over_the_picture():
    rows = jnp.arange(40.0).reshape(20, 2)
    blend = losses.concatenate_summaries([rows, rows[:5]], [0.5, 0.5])
    np.testing.assert_array_equal(blend[:5, 0], [0, 8, 16, 24, 32])
    np.testing.assert_array_equal(blend[5:], rows[:5])


def test_a_sample_takes_positions_and_projects():
    drawn = {"positions": jnp.array([7, 3]), "directions": jnp.eye(4)[:, 1:2]}
    expected = FEATURES["a"].reshape(30, 4)[jnp.array([7, 3]), 1]
    np.testing.assert_allclose(losses.sample(FEATURES["a"], drawn)[:, 0, 0], expected)
    assert losses.sample(FEATURES["a"], {}) is FEATURES["a"]


def draw(statistic, inside=None):
    return losses.draw_sample(statistic, (6, 5, 4), inside, np.random.default_rng(0))


def test_positions_are_drawn_inside_the_mask():
    inside = np.zeros((6, 5), bool)
    inside[2:4, 1:] = True
    some = draw(quantiles.sorted_features(samples=3), inside)["positions"]
    assert len(set(some)) == 3 and inside.ravel()[some].all()
    np.testing.assert_array_equal(draw(GRAM, inside)["positions"], np.flatnonzero(inside))


def test_a_statistic_of_all_positions_draws_nothing():
    assert draw(GRAM) == {}


PATCHES = GRAM._replace(patch=3, spacing=2)


def test_patches_are_whole_and_inside_the_mask():
    inside = np.ones((8, 9), bool)
    inside[:, 6:] = False
    drawn = losses.draw_sample(PATCHES, (8, 9, 4), inside, np.random.default_rng(0))
    patches = drawn["positions"]
    assert patches.shape == (4 * 2, 9) and inside.ravel()[patches].all()
    rows, columns = np.divmod(patches[0].reshape(3, 3), 9)
    np.testing.assert_array_equal(rows, [[0] * 3, [2] * 3, [4] * 3])
    np.testing.assert_array_equal(columns, [[0, 2, 4]] * 3)


def test_patches_of_small_layers_and_regions_repeat_their_border():
    small = losses.draw_sample(PATCHES, (2, 7, 4), None, np.random.default_rng(0))["positions"]
    assert small.shape == (2 * 3, 9)
    np.testing.assert_array_equal(small[0], [0, 2, 4, 0, 2, 4, 7, 9, 11])
    narrow = np.zeros((6, 6), bool)
    narrow[:, 2] = True
    drawn = losses.draw_sample(PATCHES, (6, 6, 4), narrow, np.random.default_rng(0))["positions"]
    np.testing.assert_array_equal(drawn[:, 4], [14, 20])


def test_a_sample_joins_the_positions_of_a_patch():
    statistic = PATCHES._replace(samples=2, directions=5)
    drawn = losses.draw_sample(statistic, (6, 7, 4), None, np.random.default_rng(0))
    assert drawn["positions"].shape == (2, 9) and drawn["directions"].shape == (36, 5)
    image = RNG.standard_normal((6, 7, 4), np.float32)
    joined = losses.sample(image, {"positions": drawn["positions"]})
    expected = image.reshape(42, 4)[drawn["positions"]].reshape(2, 1, 36)
    np.testing.assert_array_equal(joined, expected)
    assert losses.sample(image, drawn).shape == (2, 1, 5)


def test_directions_are_unit_vectors():
    directions = draw(quantiles.sliced_wasserstein(directions=7))["directions"]
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), np.ones(7), rtol=1e-5)
