"""Tests of patches of pixels: against NumPy's windows, at borders, and in small images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import networks
from jaxtex.networks import pixel_patches
from jaxtex.synthesis import api
from jaxtex.synthesis import config as configs

IMAGE = np.random.default_rng(0).random((11, 13, 3), np.float32)


def patches(image, padding="reflect", algorithms="xla"):
    network = pixel_patches.PixelPatches(padding, ("patches",), algorithms=algorithms)
    return jax.jit(network.apply)({}, image)["patches"]


def windows(image):
    """All patches of 7 x 7 pixels, `[H - 6, W - 6, 147]`."""
    found = np.lib.stride_tricks.sliding_window_view(image, (7, 7), (0, 1))
    return np.moveaxis(found, 2, -1).reshape(*found.shape[:2], 147)


@pytest.mark.parametrize("padding", ["zero", "reflect", "replicate"])
def test_patches_against_numpy(padding):
    np.testing.assert_allclose(patches(IMAGE, padding), 2 * windows(IMAGE) - 1, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("algorithms", networks.ALGORITHMS)
def test_wrapped_patches_go_on_at_the_opposite_border(algorithms):
    both = np.pad(IMAGE, ((3, 3), (3, 3), (0, 0)), "wrap")
    found = patches(IMAGE, "wrap", algorithms)
    np.testing.assert_allclose(found, 2 * windows(both) - 1, atol=1e-6)
    rows = np.pad(IMAGE, ((3, 3), (0, 0), (0, 0)), "wrap")
    found = patches(IMAGE, "wrap/reflect", algorithms)
    np.testing.assert_allclose(found, 2 * windows(rows) - 1, atol=1e-6)
    moved = patches(np.roll(IMAGE, (4, -6), (0, 1)), "wrap", algorithms)
    np.testing.assert_allclose(
        moved, np.roll(patches(IMAGE, "wrap", algorithms), (4, -6), (0, 1)), atol=1e-6
    )


@pytest.mark.parametrize("padding", ["zero", "wrap", "wrap/zero"])
def test_shapes_are_those_of_the_features(padding):
    network = pixel_patches.PixelPatches(padding, ("patches",))
    for height, width in ((7, 9), (8, 32)):
        image = jax.ShapeDtypeStruct((height, width, 3), np.float32)
        traced = jax.eval_shape(network.apply, {}, image)["patches"].shape
        assert network.feature_shapes(height, width) == {"patches": traced}
    assert pixel_patches.PixelPatches("zero", ("patches",)).feature_shapes(5, 9) == {
        "patches": (0, 3, 147)
    }


def test_each_pixel_counts_as_often_as_patches_contain_it():
    gradient = jax.grad(lambda image: patches(image).sum())(jnp.asarray(IMAGE))
    counts = [np.minimum(np.arange(n) + 1, np.arange(n)[::-1] + 1) for n in IMAGE.shape[:2]]
    rows, columns = (np.minimum(count, min(7, len(count) - 6)) for count in counts)
    np.testing.assert_allclose(gradient[..., 0], 2 * np.outer(rows, columns), rtol=1e-6)


def test_a_result_that_tiles_is_compared_across_its_borders():
    """Positions are drawn in the layer of the result, which is longer than without wrapping."""
    exemplar = np.random.default_rng(1).random((32, 32, 3), np.float32)
    choices = configs.Config(
        network="patches", statistic="sliced_wasserstein", size=32, octaves=1, scales=1, tile="xy"
    )
    (problem,) = api.build_plan(exemplar, choices).problems
    drawn = problem.data(0)["targets"]["sliced_wasserstein"]["patches"]["sample"]["positions"]
    # Among 256 of 32 x 32 positions; 26 x 26 would end at 675.
    assert 900 < drawn.max() < 32 * 32
