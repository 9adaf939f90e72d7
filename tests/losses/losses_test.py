"""Terms, what they aim at, and their sum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import losses
from jaxtex.statistics import moments, quantiles

FEATURES = {
    "a": jax.random.normal(jax.random.key(0), (6, 5, 4)),
    "b": jax.random.normal(jax.random.key(1), (6, 5, 4)),
    "c": jax.random.normal(jax.random.key(2), (3, 3, 2)),
}
OTHER = jax.tree.map(lambda leaf: leaf**2, FEATURES)
IMAGE = jax.random.uniform(jax.random.key(3), (8, 6, 3))
GRAM = moments.gram()


def aims(statistic, exemplars, weights):
    return losses.make_targets(statistic, losses.summarize(statistic, exemplars, weights, {}))


def target(features, statistic=GRAM):
    return {
        layer: {"target": aim, "sample": {}}
        for layer, aim in aims(statistic, [features], [1.0]).items()
    }


def evaluate(term, features, aim):
    return losses.total({"texture": term}, IMAGE, features, {"texture": aim})[1]["texture"]


def test_texture_is_zero_at_the_exemplar():
    term = losses.texture(GRAM, dict.fromkeys(FEATURES, 1.0))
    assert evaluate(term, FEATURES, target(FEATURES)) == 0


def test_texture_is_the_weighted_mean_over_layers():
    weights = {"a": 2.0, "b": 1.0, "c": 0.5}
    expected = 0.0
    for layer, weight in weights.items():
        aim, own = (
            np.einsum("hwc,hwd->cd", f[layer], f[layer]) / f[layer][..., 0].size
            for f in (FEATURES, OTHER)
        )
        expected += weight / 3.5 * ((aim - own) ** 2).sum() / (aim**2).sum()
    found = evaluate(losses.texture(GRAM, weights), OTHER, target(FEATURES))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_only_ratios_of_layer_weights_matter():
    terms = [losses.texture(GRAM, {"a": w, "b": 2 * w, "c": w}) for w in (1.0, 3.0)]
    np.testing.assert_allclose(
        *(evaluate(term, OTHER, target(FEATURES)) for term in terms), rtol=1e-6
    )


def test_the_total_is_the_weighted_sum_and_names_its_terms():
    constant = lambda value, weight: losses.Term(lambda *_: jnp.array(value), weight)
    terms = {"one": constant(2.0, 3.0), "two": constant(0.5, 1.0)}
    value, values = losses.total(terms, IMAGE, FEATURES, {"one": None, "two": None})
    assert (value, values) == (6.5, {"one": 2.0, "two": 0.5})


@pytest.mark.parametrize("statistic", [GRAM, quantiles.sorted_features(samples=0)])
def test_a_blend_lies_between_its_styles(statistic):
    one, other = (aims(statistic, [f], [1.0])["a"] for f in (FEATURES, OTHER))
    blend = aims(statistic, [FEATURES, OTHER], [1.0, 3.0])["a"]
    np.testing.assert_allclose(blend, 0.25 * one + 0.75 * other, rtol=1e-4, atol=1e-5)


def test_lists_of_different_lengths_blend_at_the_shorter():
    long = {"a": jnp.repeat(FEATURES["a"], 3, 0)}
    blend = aims(quantiles.sorted_features(samples=0), [{"a": FEATURES["a"]}, long], [1.0, 1.0])[
        "a"
    ]
    assert blend.shape == (30, 4)
    np.testing.assert_allclose(blend, jnp.sort(FEATURES["a"].reshape(30, 4), 0), atol=0.3)


def test_a_view_takes_positions_and_projects():
    drawn = {"positions": jnp.array([7, 3]), "directions": jnp.eye(4)[:, 1:2]}
    expected = FEATURES["a"].reshape(30, 4)[jnp.array([7, 3]), 1]
    np.testing.assert_allclose(losses.sample(FEATURES["a"], drawn)[:, 0, 0], expected)
    assert losses.sample(FEATURES["a"], {}) is FEATURES["a"]


def test_what_is_drawn_lies_inside_the_mask():
    inside = np.zeros((6, 5), bool)
    inside[2:4, 1:] = True
    rng = np.random.default_rng(0)
    some = losses.draw_sample(quantiles.sorted_features(samples=3), (6, 5, 4), inside, rng)[
        "positions"
    ]
    assert len(set(some)) == 3 and inside.ravel()[some].all()
    np.testing.assert_array_equal(
        losses.draw_sample(GRAM, (6, 5, 4), inside, rng)["positions"], np.flatnonzero(inside)
    )
    assert losses.draw_sample(GRAM, (6, 5, 4), None, rng) == {}
    directions = losses.draw_sample(
        quantiles.sliced_wasserstein(directions=7), (6, 5, 4), None, rng
    )["directions"]
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), np.ones(7), rtol=1e-5)
