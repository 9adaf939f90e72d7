"""Tests of mixes: one texture turns into another along a gray map."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.runs import provenance
from jaxtex.synthesis import config, input_images, settings

DARK, LIGHT = 0.2, 0.8


@pytest.fixture
def styles():
    """A dark and a light exemplar, with some noise."""
    noise = 0.1 * np.random.default_rng(0).random((48, 48, 3), np.float32)
    return [noise + DARK, noise + LIGHT]


def build(styles, **choices):
    parsed = settings.parse_choices({"size": 0, "height": 32, "width": 64, **choices})
    return input_images.build_inputs(styles, None, parsed)


@pytest.mark.parametrize("direction", ["right", "left", "down", "up"])
def test_a_direction_goes_from_the_first_style_to_the_last(styles, direction):
    inputs = build(styles, mix=direction)
    weight = np.zeros((32, 64))
    for mask, (_, second) in zip(inputs.masks, inputs.mixtures, strict=True):
        weight += mask * second / np.sum(inputs.masks, 0)
    if direction in ("left", "up"):
        weight = weight[::-1, ::-1]
    if direction in ("down", "up"):
        weight = weight.T
    assert np.all(np.diff(weight, axis=1) >= 0)
    assert weight[:, 0].max() < 0.2 and weight[:, -1].min() > 0.8


def test_every_pixel_is_in_a_band_whose_mixture_is_that_of_its_gray(styles):
    gray = np.random.default_rng(1).random((32, 64)).astype(np.float32)
    inputs = build(styles * 2, mix=gray)
    masks, mixtures = np.stack(inputs.masks), np.asarray(inputs.mixtures)
    np.testing.assert_allclose(mixtures.sum(1), 1)
    assert masks.any(0).all()
    place = np.einsum("mhw,mk,k->hw", masks, mixtures, np.arange(4)) / masks.sum(0)
    assert np.abs(place - 3 * gray).max() <= 1 / 4


def test_bands_without_pixels_are_left_out(styles, tmp_path):
    images.save(tmp_path / "map.png", np.tile([[[0.0]], [[1.0]]], (16, 64, 3)).astype(np.float32))
    inputs = build(styles, mix=str(tmp_path / "map.png"))
    assert inputs.mixtures == [[1, 0], [0, 1]]


@pytest.mark.slow
def test_the_start_has_the_mean_of_the_mixture(styles):
    made = jaxtex.synthesize(
        styles, mix="right", height=48, width=96, num_steps=1, noise=0.01, init="noise"
    )
    columns = made.mean((0, 2))
    assert columns[0] < 0.35 < 0.45 < columns[48] < 0.65 < 0.75 < columns[-1]


@pytest.mark.slow
def test_the_result_goes_from_one_texture_to_the_other(styles):
    made = jaxtex.synthesize(styles, mix="down", height=96, width=64, num_steps=40)
    rows = made.mean((1, 2))
    parts = [rows[begin : begin + 12].mean() for begin in range(0, 96, 12)]
    assert np.all(np.diff(parts) > 0)
    assert parts[0] < 0.4 and parts[-1] > 0.7


@pytest.mark.parametrize(
    "count, changes, message",
    [
        (1, {"mix": "right"}, "--mix=right needs two or more styles"),
        (2, {"mix": "rihgt"}, "did you mean 'right'"),
        (2, {"mix": "no/such.png"}, "no/such.png"),
        (2, {"mix": np.zeros((32, 48), np.float32)}, "the proportions must be the same"),
        (2, {"mix": "right", "masks": "a.png,b.png"}, "--mix and --masks exclude each other"),
        (2, {"mix": "right", "style_weights": "1,2"}, "--mix and --style_weights exclude"),
        (2, {"mix": "right", "grow": "left:16"}, "--grow and --mix exclude each other"),
        (2, {"mix": "right", "augment": "flip"}, "--mix and --augment exclude each other"),
        (2, {"mix": "right", "statistic": "discriminator"}, "learns a single style"),
    ],
)
def test_what_does_not_go_together_is_named(styles, count, changes, message):
    with pytest.raises(errors.UserError, match=message):
        jaxtex.synthesize(styles[:count], size=48, num_steps=1, **changes)


def test_the_map_is_recorded_but_not_a_direction(styles, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images.save("map.png", styles[0])
    assert "map.png" in provenance.hash_inputs("", config.Config(mix="map.png"))
    assert "right" not in provenance.hash_inputs("", config.Config(mix="right"))
