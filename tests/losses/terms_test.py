"""Tests of the terms that compare neither statistics nor content, against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import losses
from jaxtex.losses import terms

RNG = np.random.default_rng(0)
FEATURES = {"a": RNG.standard_normal((6, 5, 4), np.float32)}
OTHER = {"a": FEATURES["a"] ** 2}
IMAGE = RNG.random((8, 6, 3), np.float32)
LARGE = RNG.random((18, 16, 3), np.float32)


def test_shapes_in_a_hole_are_those_that_filled_it():
    hole = np.zeros((8, 6), np.float32)
    hole[2:5, 1:4] = 1
    filled = RNG.random((8, 6, 3), np.float32)
    term = terms.shapes_in_hole(1.0)
    images = losses.TargetImages([], [], None, 8, 6, None, compared=[hole], filled=filled)
    target = term.make_target(images)
    variance = np.mean([np.var(filled[..., color]) for color in range(3)])
    squares = [np.mean((IMAGE[i, j] - filled[i, j]) ** 2) for i in (2, 3, 4) for j in (1, 2, 3)]
    value = term.evaluate(IMAGE, {}, target)
    np.testing.assert_allclose(value, np.mean(squares) / variance, rtol=1e-3)
    changed = np.where(hole[..., None] > 0, IMAGE, 0)
    np.testing.assert_allclose(term.evaluate(changed, {}, target), value, rtol=1e-5)


def test_total_variation_against_a_loop():
    image = np.asarray(IMAGE)
    rows, columns = [], []
    for i in range(8):
        for j in range(6):
            if i < 7:
                rows.append((image[i + 1, j] - image[i, j]) ** 2)
            if j < 5:
                columns.append((image[i, j + 1] - image[i, j]) ** 2)
    value = terms.total_variation(1.0).evaluate(IMAGE, {}, None)
    np.testing.assert_allclose(value, np.mean(rows) + np.mean(columns), rtol=1e-5)


@pytest.mark.slow
def test_levels_of_detail_against_differences():
    image = RNG.random((12, 9, 3), np.float32)
    levels = terms.detail_levels(jnp.asarray(image))
    assert levels.shape == (terms.DETAIL_SIZES, 5, 3)
    gray = image.sum(-1) / np.sqrt(3)
    half = gray[:, :8].reshape(6, 2, 4, 2).mean((1, 3))
    for level, plane in ((0, gray), (1, half)):
        down, right = np.diff(plane, axis=0), np.diff(plane, axis=1)
        diagonal, other = plane[1:, 1:] - plane[:-1, :-1], plane[1:, :-1] - plane[:-1, 1:]
        expected = [down, right, diagonal, other, np.diff(down, axis=1)]
        energies = [np.mean(each**2) + terms.ROUNDING for each in expected]
        np.testing.assert_allclose(levels[level, :, 0], np.log(energies), rtol=1e-4)


@pytest.mark.slow
def test_detail_counts_ratios_and_excess_more():
    images = losses.TargetImages([LARGE], [1.0], None, 18, 16, None)
    term = terms.detail(1.0)
    target = term.make_target(images)
    assert term.evaluate(jnp.asarray(LARGE), {}, target) < 1e-9
    contrast = jnp.asarray(0.5 + 2 * (LARGE - 0.5))
    square = np.log(4) ** 2
    assert term.evaluate(contrast, {}, target) == pytest.approx(square, rel=1e-2)
    target = term.make_target(images._replace(styles=[contrast]))
    little = term.evaluate(jnp.asarray(LARGE), {}, target)
    assert little == pytest.approx(terms.DEFICIT * square, rel=1e-2)
    gradient = jax.grad(lambda x: term.evaluate(x, {}, target))(jnp.full((18, 16, 3), 0.5))
    assert jnp.isfinite(gradient).all()


@pytest.mark.slow
def test_the_detail_of_several_styles_is_averaged():
    images = losses.TargetImages([LARGE, 0.5 * LARGE], [1.0, 3.0], None, 18, 16, None)
    levels = [terms.detail_levels(jnp.asarray(each)) for each in images.styles]
    target = terms.detail(1.0).make_target(images)
    np.testing.assert_allclose(target, 0.25 * levels[0] + 0.75 * levels[1], rtol=1e-5)


@pytest.mark.slow
def test_the_spectrum_ignores_shifts_only():
    term, moduli = terms.spectrum(1.0), terms.moduli(IMAGE)
    assert term.evaluate(jnp.roll(IMAGE, (3, 2), (0, 1)), {}, moduli) < 1e-9
    assert term.evaluate(IMAGE**2, {}, moduli) > 1e-2

    flat = jnp.full((8, 6, 3), 0.5)
    gradient = jax.grad(lambda x: term.evaluate(x, {}, moduli))(flat)
    assert jnp.isfinite(gradient).all()


def test_moduli_at_their_own_size_are_unchanged():
    same = terms.moduli_at(IMAGE, 8, 6)
    np.testing.assert_allclose(same, terms.moduli(IMAGE), rtol=1e-4, atol=1e-5)


def test_moduli_at_another_size_keep_their_power():
    large = terms.moduli_at(IMAGE, 16, 12)
    assert 0.5 < float(jnp.mean(large**2) / jnp.mean(terms.moduli(IMAGE) ** 2)) < 1.5


def test_the_spectra_of_several_styles_are_averaged():
    images = losses.TargetImages([IMAGE, 0.5 * IMAGE], [1.0, 3.0], None, 8, 6, None)
    expected = (0.25 + 0.75 * 0.5) * terms.moduli(IMAGE)
    target = terms.spectrum(1.0).make_target(images)
    np.testing.assert_allclose(target, expected, rtol=1e-3, atol=1e-5)


def target_images(features):
    """Returns the images of a target of one style with these features."""
    return losses.TargetImages([None], [1.0], None, 8, 6, lambda image: features)


def test_an_activation_is_in_units_of_the_largest_value_in_the_style():
    maps = {"a": jnp.arange(24.0).reshape(2, 3, 4)}
    term = terms.activation("a", 1, 1.0)
    target = term.make_target(target_images(maps))
    np.testing.assert_allclose(target, 21.0)
    np.testing.assert_allclose(term.evaluate(None, maps, target), -11.0 / 21.0)


def test_a_map_of_zeros_has_the_unit_1():
    term = terms.activation("a", 0, 1.0)
    assert term.make_target(target_images({"a": jnp.zeros((2, 2, 1))})) == 1.0
