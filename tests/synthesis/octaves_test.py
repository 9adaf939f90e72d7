"""Tests of the number of octaves, which follows the size of each scale."""

import numpy as np
import pytest

import jaxtex
from jaxtex import images, metrics
from jaxtex.runs import provenance
from jaxtex.synthesis import api, batches, input_images, scales, settings
from jaxtex.synthesis import config as configs

LAYERS = {"layers": "relu1_1", "num_steps": 2}
DEEP = {"network": "vgg19", "layers": "relu5_1"}


def octaves_of(side, **choices):
    return scales.scale_octaves(settings.parse_settings(configs.Config(**choices)), side)


@pytest.mark.parametrize(
    "side, expected, alone",
    [
        (32, [1], 1),
        (96, [1], 1),
        (191, [1], 1),
        (192, [1, 1], 2),
        (255, [1, 1], 2),
        (256, [3, 1], 3),
        (383, [3, 1], 3),
        (384, [1, 1, 1], 3),
        (512, [3, 1, 1], 3),
        (768, [1, 1, 1, 1], 3),
    ],
)
def test_the_coarsest_scale_has_the_octaves_that_fit_and_later_ones_have_one(side, expected, alone):
    assert octaves_of(side) == expected
    assert octaves_of(side, scales=1) == [alone]


@pytest.mark.parametrize("side", [32, 96, 192, 256, 384])
def test_a_given_number_holds_at_each_scale(side):
    for number in range(1, 7):
        assert set(octaves_of(side, octaves=number)) == {number}


def test_cells_are_those_of_the_coarsest_layer_that_is_compared():
    assert octaves_of(64, layers="relu1_2") == [3]
    assert octaves_of(64, layers="relu1_1", statistic="gram@relu2_1") == [1]
    assert octaves_of(256, scales=1, **DEEP) == [1]
    assert octaves_of(1024, scales=1, **DEEP) == [3]
    assert octaves_of(96, content_layers="relu3_1") == octaves_of(96)


def test_the_shortest_side_of_exemplar_and_result_decides():
    style = images.resize(jaxtex.load_image("pebbles"), 64, 80)
    sizes = {(): [2], (("size", 0), ("height", 40), ("width", 300)): [1]}
    for choices, expected in sizes.items():
        parsed = settings.parse_settings(configs.Config(**{**LAYERS, "size": 48, **dict(choices)}))
        inputs = input_images.build_inputs([style], None, parsed)
        assert scales.scale_octaves(parsed, inputs.shortest_side) == expected


@pytest.mark.slow
def test_each_problem_compares_the_layers_of_its_octaves():
    config = configs.Config(size=192, scales=2, layers="relu2_1", num_steps=2)
    plan = api.build_plan(jaxtex.load_image("pebbles"), config)
    targets = [list(problem.data(0)["targets"]["mean_and_covariance"]) for problem in plan.problems]
    assert targets == [["relu2_1", "relu2_1/2", "relu2_1/4"], ["relu2_1"]]


@pytest.mark.parametrize(
    "choices, recorded",
    [
        ({}, 0),  # three octaves, then one
        ({"size": 96}, 1),
        ({"size": 96, "octaves": 3}, 3),
        ({"size": 192}, 1),
        ({"size": 0}, 1),
        ({"height": 100}, 1),
        ({"size": 300, "width": 120, "height": 400}, 1),
        ({"layers": "relu1_1", "size": 48}, 2),
        ({"layers": "no_layer"}, 0),
    ],
)
def test_the_record_has_the_number_of_octaves_of_all_scales(choices, recorded, tmp_path):
    path = str(tmp_path / "style.png")
    images.save(path, images.resize(jaxtex.load_image("pebbles"), 200, 230))
    flags = provenance.flags(path, configs.Config(**choices))
    assert flags["octaves"] == recorded


@pytest.mark.slow
def test_images_of_a_batch_have_the_octaves_of_their_own_sizes():
    pebbles = jaxtex.load_image("pebbles")
    styles = [images.resize(pebbles, side, side) for side in (40, 64)]
    config = configs.Config(size=0, **LAYERS)
    plans = api.build_batch([[style] for style in styles], config)
    results = dict(batches.run(plans, [lambda progress: None] * 2))
    for index, style in enumerate(styles):
        alone = jaxtex.synthesize(style, size=0, **LAYERS)
        np.testing.assert_allclose(results[index], alone, atol=1e-5)


def wall_with_a_hole():
    wall = images.resize(jaxtex.load_image("bricks"), 96, 96)
    rows, columns = np.mgrid[:96, :96] / 96
    hole = ((rows - 0.45) / 0.3) ** 2 + ((columns - 0.55) / 0.25) ** 2 < 1
    return np.where(hole[..., None], np.float32(0.05), wall)


def fine_beside_coarse():
    image = images.resize(jaxtex.load_image("pebbles"), 96, 96)
    noise = np.random.default_rng(0).normal(0.55, 0.12, (96, 48, 1)).astype(np.float32)
    image[:, :48] = np.clip(noise, 0, 1)
    return image


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("build", [wall_with_a_hole, fine_beside_coarse])
def test_uneven_exemplars_reach_a_low_loss_without_being_copied(build, seed):
    exemplar = build()
    choices = {"size": 96, "scales": 1, "num_steps": 100, "save_every": 100, "seed": seed}
    (progress,) = jaxtex.iterate(exemplar, **choices)
    assert progress.infos.terms["mean_and_covariance"][-1] < 0.01
    assert metrics.composition(exemplar, progress.image) < 0.15
