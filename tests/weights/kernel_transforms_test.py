"""Prepared weights against those as they were: the same features, in all sizes."""

import jax
import numpy as np
import pytest

from jaxtex import networks
from jaxtex.networks import convolutions
from jaxtex.synthesis import config, planning
from jaxtex.weights import kernel_transforms, loading

LAYERS = ("relu1_2", "relu3_3")
ON_CPU = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="kernels are prepared on CPU alone"
)
pytestmark = ON_CPU


def loaded(sizes, octaves=2):
    network, variables = loading.load_network(config.Config(octaves=octaves), LAYERS)
    return network, kernel_transforms.transform_kernels(
        network, variables, sizes
    ).result() if sizes else variables


@jax.jit(static_argnums=0)
def seen(network, variables, image):
    """Features, and the gradient of the deepest."""
    slope = jax.grad(lambda x: network.apply(variables, x)["relu3_3/2"].sum())(image)
    return network.apply(variables, image), slope


@pytest.mark.parametrize("often", [(256, 256), (96, 96)], ids=str)
@pytest.mark.parametrize("size", [(256, 256), (96, 64), (37, 45)], ids=str)
def test_features_and_gradient_are_the_same(size, often, monkeypatch):
    monkeypatch.setattr(convolutions, "MIN_TILED_WORK", 2**22)
    network, plain = loaded(())
    _, prepared = loaded([often])
    assert prepared[networks.PREPARED]
    image = np.random.default_rng(0).random((*size, 3), np.float32)
    (features, slope), (found, found_slope) = (
        seen(network, variables, image) for variables in (plain, prepared)
    )
    for layer in features:
        np.testing.assert_allclose(
            found[layer], features[layer], atol=2e-5 * float(features[layer].max())
        )
    np.testing.assert_allclose(found_slope, slope, atol=2e-5 * np.abs(slope).max())


def test_only_what_is_fastest_so_and_both_forms_where_sizes_differ():
    _, none = loaded([(64, 64)], octaves=1)
    _, one = loaded([(256, 256)], octaves=1)
    _, both = loaded([(256, 256), (64, 64)], octaves=1)
    assert not none[networks.PREPARED] and "kernel" in none["params"]["conv3_3"]
    assert one[networks.PREPARED]["conv3_3"]["kernel"].back.shape == (36, 160, 160)
    assert "conv1_1" not in one[networks.PREPARED]
    assert "kernel" not in one["params"]["conv3_3"] and "kernel" in one["params"]["conv1_1"]
    assert "kernel" in both["params"]["conv3_3"] and "conv3_3" in both[networks.PREPARED]


def test_tiles_are_small_where_all_that_is_seen_so_is():
    few, more = convolutions.MAX_SMALL_TILE_PIXELS, convolutions.MAX_SMALL_TILE_PIXELS + 1
    assert [convolutions.tile_size(pixels) for pixels in (few, more)] == [4, 6]
    _, low = loaded([(104, 96)], octaves=1)  # 26 x 24 pixels, and borders
    _, small = loaded([(96, 96)], octaves=1)
    _, mixed = loaded([(96, 96), (256, 256)], octaves=2)
    found = [
        variables[networks.PREPARED]["conv3_3"]["kernel"].back.shape
        for variables in (low, small, mixed)
    ]
    assert found == [(36, 160, 160), (16, 160, 160), (36, 160, 160)]


def test_a_plan_uses_them_but_not_with_rows_over_devices(monkeypatch):
    style = np.random.default_rng(0).random((64, 64, 3), np.float32)
    monkeypatch.setattr(convolutions, "MIN_TILED_WORK", 2**16)
    plan = planning.build_plan(style, config.Config(size=64, num_steps=2))
    assert plan.problems[-1].data(0)["variables"][networks.PREPARED]
    assert not plan.problems[-1].loss.args[0].variables  # the plain ones leave memory
    monkeypatch.setattr(planning.sharding, "parse", lambda text: planning.sharding.Layout(1, 2))
    assert not planning._sizes(
        planning.input_images.build_inputs([style], None, config.Config(size=64)),
        config.Config(size=64),
    )


def test_fixed_filters_and_elsewhere_nothing_is_done(monkeypatch):
    network, variables = loading.load_network(config.Config(network="steerable"), ("bands",))
    assert (
        kernel_transforms.transform_kernels(network, variables, [(256, 256)]).result() is variables
    )
    network, variables = loaded(())
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not kernel_transforms.transform_kernels(network, variables, [(256, 256)]).result()[
        networks.PREPARED
    ]
