"""Tests transformed kernels against plain ones: the same features and gradients at every size."""

import jax
import numpy as np
import pytest

from jaxtex import networks, weights
from jaxtex.networks import convolutions
from jaxtex.synthesis import api, config
from jaxtex.weights import kernel_transforms

LAYERS = ("relu1_2", "relu3_3")
pytestmark = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="kernels are transformed on CPU only"
)


def load(octaves=2):
    return weights.load_network(weights.NetworkChoice(octaves=octaves), LAYERS)


def transform(sizes, octaves=2):
    return kernel_transforms.transform_kernels(*load(octaves), sizes)


@jax.jit(static_argnums=0)
def evaluate(network, variables, image):
    """Returns features, and the gradient of the deepest."""
    slope = jax.grad(lambda x: network.apply(variables, x)["relu3_3/2"].sum())(image)
    return network.apply(variables, image), slope


@pytest.mark.slow
@pytest.mark.parametrize("frequent", [(256, 256), (96, 96)], ids=str)
@pytest.mark.parametrize("size", [(256, 256), (96, 64), (37, 45)], ids=str)
def test_features_and_gradient_are_the_same(size, frequent, monkeypatch):
    monkeypatch.setattr(convolutions, "MIN_TILED_WORK", 2**22)
    network, plain = load()
    transformed = transform([frequent])
    assert transformed[networks.PREPARED]

    image = np.random.default_rng(0).random((*size, 3), np.float32)
    expected, expected_slope = evaluate(network, plain, image)
    features, slope = evaluate(network, transformed, image)
    for layer in expected:
        tolerance = 2e-5 * float(expected[layer].max())
        np.testing.assert_allclose(features[layer], expected[layer], atol=tolerance)
    tolerance = 2e-5 * np.abs(expected_slope).max()
    np.testing.assert_allclose(slope, expected_slope, atol=tolerance)


def test_kernels_have_the_forms_that_the_sizes_need():
    small = transform([(64, 64)], octaves=1)
    assert not small[networks.PREPARED]
    assert "kernel" in small["params"]["conv3_3"]

    large = transform([(256, 256)], octaves=1)
    assert large[networks.PREPARED]["conv3_3"]["kernel"].for_gradient.shape == (36, 160, 160)
    assert "kernel" not in large["params"]["conv3_3"]
    assert "conv1_1" not in large[networks.PREPARED]
    assert "kernel" in large["params"]["conv1_1"]

    both = transform([(256, 256), (64, 64)], octaves=1)
    assert "conv3_3" in both[networks.PREPARED]
    assert "kernel" in both["params"]["conv3_3"]


def test_bias_and_other_variables_are_kept():
    _, plain = load(octaves=1)
    large = transform([(256, 256)], octaves=1)
    np.testing.assert_array_equal(
        large["params"]["conv3_3"]["bias"], plain["params"]["conv3_3"]["bias"]
    )
    assert large["preprocessing"].keys() == plain["preprocessing"].keys()


@pytest.mark.parametrize(
    "sizes, octaves, tile_side",
    [
        ([(104, 96)], 1, 6),  # conv3_3 has 26 x 24 pixels, and the border
        ([(96, 96)], 1, 4),
        ([(96, 96), (256, 256)], 2, 6),
    ],
)
def test_tiles_are_small_if_all_images_are(sizes, octaves, tile_side):
    kernels = transform(sizes, octaves)[networks.PREPARED]["conv3_3"]["kernel"]
    assert kernels.for_gradient.shape == (tile_side**2, 160, 160)


def test_tile_size_depends_on_the_pixels():
    most = convolutions.MAX_SMALL_TILE_PIXELS
    assert [convolutions.tile_size(pixels) for pixels in (most, most + 1)] == [4, 6]


def test_a_plan_has_transformed_kernels_in_its_data(monkeypatch):
    style = np.random.default_rng(0).random((64, 64, 3), np.float32)
    monkeypatch.setattr(convolutions, "MIN_TILED_WORK", 2**16)
    plan = api.build_plan(style, config.Config(size=64, num_steps=2))
    assert plan.problems[-1].data(0)["variables"][networks.PREPARED]


def test_fixed_filters_are_returned_unchanged():
    network, variables = weights.load_network(weights.NetworkChoice("steerable"), ("bands",))
    transformed = kernel_transforms.transform_kernels(network, variables, [(256, 256)])
    assert transformed is variables


def test_a_network_with_other_algorithms_is_returned_unchanged():
    network, variables = load()
    network = network.clone(network=network.network.clone(algorithms="xla"))
    transformed = kernel_transforms.transform_kernels(network, variables, [(256, 256)])
    assert transformed is variables


def test_the_network_of_another_platform_has_other_algorithms(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    network, _ = load()
    assert network.network.algorithms == "xla"
