"""Tests of the defaults of a style transfer."""

import dataclasses

import numpy as np
import pytest

import jaxtex
from jaxtex.images import color_transfer
from jaxtex.runs import run_folder
from jaxtex.synthesis import api, input_images, objectives, settings
from jaxtex.synthesis import config as configs

STYLE, CONTENT = (jaxtex.load_image(name) for name in ("leaves", "astronaut"))


def build_inputs(style=STYLE, content=CONTENT, **choices):
    parsed = settings.parse_settings(configs.Config(**choices))
    return input_images.build_inputs([] if style is None else [style], content, parsed), parsed


def moments(image):
    pixels = image.reshape(-1, 3)
    return np.concatenate([pixels.mean(0), np.cov(pixels.T).ravel()])


def test_the_content_has_the_colors_of_the_style():
    inputs, _ = build_inputs(size=64)
    np.testing.assert_allclose(moments(inputs.content), moments(inputs.styles[0]), atol=0.03)
    own, _ = build_inputs(size=64, content_color="own")
    assert np.abs(moments(own.content) - moments(inputs.styles[0])).max() > 0.1


def test_each_region_has_the_colors_of_its_style():
    left = np.zeros((64, 64), np.float32)
    left[:, :32] = 1
    parsed = settings.parse_choices({"size": 64, "masks": [left, 1 - left]})
    water = jaxtex.load_image("water")
    inputs = input_images.build_inputs([STYLE, water], CONTENT[:512, :512], parsed)
    whole = [
        color_transfer.recolor(own.content, own.styles, np.ones((1, 64, 64, 1)))
        for own in (
            build_inputs(style, CONTENT[:512, :512], size=64, content_color="own")[0]
            for style in (STYLE, water)
        )
    ]
    np.testing.assert_allclose(inputs.content[:, :32], whole[0][:, :32], atol=1e-6)
    np.testing.assert_allclose(inputs.content[:, 32:], whole[1][:, 32:], atol=1e-6)


def test_a_pale_photograph_gets_no_colors_from_its_noise():
    rng = np.random.default_rng(0)
    pale = np.clip(0.5 + rng.normal(0, 1 / 255, (64, 64, 3)), 0, 1).astype(np.float32)
    recolored, _ = build_inputs(content=pale, size=64)
    assert recolored.content.std((0, 1)).max() < 6 / 255


def test_colors_that_are_kept_are_not_changed_first():
    matched, _ = build_inputs(size=64, preserve_color="match")
    own, _ = build_inputs(size=64, content_color="own")
    np.testing.assert_array_equal(matched.content, own.content)


@pytest.mark.parametrize(
    "choices, layers",
    [
        ({"size": 256}, {"relu2_2": 1.0, "relu3_1": 0.5}),
        ({"size": 32}, {"relu2_2": 1.0, "relu3_1": 0.5}),
        ({"size": 64, "content_layers": "relu2_1,relu1_2/8:3"}, {"relu2_1": 1.0, "relu1_2/8": 3.0}),
        ({"size": 64, "network": "vgg19", "weights": "random"}, {"relu2_2": 1.0, "relu3_1": 0.5}),
        ({"size": 64, "network": "shallow"}, {"relu1_1": 1.0}),
    ],
)
def test_the_content_is_compared_at_fine_layers(choices, layers):
    chosen = objectives.choose_layers(*build_inputs(**choices))
    assert chosen.content_layers == layers


@pytest.mark.parametrize(
    "choices, structure",
    [
        ({"size": 128}, ["relu4_1", "relu5_1"]),
        ({"size": 32}, ["relu4_1"]),
        ({"size": 128, "scales": 3}, ["relu4_1"]),
        ({"size": 128, "structure_layers": "relu2_1"}, ["relu2_1"]),
        ({"size": 128, "structure_weight": 0}, []),
        ({"size": 128, "network": "shallow"}, []),
    ],
)
def test_deep_layers_are_chosen_where_there_are_any(choices, structure):
    chosen = objectives.choose_layers(*build_inputs(**choices))
    assert list(chosen.structure_layers) == structure


def test_only_transfers_have_deep_layers():
    inputs, parsed = build_inputs(content=None, size=128)
    assert objectives.choose_layers(inputs, parsed) == parsed
    inputs, parsed = build_inputs(style=None, size=128)
    chosen = objectives.choose_layers(inputs, parsed)
    assert chosen.content_layers == {"relu3_3": 1.0}
    assert not chosen.structure_layers


def test_the_content_needs_its_octaves():
    for layers, octaves in (("relu3_3/4", 3), ("", 1)):
        inputs, parsed = build_inputs(size=128, content_layers=layers)
        chosen = objectives.choose_layers(inputs, parsed)
        spec = objectives.build_loss(inputs, chosen.with_octaves(1), [])
        assert spec.network.octaves == octaves


def test_details_of_the_content_are_added_where_a_scale_begins():
    inputs, _ = build_inputs(size=192, noise=1e-6)
    plan = api.build_plan(STYLE, configs.Config(size=192, noise=1e-6), CONTENT)
    (details,) = plan.details
    smooth = jaxtex.images.resize(plan.start, 192, 192)
    found = np.clip(smooth + details(plan.start), 0, 1)
    assert np.abs(found - inputs.content).mean() < 0.1 * np.abs(smooth - inputs.content).mean()


def test_later_scales_of_a_transfer_have_more_steps():
    config = configs.Config(size=192, num_steps=60)
    plan = api.build_plan(STYLE, config, CONTENT)
    assert [plan.until(number) for number in (1, 2)] == [20, 60]
    texture = api.build_plan(STYLE, config)
    assert [texture.until(number) for number in (1, 2)] == [30, 60]


def test_a_layer_of_an_octave_that_is_too_coarse_is_refused():
    with pytest.raises(
        jaxtex.UserError, match="--content_layers: layer 'relu3_3/32' has no positions"
    ):
        api.build_plan(STYLE, configs.Config(size=64, content_layers="relu3_3/32"), CONTENT)


def recorded(without, **choices):
    """Flags as a version without some choices recorded them."""
    flags = {"style": "leaves", **dataclasses.asdict(configs.Config(**choices))}
    return {name: value for name, value in flags.items() if not name.startswith(without)}


@pytest.mark.parametrize("without", [("content_color", "structure_"), "structure_"])
def test_records_of_older_versions_keep_their_meaning(without):
    today = {"style": "leaves", **dataclasses.asdict(configs.Config())}
    assert run_folder.complete_flags(recorded(without, content_weight=0.02)) == today

    flags = recorded(without, content="astronaut", content_weight=0.02)
    completed = run_folder.complete_flags(flags)
    assert completed.keys() == today.keys()
    assert completed["content_weight"] == 0.02
    assert completed["structure_weight"] == 0
    assert completed["layers"] == "relu1_1,relu1_2,relu2_1,relu2_2,relu3_1,relu3_2,relu3_3"
    changed = {name for name, value in flags.items() if completed[name] != value}
    had_color = "content_color" in flags
    assert changed == ({"layers"} if had_color else {"layers", "init", "content_layers"})
    assert completed["content_color"] == ("style" if had_color else "own")
    assert run_folder.complete_flags(completed) == completed


@pytest.mark.parametrize("content", ["astronaut", ""])
def test_choices_of_contents_mean_nothing_without_one(content):
    flags = recorded("none", content=content, content_weight=0.025, structure_weight=0.01)
    expected = flags if content else recorded("none")
    assert run_folder.complete_flags(flags) == expected


@pytest.mark.parametrize("content, expected", [("astronaut", "equal"), ("", "positions")])
def test_the_balance_of_records_of_1_0_0_keeps_its_meaning(content, expected):
    flags = {**recorded("no", content=content), "balance": "auto"}
    assert run_folder.complete_flags(flags) == {**flags, "balance": expected}


@pytest.mark.slow
def test_the_light_of_the_content_stays():
    def blurred(image):
        return jaxtex.images.resize(color_transfer.to_gray(image), 8, 8)[..., 0].ravel()

    result = jaxtex.transfer(CONTENT, STYLE, size=48, num_steps=10)
    inputs, _ = build_inputs(size=48)
    assert np.corrcoef(blurred(result), blurred(inputs.content))[0, 1] > 0.7
