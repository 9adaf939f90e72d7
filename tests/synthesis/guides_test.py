"""Tests of guides: maps of labels for the exemplar and the result."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.synthesis import input_images, settings

COLORS = {"red": (1, 0, 0), "blue": (0, 0, 1), "green": (0, 1, 0)}
DARK, LIGHT = 0.2, 0.8


def label_map(path, columns, height=64):
    """Writes a map of colored columns, each 16 pixels wide."""
    row = np.repeat(np.array([COLORS[name] for name in columns], np.float32), 16, 0)
    images.save(path, np.broadcast_to(row, (height, *row.shape)))


@pytest.fixture
def style(tmp_path, monkeypatch):
    """An exemplar that is dark at the left and light at the right, with its map."""
    monkeypatch.chdir(tmp_path)
    label_map("exemplar.png", ["red", "red", "blue", "blue"])
    noise = 0.05 * np.random.default_rng(0).random((64, 64, 3), np.float32)
    return noise + np.repeat([DARK, LIGHT], 32).astype(np.float32)[:, None]


def build(style, **choices):
    return input_images.build_inputs([style], None, settings.parse_choices({"size": 0, **choices}))


def test_each_label_is_a_style_with_its_masks(style):
    label_map("result.png", ["blue", "red", "red", "blue", "red", "red"], 48)
    inputs = build(style, guide="exemplar.png,result.png")
    assert (inputs.height, inputs.width, len(inputs.styles)) == (48, 96, 2)
    blue, red = inputs.masks
    assert blue[:, :16].all() and not blue[:, 16:48].any() and np.all(blue + red == 1)
    assert inputs.style_masks[0][:, 32:].all() and not inputs.style_masks[0][:, :32].any()


def test_a_given_size_counts(style):
    label_map("result.png", ["blue", "red"], 32)
    inputs = build(style, guide="exemplar.png,result.png", height=64)
    assert (inputs.height, inputs.width) == (64, 64)


@pytest.mark.slow
def test_regions_take_the_texture_of_their_color(style):
    label_map("result.png", ["blue", "blue", "blue", "red", "red", "red"])
    made = jaxtex.synthesize(
        style, guide="exemplar.png,result.png", size=0, num_steps=40, layers="relu1_1,relu2_1"
    )
    assert made[:, :40].mean() > LIGHT - 0.1 and made[:, 56:].mean() < DARK + 0.1


@pytest.mark.parametrize(
    "columns, changes, message",
    [
        (["green", "red"], {}, "the color #00ff00 of 'result.png' is not in 'exemplar.png', which"),
        (["red"] * 3, {"guide": "exemplar.png"}, "must be two maps, exemplar.png,result.png"),
        (["red"] * 3, {"masks": "exemplar.png"}, "--guide and --masks exclude each other"),
        (["red"] * 3, {"guide": "exemplar.png,none.png"}, "none.png"),
        (["red"] * 3, {"height": 256, "width": 32}, "the proportions must be the same"),
    ],
)
def test_guides_that_do_not_fit_are_refused(style, columns, changes, message):
    label_map("result.png", columns)
    with pytest.raises(errors.UserError, match=message):
        build(style, **{"guide": "exemplar.png,result.png", **changes})


def test_a_map_needs_flat_colors(style):
    images.save("result.png", np.random.default_rng(0).random((64, 64, 3), np.float32))
    with pytest.raises(errors.UserError, match="has [0-9]+ colors; must be at most 12"):
        build(style, guide="exemplar.png,result.png")


def test_a_guide_is_for_one_style(style):
    label_map("result.png", ["red"] * 3)
    parsed = settings.parse_choices({"guide": "exemplar.png,result.png", "size": 0})
    with pytest.raises(errors.UserError, match="needs one --style, not 2"):
        input_images.build_inputs([style, style], None, parsed)
