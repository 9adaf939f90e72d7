"""Tests of the statistics of nearest neighbors, against loops and known values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import statistics
from jaxtex.statistics import neighbors
from support.samples import distance, features

WITHOUT = {
    "cosine": neighbors.relaxed_emd(moments="none"),
    "euclidean": neighbors.relaxed_emd(metric="euclidean", moments="none"),
    "neighbors": neighbors.nearest_neighbors(moments="none"),
}
over_the_forms = pytest.mark.parametrize("name", WITHOUT)


def looped_costs(name, rows, others):
    """Returns the distance of each row to each of the exemplar's, `[N, M]`."""
    energy = np.mean(np.sum(others**2, 1))
    if name == "neighbors":
        rows, others = rows - rows.mean(0), others - others.mean(0)
    costs = np.zeros((len(rows), len(others)))
    for i, row in enumerate(rows):
        for j, other in enumerate(others):
            if name == "euclidean":
                costs[i, j] = np.sum((row - other) ** 2) / energy
            else:
                costs[i, j] = 1 - row @ other / np.linalg.norm(row) / np.linalg.norm(other)
    return costs


@over_the_forms
def test_distances_are_those_of_a_loop(name):
    target, image = features(0) + 0.01, features(2, (3, 7, 4)) + 0.01
    both = (np.asarray(x, np.float64).reshape(-1, 4) for x in (image, target))
    costs = looped_costs(name, *both)
    expected = costs.min(1).mean()
    if name != "neighbors":
        expected = max(expected, costs.min(0).mean())
    np.testing.assert_allclose(distance(WITHOUT[name], target, image), expected, rtol=1e-4)


def test_the_moments_are_those_of_numpy():
    target, image = (np.asarray(features(seed), np.float64).reshape(-1, 4) for seed in (0, 2))
    means = np.abs(target.mean(0) - image.mean(0)).sum() / (4 * np.sqrt(np.mean(target**2)))
    covariances = [np.cov(rows.T, bias=True) for rows in (target, image)]
    changes = np.abs(covariances[0] - covariances[1]).sum() / np.abs(covariances[0]).sum()
    nearest = distance(WITHOUT["cosine"], features(0), features(2))
    expected = (nearest + means + changes) / 2
    value = distance(neighbors.relaxed_emd(), features(0), features(2))
    np.testing.assert_allclose(value, expected, rtol=1e-2)


@pytest.mark.slow
def test_the_relaxed_distance_is_below_the_earth_movers_distance():
    optimize = pytest.importorskip("scipy.optimize")
    target, image = features(0), features(2)
    rows = (np.asarray(x, np.float64).reshape(-1, 4) for x in (image, target))
    costs = looped_costs("euclidean", *rows)
    whole = costs[optimize.linear_sum_assignment(costs)].mean()
    assert 0 < distance(WITHOUT["euclidean"], target, image) < whole


def test_only_the_relaxed_distance_asks_for_all_of_the_exemplar():
    exemplar = jnp.eye(4)[None]
    part = exemplar[:, :3] - exemplar[:, :3].mean(1, keepdims=True)
    whole = jnp.concatenate([part, -part, 3 * part], 1)
    assert distance(WITHOUT["neighbors"], whole, part) < 1e-5
    assert distance(WITHOUT["cosine"], whole, part) > 0.1


def test_the_cosine_does_not_depend_on_lengths_but_moments_do():
    image = 3 * features(0)
    assert distance(WITHOUT["cosine"], features(0), image) < 1e-6
    assert distance(neighbors.relaxed_emd(), features(0), image) > 0.5


@over_the_forms
def test_zeros_are_equal_to_each_other_and_far_from_all_else(name):
    zeros = jnp.zeros((3, 2, 4))
    assert distance(WITHOUT[name], zeros, zeros) == 0
    far = distance(WITHOUT[name], features(0) + 0.1, zeros)
    np.testing.assert_allclose(far, 1, atol=0.1)


@over_the_forms
def test_the_gradient_moves_towards_the_neighbor(name):
    image = features(2)
    gradient = jax.grad(lambda x: distance(WITHOUT[name], features(0), x))(image)
    before = distance(WITHOUT[name], features(0), image)
    assert distance(WITHOUT[name], features(0), image - 0.01 * gradient) < before


@over_the_forms
def test_a_large_exemplar_is_represented_by_a_pool(name):
    statistic = WITHOUT[name]
    exemplar = features(0, (64, 48, 4))
    target = jax.eval_shape(statistic.make_target, exemplar.reshape(-1, 4))
    assert target["rows"].shape == (statistics.POOL_SIZE, 4)
    assert distance(statistic, exemplar, features(1, (20, 20, 4))) < 0.1
