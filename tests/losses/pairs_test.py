"""Tests of pairs of positions: the shifts of `sliced_wasserstein`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import errors, losses
from jaxtex.losses import rows, sampling, summaries
from jaxtex.statistics import parser, quantiles

SHAPE = (24, 20, 3)
STATISTIC = quantiles.sliced_wasserstein(directions=60, samples=0, shifts="4/8")


def draw(statistic=STATISTIC, shape=SHAPE, reach=10):
    return losses.draw_sample(statistic, shape, None, np.random.default_rng(0), reach)


def checkers(shape=SHAPE, period=8, offset=(0, 0)):
    y, x = (np.arange(side) + shift for side, shift in zip(shape[:2], offset, strict=True))
    field = np.sin(2 * np.pi * y / period)[:, None] + np.cos(2 * np.pi * x / period)
    return np.float32(field[..., None] + np.arange(shape[2]))


@functools.cache
def compiled(statistic):
    def distance(target, image, sample):
        summary = [statistic.summarize(sampling.sample(each, sample)) for each in (target, image)]
        return statistic.distance(*summary)

    return jax.jit(distance)


def distance(target, image, statistic=STATISTIC):
    return float(compiled(statistic)(target, image, draw(statistic)))


def test_pairs_lie_in_the_layer_and_so_far_apart():
    positions = draw()["positions"]
    assert positions.shape == (24 * 20, 9)
    assert positions.min() >= 0 and positions.max() < 24 * 20
    y, x = np.divmod(positions, 20)
    apart = [(y[:, part + 1] - y[:, part], x[:, part + 1] - x[:, part]) for part in (1, 3, 5, 7)]
    for (down, right), expected in zip(apart, [(4, 0), (0, 4), (8, 0), (0, 8)], strict=True):
        assert (down == expected[0]).all() and (right == expected[1]).all()
    for part in range(0, 9, 2):  # both borders are reached
        assert y[:, part].max() == 23 or x[:, part].max() == 19


def test_each_direction_sees_a_position_or_a_pair():
    directions = draw()["directions"].reshape(9, 3, 60)
    np.testing.assert_allclose((directions**2).sum((0, 1)), 1, rtol=1e-5)
    seen = [tuple(np.flatnonzero(np.abs(each).sum(1))) for each in directions.transpose(2, 0, 1)]
    assert {group: seen.count(group) for group in seen} == {
        (0,): 12, (1, 2): 12, (3, 4): 12, (5, 6): 12, (7, 8): 12
    }  # fmt: skip


def test_long_shifts_are_cut_alike_in_all_pictures():
    assert sampling.reaches([{"a": (9, 20, 3)}, {"a": (30, 14, 3)}]) == {"a": 4}
    positions = draw(reach=5)["positions"]
    assert ((positions[:, 6] - positions[:, 5]) == 5 * 20).all()


def test_without_shifts_nothing_is_drawn_differently():
    plain = quantiles.sliced_wasserstein()
    drawn = losses.draw_sample(plain, SHAPE, None, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    positions = np.sort(rng.choice(np.arange(480), 256, replace=False))
    np.testing.assert_array_equal(drawn["positions"], positions)
    directions = rng.standard_normal((3, 32))
    np.testing.assert_array_equal(
        drawn["directions"], np.float32(directions / np.linalg.norm(directions, axis=0))
    )


def test_arrangement_counts_and_the_place_does_not():
    plain = quantiles.sliced_wasserstein(directions=60, samples=0)
    target = checkers()
    rng = np.random.default_rng(1)
    shuffled = rng.permutation(target.reshape(-1, 3)).reshape(SHAPE)
    # Half of the picture lies half a period lower: rows are broken at a long range.
    broken = np.concatenate([target[:, :10], checkers(offset=(4, 0))[:, 10:]], 1)
    for changed in (shuffled, broken):
        assert distance(target, changed) > 10 * max(1e-5, distance(target, changed, plain))
    assert distance(target, target) == 0
    moved = checkers(offset=(8, 8))
    assert distance(target, moved) < 1e-5
    elsewhere = checkers(offset=(3, 5))
    assert distance(target, elsewhere) < 0.5 * distance(target, broken)


def test_the_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(2)
    image, step = (np.float32(rng.standard_normal(SHAPE)) for _ in range(2))

    def value(t):
        return compiled(STATISTIC)(checkers(), image + t * step, draw())

    finite = (value(2e-3) - value(-2e-3)) / 4e-3
    np.testing.assert_allclose(jax.grad(value)(0.0), finite, rtol=0.02)
    flat = jnp.full(SHAPE, 0.5)
    gradient = jax.grad(lambda image: compiled(STATISTIC)(flat, image, draw()))(flat)
    assert jnp.isfinite(gradient).all()


@pytest.mark.slow
def test_sums_over_rows_are_the_sample():
    statistic = STATISTIC._replace(samples=100)
    sample, features = draw(statistic), checkers()
    assert summaries.has_sums(statistic)
    parts = [
        summaries.sum_rows(
            statistic,
            jnp.asarray(features[first : first + 8]),
            sample,
            rows.Rows(jnp.arange(first, first + 8), jnp.ones(8, bool), 24),
        )
        for first in (0, 8, 16)
    ]
    found = summaries.summarize_sums(statistic, {"a": sum(parts)}, {"a": sample})["a"]
    expected = statistic.summarize(sampling.sample(jnp.asarray(features), sample))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_shifts_are_an_option_and_masks_are_refused():
    (term,) = parser.parse("sliced_wasserstein:shifts=4/16")
    assert term.statistic.shifts == (4, 16) and term.statistic.spatial
    (term,) = parser.parse("sliced_wasserstein:shifts=0")
    assert term.statistic.shifts == () and not term.statistic.spatial
    with pytest.raises(errors.UserError, match="'shifts=4-8' of sliced_wasserstein"):
        parser.parse("sliced_wasserstein:shifts=4-8")


@pytest.mark.slow
def test_a_run_in_strips_equals_a_run_on_the_whole_image():
    exemplar = np.random.default_rng(3).random((48, 56, 3), np.float32)
    choices = {
        "statistic": "sliced_wasserstein:shifts=4/32", "layers": "relu1_1,relu2_1", "octaves": 2,
        "size": 48, "height": 64, "width": 40, "scales": 1, "num_steps": 3, "balance": "equal",
    }  # fmt: skip
    whole, parts = (jaxtex.synthesize(exemplar, **choices, strips=rows) for rows in ("none", "16"))
    assert whole.shape == (64, 40, 3)
    np.testing.assert_allclose(whole, parts, atol=1e-3)
