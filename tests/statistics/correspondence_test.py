"""Tests of guided correspondence, against loops and known values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import losses, statistics
from jaxtex.statistics import correspondence
from support.samples import distance, features

FORMS = {
    metric: correspondence.guided_correspondence(metric=metric)
    for metric in ("cosine", "euclidean")
}
over_the_forms = pytest.mark.parametrize("name", FORMS)


def looped_loss(name, rows, others, occurrence):
    """Follows the published code, with the departures of the docstring."""
    energy = np.mean(np.sum(others**2, 1))
    if name == "cosine":
        rows, others = rows - others.mean(0), others - others.mean(0)
    costs = np.zeros((len(rows), len(others)))
    for i, row in enumerate(rows):
        for j, other in enumerate(others):
            if name == "euclidean":
                costs[i, j] = np.sum((row - other) ** 2) / energy
            else:
                costs[i, j] = 1 - row @ other / np.linalg.norm(row) / np.linalg.norm(other)

    counts = np.bincount(costs.argmin(1), minlength=len(others))
    fair = max(len(rows) / len(others), 1)
    costs += occurrence * np.maximum(counts / fair - 1, 0)
    loss = 0.0
    for row in costs:
        weights = np.exp((1 - row / (row.min() + 1e-5)) / 0.5)
        loss -= np.log(weights.max() / weights.sum()) / len(costs)
    return loss / np.log(len(others))


@over_the_forms
@pytest.mark.parametrize("shape", [(3, 7, 4), (12, 7, 4)])
def test_the_loss_is_that_of_a_loop(name, shape):
    target, image = features(0) + 0.01, features(2, shape) + 0.01
    rows, others = (np.asarray(x, np.float64).reshape(-1, 4) for x in (image, target))
    statistic = correspondence.guided_correspondence(metric=name, occurrence=0.3)
    expected = looped_loss(name, rows, others, 0.3)
    np.testing.assert_allclose(distance(statistic, target, image), expected, rtol=1e-3)


def test_choices_beyond_the_fair_share_are_penalized():
    costs = jnp.array([[0, 1, 2, 3], [0, 1, 1, 1], [0, 2, 2, 2], [1, 1, 0, 1]], jnp.float32)
    np.testing.assert_allclose(correspondence.occurrence_penalty(costs), [2, 0, 0, 0])
    more = jnp.concatenate([costs, costs, 1 - jnp.eye(4)])  # the fair share is 3 of 12
    penalty = correspondence.occurrence_penalty(more)
    np.testing.assert_allclose(penalty, [7 / 3 - 1, 0, 0, 0], rtol=1e-6)


@pytest.mark.slow
def test_the_loss_tells_how_much_the_nearest_stands_out():
    assert correspondence.contextual_loss(jnp.array([[0.0, 1.0, 1.0]])) == 0
    assert correspondence.contextual_loss(jnp.array([[0.0, 1.0, 0.0]])) == 0  # a repeated patch
    np.testing.assert_allclose(correspondence.contextual_loss(jnp.ones((2, 5))), 1, rtol=1e-6)
    near, far = ([[1.0, other, other]] for other in (1.5, 4.0))
    assert correspondence.contextual_loss(jnp.array(far)) < correspondence.contextual_loss(
        jnp.array(near)
    )


def test_an_image_of_one_patch_costs_more_with_the_penalty():
    exemplar, part = features(0) + 0.1, jnp.broadcast_to(features(0)[2, 3] + 0.1, (6, 5, 4))
    plain, strict = (
        correspondence.guided_correspondence(occurrence=weight) for weight in (1e-9, 0.5)
    )
    assert distance(plain, exemplar, part) < 1e-3
    assert distance(strict, exemplar, part) > 0.1
    assert distance(strict, exemplar, exemplar) < 1e-3


@over_the_forms
def test_the_gradient_moves_towards_the_neighbor(name):
    image = features(2)
    gradient = jax.grad(lambda x: distance(FORMS[name], features(0), x))(image)
    before = distance(FORMS[name], features(0), image)
    assert distance(FORMS[name], features(0), image - 0.01 * gradient) < before


def test_a_large_exemplar_is_represented_by_a_pool():
    statistic = FORMS["cosine"]
    target = jax.eval_shape(statistic.make_target, features(0, (64, 48, 4)).reshape(-1, 4))
    assert target["rows"].shape == (statistics.POOL_SIZE, 4)
    assert statistic.statistic_size(3, 10**6) == 3 * 9 * statistics.POOL_SIZE


@pytest.mark.slow
def test_patches_distinguish_shuffled_positions():
    exemplar = features(0, (12, 10, 4)) + 0.1
    rows = np.random.default_rng(1).permutation(np.asarray(exemplar).reshape(-1, 4))
    shuffled = rows.reshape(exemplar.shape)

    def sampled(statistic, image):
        drawn = losses.draw_sample(statistic, image.shape, None, np.random.default_rng(0))
        return losses.sample(image, drawn)

    for patch, least, most in ((1, 0, 1e-3), (3, 0.1, 2)):
        statistic = correspondence.guided_correspondence(patch=patch, spacing=2)
        given = (sampled(statistic, image) for image in (exemplar, shuffled))
        assert least <= distance(statistic, *given) < most
