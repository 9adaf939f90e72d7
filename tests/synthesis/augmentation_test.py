"""Tests of flipped and turned exemplars."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors
from jaxtex.synthesis import input_images, settings

ROWS = np.repeat((np.arange(64) // 4 % 2).astype(np.float32), 64).reshape(64, 64, 1)
STRIPES = 0.2 + 0.6 * np.broadcast_to(ROWS, (64, 64, 3))  # horizontal ones
NOISE = np.random.default_rng(0).random((48, 64, 3), np.float32)


def build(*styles, **choices):
    parsed = settings.parse_choices({"size": 0, **choices})
    return input_images.build_inputs(list(styles), None, parsed)


@pytest.mark.parametrize("names, count", [("flip", 2), ("rotate", 4), ("flip,rotate", 8)])
def test_there_is_a_style_for_each_variant(names, count):
    inputs = build(NOISE, augment=names)
    assert len(inputs.styles) == len(inputs.weights) == count
    assert (inputs.height, inputs.width) == NOISE.shape[:2]
    np.testing.assert_array_equal(inputs.styles[0], NOISE)
    different = {style.tobytes() for style in inputs.styles}
    assert len(different) == count
    assert all(np.isclose(style.mean(), NOISE.mean()) for style in inputs.styles)


def test_variants_have_the_weight_and_mask_of_their_style():
    mask = np.zeros((48, 64), np.float32)
    mask[:, :40] = 1
    inputs = build(
        NOISE, STRIPES, augment="flip", style_weights=[1, 3], style_masks=[mask, np.ones((64, 64))]
    )
    assert inputs.weights == [1, 1, 3, 3]
    np.testing.assert_array_equal(inputs.style_masks[1], mask[:, ::-1])


@pytest.mark.slow
def test_turned_stripes_run_both_ways():
    choices = {"size": 0, "num_steps": 30, "layers": "relu1_1,relu2_1", "octaves": 1}

    def steepness(result):
        down, right = (np.abs(np.diff(result.mean(-1), axis=axis)).mean() for axis in (0, 1))
        return down / right

    assert steepness(jaxtex.synthesize(STRIPES, **choices)) > 2
    assert 0.6 < steepness(jaxtex.synthesize(STRIPES, augment="rotate", **choices)) < 1.7


@pytest.mark.parametrize(
    "choices, message",
    [
        ({"augment": "mirror"}, "unknown augment 'mirror'. There are: flip, rotate"),
        ({"augment": "flip", "masks": [np.ones((48, 64))]}, "--augment and --masks exclude"),
        ({"augment": "flip", "grow": "left:32"}, "--augment and --grow exclude each other"),
    ],
)
def test_what_does_not_fit_is_refused(choices, message):
    with pytest.raises(errors.UserError, match=message):
        build(NOISE, **choices)
