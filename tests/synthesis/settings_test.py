"""Tests of the settings: the small languages of the flags, and the errors of each."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, optimizers, weights
from jaxtex.runtime import sharding
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings, unused_choices


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", {}),
        ("relu1_1", {"relu1_1": 1.0}),
        ("conv1_1, pool1:0.5", {"conv1_1": 1.0, "pool1": 0.5}),
        ("relu2_1:1e-3,", {"relu2_1": 0.001}),
        ("relu2_1:", {"relu2_1": 1.0}),
    ],
)
def test_parse_layers(text, expected):
    assert settings.parse_layers(text) == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("relu1_1:0", "expected a positive number, got '0'"),
        ("relu1_1:-1", "expected a positive number, got '-1'"),
        ("relu1_1:nan", "expected a positive number, got 'nan'"),
        ("relu1_1:inf", "expected a positive number, got 'inf'"),
        ("relu1_1:much", "expected a positive number, got 'much'"),
        ("relu1_1,pool1,relu1_1:2", "'relu1_1' is given twice"),
    ],
)
def test_parse_layers_names_the_flag_and_the_mistake(text, message):
    with pytest.raises(errors.UserError) as error:
        settings.parse_layers(text, "content_layers")
    assert str(error.value).startswith(f"--content_layers={text}: ")
    assert message in str(error.value)


def test_parse_style_weights():
    assert settings.parse_style_weights("") == []
    assert settings.parse_style_weights("1, 0.5,3") == [1.0, 0.5, 3.0]


@pytest.mark.parametrize("text", ["0", "1,-2", "1,", "x", "1;2"])
def test_parse_style_weights_rejects_what_is_not_positive(text):
    with pytest.raises(errors.UserError, match=f"--style_weights={text}: expected a positive"):
        settings.parse_style_weights(text)


def test_parse_feature_map():
    assert settings.parse_feature_map("relu3_1:17") == ("relu3_1", 17)
    assert settings.parse_feature_map("bands:0") == settings.FeatureMap("bands", 0)


@pytest.mark.parametrize("text", ["relu3_1", "relu3_1:", "relu3_1:x", "relu3_1:-1", "a:123456"])
def test_parse_feature_map_rejects_other_forms(text):
    with pytest.raises(errors.UserError, match=f"--excite={text}: must be a layer and the number"):
        settings.parse_feature_map(text)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("auto", [settings.AUTO]),
        ("none", [0]),
        ("64", [64]),
        ("none,auto,128", [0, settings.AUTO, 128]),
        ("16384", [16384]),
    ],
)
def test_parse_strips(text, expected):
    assert settings.parse_strips(text) == expected


@pytest.mark.parametrize("part", ["", "0", "16385", "-3", "some", "1.5", "9" * 5000])
def test_parse_strips_rejects_what_is_not_a_number_of_rows(part):
    with pytest.raises(errors.UserError) as error:
        settings.parse_strips(f"none,{part}")
    assert f"'{part}' must be auto, none, or a number of rows up to 16384" in str(error.value)


def test_a_default_config_is_valid():
    parsed = settings.parse_settings(configs.Config())
    assert parsed.layout == sharding.Layout(1, 1)
    assert parsed.network == weights.NetworkChoice(octaves=0)  # chosen by the size
    assert parsed.layers and not parsed.content_layers  # chosen by the images
    assert parsed.activation is None
    assert (parsed.strips, parsed.balanced, parsed.style_weights) == ([settings.AUTO], True, [])


def test_each_field_is_parsed():
    config = configs.Config(
        network="vgg16",
        weights="random",
        pooling="max",
        padding="zero",
        octaves=2,
        layers="relu1_1:2",
        content_layers="relu2_1",
        statistic="gram+0.5*sorted",
        style_weights="1,3",
        style_masks="a.png,b.png",
        masks="c.png",
        maps="normal.png,height.png",
        excite="relu1_1:3",
        mesh="images:2,rows:4",
        strips="none,64",
        balance="equal",
    )
    parsed = settings.parse_settings(config)
    assert parsed.network == weights.NetworkChoice("vgg16", "random", "max", "zero", 2)
    assert parsed.layers == {"relu1_1": 2.0} and parsed.content_layers == {"relu2_1": 1.0}
    summands = [(summand.name, summand.weight) for summand in parsed.statistic]
    assert summands == [("gram", 1.0), ("sorted", 0.5)]
    assert parsed.style_weights == [1.0, 3.0]
    assert parsed.style_masks == ["a.png", "b.png"] and parsed.masks == ["c.png"]
    assert parsed.maps == ["normal.png", "height.png"]
    assert parsed.activation == ("relu1_1", 3)
    assert parsed.layout == sharding.Layout(images=2, rows=4)
    assert parsed.strips == [0, 64] and parsed.balanced is False


@pytest.mark.slow
def test_the_optimizer_gets_its_options():
    config = configs.Config(optimizer="gd", learning_rate=0.125)
    descent = settings.parse_settings(config).optimizer
    state = optimizers.init_state(descent, jnp.full((2, 2, 3), 0.5))
    state = descent.update(state, jnp.float32(1), jnp.ones((2, 2, 3)))
    np.testing.assert_array_equal(state.trial, 0.375)

    sizes = []
    for history in (5, 10):
        config = configs.Config(optimizer="lbfgs", history=history)
        memory = settings.parse_settings(config).optimizer.init(jnp.zeros((2, 2, 3)))
        sizes.append(sum(leaf.size for leaf in jax.tree.leaves(memory)))
    assert sizes[1] > 1.5 * sizes[0]


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("network", "vgg20", "unknown network 'vgg20'; did you mean"),
        ("optimizer", "lbfg", "unknown optimizer 'lbfg'; did you mean 'lbfgs'"),
        ("statistic", "gramm", "unknown statistic 'gramm'; did you mean 'gram'"),
        ("content_norm", "l1", "unknown content_norm 'l1'"),
        ("preserve_color", "hue", "unknown preserve_color 'hue'"),
        ("remat", "some", "unknown remat 'some'"),
        ("mesh", "columns:2", "--mesh=columns:2: 'columns:2' must be of the form rows:4"),
        ("excite", "relu1_1", "--excite=relu1_1: must be a layer and the number of a channel"),
        ("layers", "relu1_1:x", "--layers=relu1_1:x: expected a positive number, got 'x'"),
        ("content_layers", "a,a", "--content_layers=a,a: 'a' is given twice"),
        ("tile", "z", "--tile=z: must be x, y or xy"),
        ("alpha", "black", "--alpha=black: must be white or keep"),
        ("size", 31, "--size=31: must be 0 or at least 32 pixels"),
        ("height", 1, "--height=1: must be 0 or at least 32 pixels"),
        ("octaves", 7, "--octaves=7: must be between 0 and 6"),
        ("num_steps", 0, "--num_steps=0: must be between 1 and 1000000"),
        ("texture_weight", float("nan"), "--texture_weight=nan: must be between 0.0 and"),
        ("seed", -1, "--seed=-1: must be between 0 and 4294967295"),
    ],
)
def test_a_mistake_is_one_line_with_flag_and_value(field, value, message):
    with pytest.raises(errors.UserError) as error:
        settings.parse_settings(configs.Config(**{field: value}))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_every_bound_of_a_range_is_allowed_and_the_next_value_is_not():
    for name, (low, high) in configs.RANGES.items():
        for value in (low, high):
            configs.validate(dataclasses.replace(configs.Config(), **{name: value}))
        for value in (low - 1, high + 1e6):
            with pytest.raises(errors.UserError, match=f"--{name}="):
                configs.validate(dataclasses.replace(configs.Config(), **{name: value}))


def test_paths_are_split_at_commas_except_in_the_name_of_a_file(tmp_path):
    (tmp_path / "a,b.png").touch()
    assert configs.split_paths(f"{tmp_path}/a,b.png") == [f"{tmp_path}/a,b.png"]
    assert configs.split_paths("a.png,b.png") == ["a.png", "b.png"]
    assert configs.split_paths("") == []


def test_with_seed_changes_the_seed_only():
    parsed = settings.parse_settings(configs.Config(seed=1, layers="relu1_1"))
    other = parsed.with_seed(7)
    assert (other.config.seed, other.layers) == (7, parsed.layers)
    assert other.with_seed(1) == parsed


@pytest.mark.parametrize(
    "choices, has_content, warning",
    [
        ({"learning_rate": 0.1}, False, "--learning_rate=0.1 has no effect with --optimizer=lbfgs"),
        ({"learning_rate": 0.1, "optimizer": "adam"}, False, ""),
        ({"history": 20, "optimizer": "adam"}, False, "--history=20 has no effect with"),
        ({"history": 20}, False, ""),
        ({"content_weight": 5.0}, False, "--content_weight=5.0 has no effect without a --content"),
        ({"content_weight": 5.0}, True, ""),
        ({"preserve_color": "match"}, False, "--preserve_color=match has no effect without"),
        ({"diversity": 0.1}, False, "--diversity=0.1 has no effect with one image"),
        ({"excite_weight": 2.0}, False, "--excite_weight=2.0 has no effect without --excite"),
        ({"noise": 0.3, "init": "style"}, False, "--noise=0.3 has no effect with --init=style"),
        ({"noise": 0.3}, False, ""),
        ({"arrangement_weight": 1}, True, "--arrangement_weight=1 has no effect with a --content"),
        (
            {"detail_weight": 1, "masks": "a.png"},
            False,
            "--detail_weight=1.0 has no effect with masks",
        ),
        ({"arrangement_weight": 0, "detail_weight": 0}, True, ""),
        ({"arrangement_weight": 1, "detail_weight": 1}, False, ""),
        ({}, False, ""),
    ],
)
def test_a_choice_without_effect_is_said(choices, has_content, warning, caplog):
    errors.warn_once.cache_clear()
    unused_choices.warn_unused(configs.Config(**choices), has_content)
    assert warning in caplog.text if warning else not caplog.text
