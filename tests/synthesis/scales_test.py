"""Tests of scales: no layer is without positions, in any image, octave, pool or scale."""

import numpy as np
import pytest

import jaxtex
from jaxtex import networks, statistics
from jaxtex.losses import targets
from jaxtex.synthesis import api, input_images, scales
from jaxtex.synthesis import config as configs


def picture(height, width):
    rng = np.random.default_rng(0)
    return rng.random((height, width, 3), np.float32)


def refusal(style, content=None, **choices):
    """The line that refuses the choices; empty if they are accepted."""
    try:
        api.build_plan(style, configs.Config(**choices), content)
    except jaxtex.UserError as error:
        return str(error)
    return ""


# name -> style, content, choices, what the line says
TOO_SMALL = {
    "octaves": (
        picture(48, 48),
        None,
        {"size": 48, "octaves": 5},
        ("layer 'relu3_1/16'", "the style of 48 x 48", "--octaves=4", "64 pixels"),
    ),
    "a wide style": (
        picture(33, 768),
        None,
        {"size": 0, "octaves": 5},
        ("layer 'relu3_1/16'", "the style of 768 x 33", "--octaves=4", "64 pixels"),
    ),
    "a low result": (
        picture(128, 128),
        None,
        {"size": 128, "height": 33, "width": 128, "octaves": 5},
        ("the result of 128 x 33", "--octaves=4"),
    ),
    "a low content": (
        picture(128, 128),
        picture(40, 256),
        {"size": 0, "octaves": 5},
        ("the content of 256 x 40", "--octaves=4"),
    ),
    "the second style": (
        [picture(128, 128), picture(40, 200)],
        None,
        {"size": 0, "octaves": 5},
        ("style 2 of 200 x 40", "--octaves=4"),
    ),
    "a scale": (
        picture(128, 128),
        None,
        {"size": 128, "octaves": 5, "scales": 3},
        ("32 x 32 pixels at the coarsest of 3 scales", "--octaves=4", "--scales=2", "256 pixels"),
    ),
    "a pool beside a content": (
        picture(64, 64),
        picture(64, 64),
        {"size": 64, "octaves": 5, "layers": "pool3", "content_layers": "relu1_1"},
        ("layer 'pool3/16'", "--octaves=4"),
    ),
    "strips": (
        picture(48, 48),
        None,
        {"size": 48, "octaves": 5, "strips": "16"},
        ("layer 'relu3_1/16'", "--octaves=4"),
    ),
    "an odd pyramid": (
        picture(48, 48),
        None,
        {"size": 48, "octaves": 6, "network": "steerable"},
        ("layer 'phases/32'", "--octaves=5"),
    ),
}


@pytest.mark.parametrize("style, content, choices, parts", TOO_SMALL.values(), ids=TOO_SMALL)
def test_a_layer_without_positions_is_one_line(style, content, choices, parts):
    line = refusal(style, content, **choices)
    assert line.startswith(f"--octaves={choices['octaves']}: layer")
    assert "\n" not in line
    for part in parts:
        assert part in line


@pytest.mark.slow
def test_octaves_that_nothing_compares_need_no_positions():
    choices = {"octaves": 5, "layers": "relu1_1", "content_layers": "pool3", "scales": 1}
    style, content = picture(64, 64), picture(64, 64)
    result = jaxtex.transfer(content, style, size=64, num_steps=1, structure_weight=0, **choices)
    assert np.isfinite(result).all()


@pytest.mark.slow
def test_a_deep_layer_of_a_small_exemplar_is_one_line():
    choices = {"network": "vgg19", "weights": "random", "layers": "relu5_1", "octaves": 3}
    line = refusal(picture(48, 48), size=48, **choices)
    assert "layer 'relu5_1/4' has no positions" in line
    assert "--octaves=2" in line


def spec_of(network, octaves, min_side=1):
    """A loss of one statistic at all layers, without weights."""
    pyramid = networks.pyramid(network, octaves)
    layers = tuple(networks.feature_shapes(pyramid, 64, 64))
    statistic = statistics.STATISTICS["mean"]()._replace(min_side=min_side)
    term = targets.TextureTerm("own", statistic, 1.0, layers, (0,), (1.0,), None)
    return targets.LossSpec(pyramid, pyramid, {}, dict, [term], {})


def inputs_of(style, content, height, width):
    return input_images.Inputs(
        styles=[style],
        weights=[1.0],
        style_masks=[None],
        masks=None,
        mixtures=[[1.0]],
        content=content,
        height=height,
        width=width,
    )


NETWORKS = {
    "vgg_lite": ("relu1_1", "relu2_2", "relu3_3"),
    "vgg19": ("relu1_1", "pool1", "relu3_4", "relu5_1", "pool5"),
    "shallow": ("relu1_1", "pool1"),
    "steerable": ("colours", "bands", "phases", "parents"),
    "patches": ("patches",),
}


def draw(rng):
    """Draws a loss, images and scales, many of which do not fit."""
    name = rng.choice(list(NETWORKS))
    layers = tuple(rng.choice(NETWORKS[name], min(2, len(NETWORKS[name])), replace=False))
    network = networks.select_layers(networks.NETWORKS[name], layers)
    spec = spec_of(network, int(rng.integers(1, 8)), int(rng.choice([1, 1, 1, 3])))
    sides = [int(side) for side in 2 ** rng.uniform(5, 9, 6)]
    content = picture(*sides[2:4]) if rng.random() < 0.3 else None
    height, width = sides[2:4] if content is not None else sides[4:]
    inputs = inputs_of(picture(*sides[:2]), content, height, width)
    most = len(scales.scale_factors(inputs.shortest_side, 0)) + 1
    number = min(most, (inputs.shortest_side // 32).bit_length())
    factors = scales.scale_factors(inputs.shortest_side, int(rng.integers(1, number + 1)))
    return spec, inputs, factors


def smallest_positions(spec, inputs, factors):
    """The fewest positions along an axis of any layer, of any image, at any scale."""
    fewest = []
    for factor in factors:
        images = [scales.reduce_image(style, factor) for style in inputs.styles]
        if inputs.content is not None:
            images.append(scales.reduce_image(inputs.content, factor))
        sides = [image.shape[:2] for image in images]
        sides.append(scales.reduced_size(inputs, factor))
        for height, width in sides:
            for shape in networks.feature_shapes(spec.network, height, width).values():
                fewest.append(min(shape[:2]))
    return min(fewest)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_accepted_has_positions_and_what_is_proposed_is_accepted(seed):
    spec, inputs, factors = draw(np.random.default_rng(seed))
    needed = spec.texture_terms[0].statistic.min_side
    fits = smallest_positions(spec, inputs, factors) >= needed
    try:
        scales.validate_layers(spec, inputs, factors)
        assert fits
        return
    except jaxtex.UserError as error:
        assert not fits
        line = str(error)

    *flags, sides = line.partition("use ")[2].split(", or ")[:-1]
    for flag in flags:
        number = int(flag.partition("=")[2])
        if flag.startswith("--octaves"):
            pyramid = spec.network.clone(octaves=number)
            scales.validate_layers(spec._replace(network=pyramid), inputs, factors)
        else:
            scales.validate_layers(spec, inputs, factors[-number:])

    side = int(sides.split()[2])
    enlarged = inputs_of(picture(side, side), None, side, side)
    scales.validate_layers(spec, enlarged, factors)


def test_a_statistic_may_need_more_than_one_position():
    style = picture(48, 48)
    network = networks.select_layers(networks.NETWORKS["vgg_lite"], ("relu2_1",))
    with pytest.raises(jaxtex.UserError, match="has 24 x 24 positions and needs 25 x 25"):
        scales.validate_layers(spec_of(network, 1, 25), inputs_of(style, None, 48, 48), [1])
