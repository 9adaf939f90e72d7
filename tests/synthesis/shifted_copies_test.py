"""Tests of the mean of shifted copies, from which regular textures start."""

import dataclasses
import logging

import numpy as np
import pytest

import jaxtex
from jaxtex import images
from jaxtex.synthesis import api, input_images, objectives
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.starts import initialization, shifted_copies, spot_noise

PERIOD = 12  # rows and columns of a tile


def grid(height: int, width: int) -> np.ndarray:
    """Returns tiles with a corner of another color, each `PERIOD` wide, `[height, width, 3]`."""
    rows, columns = np.mgrid[:height, :width] % PERIOD
    image = np.full((height, width, 3), 0.7, np.float32)
    image[rows < 2] = 0.2
    image[columns < 3] = [0.4, 0.1, 0.1]
    image[(rows > 7) & (columns > 8)] = [0.1, 0.2, 0.8]
    return image


def mean_of(exemplar, size, seed=0, tile=""):
    source = spot_noise.source_of(exemplar)
    rng = np.random.default_rng(seed)
    return shifted_copies.mean_of_copies(source, size, rng, tile) + source.mean


@pytest.mark.parametrize("size", [(72, 72), (60, 150), (150, 40)])
@pytest.mark.parametrize("seed", [0, 1])
def test_copies_of_a_grid_continue_it(size, seed):
    found = mean_of(grid(72, 72), size, seed)
    assert found.shape == (*size, 3)
    np.testing.assert_allclose(found[PERIOD:], found[:-PERIOD], atol=1e-3)
    np.testing.assert_allclose(found[:, PERIOD:], found[:, :-PERIOD], atol=1e-3)
    assert found.std() == pytest.approx(grid(72, 72).std(), rel=0.1)


@pytest.mark.parametrize("size", [(72, 72), (50, 60), (90, 130)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_grid_meets_the_upper_left_corner_as_in_the_exemplar(size, seed):
    found = mean_of(grid(72, 72), size, seed)
    np.testing.assert_allclose(found, grid(*size), atol=0.01)


@pytest.mark.parametrize("size, close", [(128, False), (256, True)])
def test_small_results_have_the_grid_elsewhere(size, close):
    exemplar = grid(size, size)
    config = configs.Config(size=size, num_steps=1, arrangement_weight="0.1", noise=1e-3)
    starts = [
        api.build_plan(exemplar, dataclasses.replace(config, seed=seed)).start for seed in (0, 1)
    ]
    reduced = grid(size, size) if len(starts[0]) == size else images.resize(exemplar, 128, 128)
    assert all((np.abs(start - reduced).mean() < 0.03) == close for start in starts)


def test_a_grid_that_fits_is_periodic():
    found = mean_of(grid(72, 72), (96, 84), tile="xy")
    for axis in (0, 1):
        np.testing.assert_allclose(np.roll(found, PERIOD, axis), found, atol=1e-3)


def test_copies_are_not_the_exemplar_in_its_place():
    rng = np.random.default_rng(2)
    noisy = np.clip(grid(72, 72) + 0.2 * rng.standard_normal((72, 72, 3)), 0, 1)
    difference = noisy - mean_of(noisy.astype(np.float32), (72, 72))
    assert difference.std() > 0.1  # the noise of the exemplar is not in the mean


def test_seeds_differ_and_repeat():
    exemplar = images.resize(jaxtex.load_image("bricks"), 64, 64)
    first, again, other = (mean_of(exemplar, (64, 64), seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@pytest.mark.parametrize("tile", ["", "x", "y", "xy"])
@pytest.mark.parametrize("sides", [(16, 16), (9, 40), (64, 17)])
@pytest.mark.parametrize("size", [(16, 16), (8, 50)])
def test_small_pictures_are_no_error(sides, size, tile):
    noise = np.random.default_rng(0).random((*sides, 3), np.float32)
    for exemplar in (noise, np.full((*sides, 3), 0.5, np.float32)):
        found = mean_of(exemplar, size, tile=tile)
        assert np.isfinite(found).all()
        assert found.shape == (*size, 3)


@pytest.mark.parametrize(
    "given, expected",
    [
        ({}, "copies"),
        ({"arrangement_weight": "0"}, ""),
        ({"init": "noise"}, "noise"),
        ({"init": "spectrum"}, "spectrum"),
    ],
)
def test_a_regular_exemplar_starts_from_copies_unless_the_user_says_otherwise(given, expected):
    settings = choices.parse_settings(configs.Config(size=64, **given))
    bricks = images.resize(jaxtex.load_image("bricks"), 64, 64)
    inputs = input_images.build_inputs([bricks], None, settings)
    assert objectives.choose_weights(inputs, settings).config.init == expected


@pytest.mark.parametrize(
    "name, chosen", [("bricks", "=0.1 --init=copies"), ("leaves", "arrangement_weight=0.003")]
)
def test_the_choice_of_the_exemplar_is_printed(name, chosen, caplog):
    caplog.set_level(logging.INFO)
    settings = choices.parse_settings(configs.Config(size=64))
    exemplar = images.resize(jaxtex.load_image(name), 64, 64)
    inputs = input_images.build_inputs([exemplar], None, settings)
    objectives.choose_weights(inputs, settings)
    (record,) = caplog.records
    assert record.getMessage().endswith(chosen)


def test_irregular_several_and_content_do_not_start_from_copies():
    settings = choices.parse_settings(configs.Config(size=64))
    bricks, leaves = (images.resize(jaxtex.load_image(n), 64, 64) for n in ("bricks", "leaves"))
    for styles, content in (([leaves], None), ([bricks, leaves], None), ([bricks], leaves)):
        inputs = input_images.build_inputs(styles, content, settings)
        assert objectives.choose_weights(inputs, settings).config.init == ""


def test_textures_of_large_areas_do_not_start_from_copies():
    rows, columns = np.mgrid[:96, :96] // 24
    areas = np.repeat(((rows + columns) % 2)[..., None], 3, 2).astype(np.float32)
    settings = choices.parse_settings(configs.Config(size=96))
    inputs = input_images.build_inputs([areas], None, settings)
    chosen = objectives.choose_weights(inputs, settings)
    assert chosen.arrangement_weight == 0.1
    assert chosen.config.init == ""


def test_the_first_image_of_a_plan_is_made_of_copies():
    bricks = images.resize(jaxtex.load_image("bricks"), 96, 96)
    config = configs.Config(size=96, scales=1, num_steps=1)
    start = api.build_plan(bricks, config).start
    source = spot_noise.source_of(bricks)
    rng = np.random.default_rng(0)
    contrast = initialization.COPIES_CONTRAST
    expected = shifted_copies.with_noise(source, (96, 96), contrast, rng, in_phase=False)
    np.testing.assert_allclose(start, expected, atol=1e-6)
