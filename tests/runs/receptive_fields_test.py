"""What a feature map sees, against gradients and plain loops."""

import jax
import numpy as np
import pytest

from jaxtex import errors, images, networks
from jaxtex.runs import receptive_fields
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import loop, planning
from jaxtex.weights import loading, random_init

NETWORK = networks.NETWORKS["vgg_lite"].clone(padding="zero")


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_2", "pool1", "relu2_2", "relu3_1"])
def test_the_receptive_field_is_where_the_gradient_is(layer):
    network = networks.select_layers(NETWORK, (layer,))
    variables = random_init.random_weights("vgg_lite", network.shapes(), "avg").variables
    variables["params"] = jax.tree.map(np.abs, variables["params"])  # no ReLU is shut
    image = jax.random.uniform(jax.random.key(1), (96, 96, 3)) + 0.1
    field = receptive_fields.receptive_field(NETWORK, layer)
    row, column = 48 // field.stride, 40 // field.stride
    gradient = jax.jit(jax.grad(lambda x: network.apply(variables, x)[layer][row, column].sum()))(
        image
    )
    rows, columns = (
        np.flatnonzero(np.abs(gradient).sum((other, 2)) > 1e-6 * np.abs(gradient).max())
        for other in (1, 0)
    )
    for places, position in ((rows, row), (columns, column)):
        first = field.first + field.stride * position
        assert (places.min(), places.max()) == (first, first + field.side - 1)


def test_the_strongest_places_lie_apart():
    maps = [np.zeros((10, 10)), np.zeros((8, 12))]
    maps[0][2, 3], maps[0][2, 4], maps[0][9, 9], maps[1][5, 5] = 5, 4, 3, 4.5
    assert receptive_fields.strongest_positions(maps, 3, 3) == [(0, 2, 3), (1, 5, 5), (0, 9, 9)]


def test_all_places_may_be_used_up():
    assert receptive_fields.strongest_positions([np.ones((3, 3))], 4, 3) == [(0, 0, 0)]


def test_places_beyond_the_border_are_mirrored():
    expected = np.pad(np.arange(5), 9, "reflect")
    np.testing.assert_array_equal(receptive_fields.reflect(np.arange(-9, 14), 5), expected)


def test_a_patch_is_cut_where_the_field_lies():
    picture = np.arange(100.0).reshape(10, 10, 1)
    np.testing.assert_array_equal(
        receptive_fields.cut_patch(picture, receptive_fields.ReceptiveField(3, 2, -1), 2, 3),
        picture[3:6, 5:8],
    )


def test_a_mosaic_shows_what_excites(exemplar):
    red = exemplar * [1, 0, 0]
    config = configs.Config(excite="relu1_1:3", octaves=1, size=48)
    shown = receptive_fields.strongest_patches([red, exemplar], config)
    network, variables = loading.load_network(config, ("relu1_1",))
    best = max(
        (red, exemplar),
        key=lambda x: network.apply(variables, x.astype(np.float32))["relu1_1"][..., 3].max(),
    )
    assert (shown[0, 0, 1] == 0) == (best is red)
    assert shown.shape == (3 * 32, 3 * 32, 3)  # nine of 3 pixels, enlarged to 30, with gaps of 2


def test_the_image_excites_the_map_more_than_the_pictures_do_on_average(exemplar):
    config = configs.Config(
        excite="relu1_2:5",
        texture_weight=0.0,
        tv_weight=0.1,
        size=48,
        octaves=1,
        scales=1,
        num_steps=30,
        noise=0.2,
    )
    result = loop.run(planning.build_plan(exemplar, config))
    network, variables = loading.load_network(config, ("relu1_2",))
    mean = lambda image: network.apply(variables, image)["relu1_2"][..., 5].mean()
    assert mean(result) > 2 * mean(exemplar)


@pytest.mark.parametrize(
    "text, message",
    [
        ("relu1_1", "a layer and the number of a channel"),
        ("relu1_1:999", "channels 0 to 31"),
        ("x:1", "layer 'x'"),
    ],
)
def test_a_map_that_is_not_there_is_named(exemplar, text, message):
    with pytest.raises(errors.UserError, match=message):
        planning.build_plan(exemplar, configs.Config(excite=text, size=48, octaves=1))


def test_a_mosaic_of_one_picture_can_be_saved(tmp_path, exemplar):
    images.save(
        tmp_path / "m.png",
        receptive_fields.strongest_patches(
            [exemplar], configs.Config(excite="relu2_1:0", octaves=1, size=48)
        ),
    )
    assert (tmp_path / "m.png").is_file()
