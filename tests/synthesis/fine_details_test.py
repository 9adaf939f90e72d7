"""Tests of the details that an enlarged image takes from exemplars."""

import itertools

import jax
import numpy as np
import pytest

import jaxtex
from jaxtex import images
from jaxtex.synthesis.starts import fine_details


def lacking(image: np.ndarray, tile: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Returns an image at half its size, and what the enlarged one then lacks."""
    height, width = image.shape[:2]
    reduced = images.resize(image, -(-height // 2), -(-width // 2), tile)
    return reduced, image - images.resize(reduced, height, width, tile)


def error(image, exemplars, used=None, tile=""):
    """Returns the error that is left of what an image at half its size lacks, as a share of it."""
    reduced, missing = lacking(image, tile)
    examples = fine_details.examples_of(exemplars, used or [None] * len(exemplars))
    found = fine_details.missing_from(reduced, image.shape[:2], examples, tile)
    return np.std(found - missing) / np.std(missing)


@pytest.fixture(scope="module")
def bricks():
    return images.resize(jaxtex.load_image("bricks"), 96, 128)


@pytest.fixture(scope="module")
def weave():
    return images.resize(jaxtex.load_image("weave"), 96, 96)


def test_an_exemplar_finds_its_own_details(bricks):
    assert error(bricks, [bricks]) < 0.1


def test_a_part_that_the_exemplar_has_elsewhere_finds_its_details(bricks):
    assert error(bricks[10:74, 20:84], [bricks]) < 0.5


@pytest.mark.parametrize("shape", [(96, 128), (95, 127), (97, 64), (64, 33)])
def test_any_size_fits(bricks, shape):
    examples = fine_details.examples_of([images.resize(bricks, *shape)], [None])
    for size in itertools.product((60, 61, 59), (80, 81, 79)):
        found = fine_details.missing_from(images.resize(bricks, 30, 40), size, examples)
        assert found.shape == (*size, 3)


def test_of_several_exemplars_the_similar_one_is_taken(bricks, weave):
    assert error(weave, [bricks, weave]) < 0.4
    assert error(weave, [bricks]) > 1


def test_unused_pixels_give_no_details(weave):
    exemplar = np.concatenate([weave, np.full_like(weave, 0.5)], 1)
    right = np.zeros(exemplar.shape[:2], bool)
    right[:, 100:] = True
    reduced, _ = lacking(weave)
    examples = fine_details.examples_of([exemplar], [right])
    found = fine_details.missing_from(reduced, weave.shape[:2], examples)
    assert np.abs(found).max() < 0.01
    everywhere = fine_details.examples_of([exemplar], [~right])
    assert np.abs(fine_details.missing_from(reduced, weave.shape[:2], everywhere)).max() > 0.1


def test_a_mask_of_one_odd_pixel_leaves_some_examples(weave):
    used = np.zeros(weave.shape[:2], bool)
    used[1, 1] = True
    assert len(fine_details.examples_of([weave], [used]).details)


@pytest.mark.parametrize("side", [2, 3, 5, 16])
def test_small_exemplars_are_enough(weave, side):
    small = images.resize(weave, side, side)
    examples = fine_details.examples_of([small], [None])
    assert np.isfinite(fine_details.missing_from(weave, (192, 192), examples)).all()


def test_what_is_gray_stays_gray(bricks):
    gray = np.repeat(bricks.mean(-1, keepdims=True), 3, 2)
    examples = fine_details.examples_of([gray], [None])
    details = fine_details.missing_from(lacking(gray)[0], gray.shape[:2], examples)
    assert np.ptp(details, -1).max() < 1e-6


def test_a_periodic_image_gets_periodic_details(weave):
    reduced, _ = lacking(weave, "xy")
    examples = fine_details.examples_of([weave], [None])
    details = fine_details.missing_from(reduced, weave.shape[:2], examples, "xy")
    rolled = np.roll(reduced, (5, 9), (0, 1))
    found = fine_details.missing_from(rolled, weave.shape[:2], examples, "xy")
    np.testing.assert_array_equal(found, np.roll(details, (10, 18), (0, 1)))


def test_exemplars_share_the_pool(bricks):
    large = images.resize(bricks, 256, 256)
    examples = fine_details.examples_of([large] * 3, [None] * 3)
    assert len(examples.details) == 3 * (fine_details.POOL // 3)
    assert examples.neighborhoods.shape[1] == 3 * (2 * fine_details.RADIUS + 1) ** 2


def test_a_failed_image_gets_finite_details(weave):
    failed = np.full((48, 48, 3), np.nan, np.float32)
    examples = fine_details.examples_of([weave], [None])
    details = fine_details.missing_from(failed, (96, 96), examples)
    assert np.isfinite(details).all()


SETTINGS = {
    "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
    "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "x64": lambda: jax.enable_x64(True),
    "nans": lambda: jax.debug_nans(True),
    "leaks": jax.checking_leaks,
    "no jit": jax.disable_jit,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_jax_settings_change_nothing(weave, name):
    small = images.resize(weave, 24, 24)
    examples = fine_details.examples_of([weave], [None])
    expected = fine_details.missing_from(small, (48, 48), examples)
    with SETTINGS[name]():
        found = fine_details.missing_from(small, (48, 48), examples)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_the_most_similar_neighborhood_is_that_of_a_loop(weave, bricks):
    image = images.resize(bricks, 7, 9)
    examples = fine_details.examples_of([images.resize(weave, 20, 20)], [None])
    details = fine_details.missing_from(image, (14, 18), examples)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), "reflect")
    for row, column in itertools.product(range(7), range(9)):
        ours = np.moveaxis(padded[row : row + 5, column : column + 5], -1, 0).ravel()
        distances = [np.sum((ours - theirs) ** 2) for theirs in examples.neighborhoods]
        found = details[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        np.testing.assert_array_equal(found, examples.details[np.argmin(distances)])
