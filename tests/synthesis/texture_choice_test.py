"""Tests of the weights of arrangement and detail, which follow the exemplar."""

import logging

import numpy as np
import pytest

import jaxtex
from jaxtex import errors
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, objectives, planning, settings
from jaxtex.synthesis.objectives import layer_choice

NOISE = np.random.default_rng(0).random((64, 64, 3), np.float32)
TILES = (0.3 + 0.4 * (np.add.outer(*2 * [np.arange(64) // 8]) % 2))[..., None].astype(np.float32)
TILES = 0.9 * np.broadcast_to(TILES, (64, 64, 3)) + 0.1 * NOISE
MASK = np.ones((64, 64), np.float32)


def choose(*styles, content=None, **choices):
    """Returns the chosen weights of arrangement and detail."""
    parsed = settings.parse_choices({"size": 0, **choices})
    inputs = input_images.build_inputs(list(styles), content, parsed)
    chosen = objectives.choose_weights(inputs, parsed)
    return chosen.arrangement_weight, chosen.detail_weight


def test_the_exemplar_decides():
    assert choose(TILES) == (0.1, 0.003)
    assert choose(NOISE) == (0.003, 0.003)
    assert choose(NOISE, arrangement_weight=0.5) == (0.5, 0.003)
    assert choose(TILES, arrangement_weight="0", detail_weight=0) == (0, 0)


def test_the_log_of_a_program_stays_its_own(monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])
    assert choose(TILES) == (0.1, 0.003)
    assert not logging.root.handlers


def test_terms_of_whole_textures_alone():
    assert choose(TILES, NOISE) == (0, 0.003)
    assert choose(TILES, NOISE, arrangement_weight=1) == (1, 0.003)
    assert choose(TILES, NOISE, masks=[MASK, MASK]) == (0, 0)
    assert choose(TILES, style_masks=[MASK]) == (0, 0)
    assert choose(TILES, content=NOISE) == (0, 0)
    assert choose(content=NOISE) == (0, 0)


def test_layers_are_balanced_unless_the_user_says_otherwise():
    assert settings.parse_choices({}).balanced
    assert not settings.parse_choices({"balance": "equal"}).balanced
    with pytest.raises(errors.UserError, match="balance .auto.*positions, equal"):
        settings.parse_choices({"balance": "auto"})


def test_weights_follow_the_number_of_positions():
    parsed = settings.parse_choices({"layers": "relu1_1,relu2_1:3,relu3_1"})
    layers = {"relu1_1": 1.0, "relu2_1": 3.0, "relu3_1": 1.0, "relu1_1/4": 1.0, "relu3_1/2": 1.0}
    poolings, octaves = np.array([0, 1, 2, 0, 2]), np.array([0, 0, 0, 2, 1])
    expected = np.array([1, 3, 1, 1, 1]) / (2.0**poolings * 8.0**octaves)
    np.testing.assert_allclose(list(layer_choice.balance(layers, parsed).values()), expected)


@pytest.mark.parametrize("text", ["sometimes", "-1", "1e13", "nan", ""])
def test_other_weights_are_refused(text):
    with pytest.raises(errors.UserError, match="--arrangement_weight=.*auto, or a number"):
        choose(TILES, arrangement_weight=text)


@pytest.mark.slow
def test_the_last_of_several_scales_has_little_arrangement():
    config = configs.Config(size=0, scales=2, layers="relu1_1", octaves=1)
    parsed = settings.parse_settings(config)
    inputs = input_images.build_inputs([TILES], None, parsed)
    plan = planning.build_plan(inputs, parsed)
    shares = []
    for problem in plan.problems:
        image = np.random.default_rng(1).random((problem.height, problem.width, 3), np.float32)
        loss, (terms, _) = problem.loss_fn(image, problem.data(0), ())
        rest = terms["mean_and_covariance"] + parsed.detail_weight * terms["detail"]
        shares.append(float((loss - rest) / terms["arrangement"]))
    np.testing.assert_allclose(shares, [0.1, 0.001], rtol=0.06)
    assert plan.arrangement_weight == 0.1


@pytest.mark.slow
def test_tiles_keep_their_grid():
    choices = {"size": 0, "num_steps": 60, "layers": "relu1_1,relu2_1"}
    error = {
        weight: jaxtex.metrics.measure(
            TILES, jaxtex.synthesize(TILES, arrangement_weight=weight, **choices), ["arrangement"]
        )["arrangement"]
        for weight in ("auto", "0")
    }
    assert error["auto"] < 0.5 * error["0"]
