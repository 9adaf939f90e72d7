"""Tests of receptive fields, against gradients and plain loops."""

import jax
import numpy as np
import pytest

from jaxtex import errors, networks
from jaxtex.networks import receptive_fields
from jaxtex.weights import random_init

NETWORK = networks.NETWORKS["vgg_lite"].clone(padding="zero")


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["conv1_1", "relu1_2", "pool1", "relu2_2", "relu3_1"])
def test_the_receptive_field_is_where_the_gradient_is(layer):
    network = networks.select_layers(NETWORK, (layer,))
    variables = random_init.random_weights("vgg_lite", network.shapes(), "avg").variables
    variables["params"] = jax.tree.map(np.abs, variables["params"])  # no ReLU is inactive
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
    for pixels, position in ((rows, row), (columns, column)):
        first = field.first + field.stride * position
        assert (pixels.min(), pixels.max()) == (first, first + field.side - 1)


def test_the_strongest_positions_keep_their_distance():
    maps = [np.zeros((10, 10)), np.zeros((8, 12))]
    maps[0][2, 3], maps[0][2, 4], maps[0][9, 9], maps[1][5, 5] = 5, 4, 3, 4.5
    assert receptive_fields.strongest_positions(maps, 3, 3) == [(0, 2, 3), (1, 5, 5), (0, 9, 9)]


def test_fewer_positions_if_all_are_too_close():
    assert receptive_fields.strongest_positions([np.ones((3, 3))], 4, 3) == [(0, 0, 0)]


def test_indices_beyond_the_border_are_reflected():
    expected = np.pad(np.arange(5), 9, "reflect")
    np.testing.assert_array_equal(receptive_fields.reflect(np.arange(-9, 14), 5), expected)


def test_a_patch_is_cut_at_the_receptive_field():
    picture = np.arange(100.0).reshape(10, 10, 1)
    np.testing.assert_array_equal(
        receptive_fields.cut_patch(picture, receptive_fields.ReceptiveField(3, 2, -1), 2, 3),
        picture[3:6, 5:8],
    )


def test_another_family_of_networks_is_refused():
    with pytest.raises(errors.UserError, match="must be of the VGG family"):
        receptive_fields.receptive_field(networks.NETWORKS["steerable"], "relu1_1")
