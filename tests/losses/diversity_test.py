"""Tests of the diversity term: how alike images of a batch are, position by position."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex.losses import diversity

RNG = np.random.default_rng(0)
IMAGE = jnp.zeros((8, 10, 3))
TERM = diversity.diversity("relu1_1", 1.0)


def own_features(features):
    """The centered features of norm 1 that the term compares."""
    return TERM.extract({"relu1_1": jnp.asarray(features, jnp.float32)}, {})


def random_features():
    return RNG.normal([1, -2, 0, 5], size=(8, 10, 4))


def compare(features, others):
    """The term, of an image's features and of those of the others."""
    state = {"others": jnp.mean(jnp.stack([own_features(each) for each in others]), 0)}
    return float(TERM.evaluate(IMAGE, own_features(features), state))


def test_equal_opposite_and_independent_images():
    features = random_features()
    np.testing.assert_allclose(compare(features, [features, features]), 2, rtol=1e-6)
    np.testing.assert_allclose(compare(features, [-features]), 0, atol=1e-6)
    assert abs(compare(features, [random_features()]) - 1) < 0.2


def test_contrast_and_brightness_of_the_features_do_not_count():
    features, other = random_features(), random_features()
    changed = compare(3 * features + [1, 2, 3, 4], [other])
    np.testing.assert_allclose(changed, compare(features, [other]), rtol=1e-5)


def test_the_mean_correlation_against_numpy():
    features, others = random_features(), [random_features() for _ in range(3)]
    flat = [(each - each.mean((0, 1))).ravel() for each in (features, *others)]
    expected = 1 + np.mean([flat[0] @ o / np.sqrt((flat[0] @ flat[0]) * (o @ o)) for o in flat[1:]])
    np.testing.assert_allclose(compare(features, others), expected, rtol=1e-5)


def test_nothing_is_compared_before_the_images_meet():
    assert TERM.evaluate(IMAGE, own_features(random_features()), diversity.init((8, 10, 4))) == 1


def test_each_image_meets_the_mean_of_the_others():
    own = RNG.normal(size=(4, 2, 3, 5)).astype(np.float32)
    met = diversity.meet({"own": jnp.asarray(own), "others": jnp.zeros_like(own)})
    for index in range(4):
        expected = np.delete(own, index, 0).mean(0)
        np.testing.assert_allclose(met["others"][index], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(met["own"], own)


def test_the_gradient_is_finite_where_features_are_constant():
    state = {"others": own_features(random_features())}

    def evaluate(features):
        return TERM.evaluate(IMAGE, own_features(features), state)

    assert np.isfinite(jax.grad(evaluate)(jnp.ones((8, 10, 4)))).all()
