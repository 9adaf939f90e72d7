"""Tests of regions: positions that see only what a mask covers, and layers that are left out."""

import logging

import jax
import numpy as np
import pytest

import jaxtex
from jaxtex import errors, networks, weights
from jaxtex.losses import regions
from jaxtex.networks import receptive_fields, vgg
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, planning, settings
from jaxtex.synthesis.starts import initialization

ROWS, COLUMNS = np.mgrid[:64, :64]
MASKS = {
    "half": COLUMNS < 32,
    "diagonal": ROWS + COLUMNS < 60,
    "disc": (ROWS - 30) ** 2 + (COLUMNS - 34) ** 2 < 24**2,
    "frame": np.maximum(abs(ROWS - 31.5), abs(COLUMNS - 31.5)) > 14,
    "strip": abs(COLUMNS - 30) < 5,
    "parts": (ROWS // 22 + COLUMNS // 22) % 2 == 0,
    "line": ROWS == 11,
    "pixel": (ROWS == 40) & (COLUMNS == 3),
}
EVERYWHERE = {"relu1_1": np.ones((8, 8)), "relu2_1": np.ones((4, 4))}


def texture(seed, low, high):
    """Returns noise between two colors, `[64, 64, 3]`."""
    shade = np.random.default_rng(seed).uniform(size=(64, 64, 1))
    return (np.asarray(low) + shade * np.subtract(high, low)).astype(np.float32)


LEAVES = texture(0, (0.4, 0.2, 0.0), (1.0, 0.6, 0.2))
WATER = texture(1, (0.0, 0.2, 0.4), (0.2, 0.6, 1.0))


@pytest.mark.parametrize(
    ("padding", "size"),
    [
        ("reflect/wrap", (37, 51)),
        pytest.param("reflect", (40, 48), marks=pytest.mark.slow),
        pytest.param("replicate", (33, 32), marks=pytest.mark.slow),
        pytest.param("wrap", (38, 35), marks=pytest.mark.slow),
    ],
)
def test_shares_are_the_features_of_a_mask_if_kernels_are_boxes(padding, size):
    network = vgg.VGG(((3,), (3, 3)), pooling="avg", padding=padding)
    layers = ("relu1_1", "pool1", "conv2_1", "relu2_2")
    pyramid = networks.pyramid(networks.select_layers(network, layers), 3)
    box = {"kernel": np.full((3, 3, 3, 3), 1 / 27, np.float32), "bias": np.zeros(3, np.float32)}
    params = dict.fromkeys(("conv1_1", "conv2_1", "conv2_2"), box)
    preprocessing = {"mean": np.zeros(3), "deviation": np.ones(3)}
    variables = {"params": params, "preprocessing": preprocessing}

    mask = np.random.default_rng(2).uniform(size=size) < 0.5
    image = np.repeat(mask[..., None], 3, -1).astype(np.float32)
    features = jax.jit(pyramid.apply)(variables, image)
    shares = receptive_fields.covered_shares(pyramid, mask)
    assert shares.keys() == features.keys()
    for layer, share in shares.items():
        np.testing.assert_allclose(features[layer][..., 0], share, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["zero", "reflect", "wrap"])
@pytest.mark.parametrize("name", ["vgg_lite", "shallow", "steerable", "patches"])
def test_what_lies_beyond_a_region_hardly_changes_its_features(name, padding):
    layers = networks.NETWORKS[name].defaults()
    config = configs.Config(network=name, padding=padding, octaves=2, size=64)
    chosen = settings.parse_settings(config).network
    network, variables = weights.load_network(chosen, layers, 1)
    apply = jax.jit(network.apply)
    own, other = apply(variables, LEAVES), apply(variables, WATER)
    for mask in MASKS.values():
        shares = regions.covered_shares(network, mask.astype(np.float32), 64, 64)
        both = apply(variables, np.where(mask[..., None], LEAVES, WATER))
        compared = regions.choose_regions(tuple(shares), shares, ()).result
        for layer, inside in compared.items():
            if shares[layer].max() < regions.INSIDE:
                continue  # the last layer that remains
            change = (both[layer] - own[layer])[inside] ** 2
            # Where half of the field is inside, the change is up to seven times the difference.
            assert change.mean() < 0.1 * np.mean((other[layer] - own[layer]) ** 2), layer


@pytest.mark.parametrize("name", ["vgg_lite", "vgg19", "shallow", "steerable", "patches"])
def test_every_mask_leaves_positions_at_every_size(name):
    network = networks.NETWORKS[name]
    pyramid = networks.pyramid(networks.select_layers(network, network.defaults()), 3)
    for mask in MASKS.values():
        for size in ((32, 32), (64, 64), (45, 97)):
            shares = regions.covered_shares(pyramid, mask.astype(np.float32), *size)
            shapes = networks.feature_shapes(pyramid, *size)
            assert {layer: share.shape for layer, share in shares.items()} == {
                layer: shape[:2] for layer, shape in shapes.items()
            }
            result, (style,) = regions.choose_regions(tuple(shares), None, (shares,))
            assert result == dict.fromkeys(style) and result
            assert all(inside.any() for inside in style.values())

            content = regions.content_positions(
                pyramid, [mask.astype(np.float32), 1.0 - mask], *size
            )
            assert content.keys() == {layer for layer in shares if "/" not in layer}
            assert all(inside.any() for inside in content.values())


def test_a_white_mask_keeps_all_positions_and_gray_is_white_from_half_on():
    network = networks.pyramid(networks.select_layers(vgg.VGG(((3,),)), ("relu1_1",)), 2)
    for mask in (np.ones((8, 8)), np.full((8, 8), 0.5), np.linspace(0.6, 1, 64).reshape(8, 8)):
        shares = regions.covered_shares(network, mask.astype(np.float32), 16, 16)
        assert all(share.min() > regions.INSIDE for share in shares.values())
    assert regions.covered_shares(network, None, 16, 16) is None
    assert regions.content_positions(network, None, 16, 16) == {}


HALF = {"relu1_1": np.repeat([[0.0, 1.0]], 2, 0), "relu2_1": np.array([[0.5]])}
NONE = {"relu1_1": np.array([[0.2, 0.6]]), "relu2_1": np.array([[0.5]])}


@pytest.mark.parametrize(
    ("result", "styles", "layers"),
    [
        (None, [None], ["relu1_1", "relu2_1"]),
        (EVERYWHERE, [EVERYWHERE, None], ["relu1_1", "relu2_1"]),
        (HALF, [None], ["relu1_1"]),
        (None, [None, HALF], ["relu1_1"]),
        (EVERYWHERE, [HALF], ["relu1_1"]),
        (NONE, [HALF], ["relu1_1"]),
        (NONE, [None], ["relu1_1"]),
        ({**HALF, "relu1_1": NONE["relu2_1"] / 2}, [None], ["relu2_1"]),
    ],
)
def test_layers_without_positions_are_left_out_unless_none_would_remain(result, styles, layers):
    chosen = regions.choose_regions(("relu1_1", "relu2_1"), result, styles)
    for positions in (chosen.result, *chosen.styles):
        assert list(positions) == layers
        assert all(inside is None or inside.any() for inside in positions.values())


STATISTICS = ["mean_and_covariance", "gram", "bures", "sorted", "sliced_wasserstein+0.5*histogram"]


def compare_halves(statistic, **choices):
    """Returns the terms of two styles side by side, and those of the sides exchanged."""
    left = MASKS["half"].astype(np.float32)
    objective = jaxtex.build(
        [LEAVES, WATER],
        masks=[left, 1 - left],
        statistic=statistic,
        size=0,
        octaves=2,
        **choices,
    )
    terms = jax.jit(objective.terms)
    both = np.where(left[..., None], LEAVES, WATER).astype(np.float32)
    return terms(both, objective.data), terms(both[:, ::-1], objective.data)


@pytest.mark.parametrize(
    ("statistic", "choices"),
    [
        ("mean_and_covariance", {"layers": "relu1_1,relu2_2,relu3_1"}),
        pytest.param("mean_and_covariance", {}, marks=pytest.mark.slow),
        pytest.param("mean_and_covariance", {"tile": "xy"}, marks=pytest.mark.slow),
        pytest.param("mean_and_covariance", {"network": "steerable"}, marks=pytest.mark.slow),
        pytest.param("mean_and_covariance", {"network": "shallow"}, marks=pytest.mark.slow),
        *(pytest.param(name, {}, marks=pytest.mark.slow) for name in STATISTICS[1:]),
    ],
)
def test_two_styles_side_by_side_fulfill_both_terms(statistic, choices):
    """The step between them cost more than a picture of other colors without a step."""
    right, wrong = compare_halves(statistic, **choices)
    assert max(right.values()) < 0.1 and min(wrong.values()) > 10 * max(right.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "statistic, share",
    [("relaxed_emd", 0.5), ("nearest_neighbors", 0.5), ("guided_correspondence", 0.6)],
)
def test_samples_of_two_styles_side_by_side_are_nearer_to_their_own(statistic, share):
    # Two draws of one texture differ, so that no picture has a distance of 0. Guided correspondence
    # counts how far the nearest patch stands out, which is less than how near it is.
    right, wrong = compare_halves(statistic, layers="relu1_1,relu2_2,relu3_1")
    assert max(right.values()) < share * min(wrong.values())


@pytest.mark.slow
def test_the_step_between_parts_of_an_exemplar_is_no_part_of_the_style():
    left = MASKS["half"].astype(np.float32)
    both = np.where(left[..., None], LEAVES, WATER).astype(np.float32)
    layers = {"layers": "relu1_1,relu2_2,relu3_1", "size": 0, "octaves": 2}
    masked = jaxtex.build(both, style_masks=[left], **layers)
    (distance,) = jax.jit(masked.terms)(LEAVES, masked.data).values()
    assert distance < 0.05


def test_layers_that_are_left_out_are_named_once(caplog):
    strip = MASKS["strip"].astype(np.float32)
    choices = {"layers": "relu1_1,relu3_3", "size": 0, "octaves": 1, "masks": [strip]}
    parsed = settings.parse_choices(choices)
    inputs = input_images.build_inputs([LEAVES], None, parsed)
    errors.warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        plans = [planning.build_plan(inputs, parsed) for _ in range(2)]
    (record,) = caplog.records
    assert "left out: relu3_3 (mean_and_covariance.0)" in record.getMessage()
    drawn = plans[0].problems[-1].data(0)["targets"]
    assert set(drawn["mean_and_covariance.0"]) == {"relu1_1"}


@pytest.mark.parametrize("init", ["noise", "spectrum", "style"])
def test_each_region_starts_in_the_colors_of_its_style(init):
    left = MASKS["half"].astype(np.float32)
    right = np.where(ROWS < 40, 1 - left, 0).astype(np.float32)  # the rest has no style
    parsed = settings.parse_choices({"size": 0, "init": init, "masks": [left, right]})
    inputs = input_images.build_inputs([LEAVES, WATER], None, parsed)
    image = initialization.initial_image(inputs, parsed.config, 64, 64)
    expected = [LEAVES, WATER, (LEAVES + WATER) / 2]
    parts = [image[:, :32], image[:40, 32:], image[40:, 32:]]
    for part, style in zip(parts, expected, strict=True):
        np.testing.assert_allclose(part.mean((0, 1)), style.mean((0, 1)), atol=0.05)
