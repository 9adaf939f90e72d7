"""Tests of results whose opposite borders continue each other, `--tile`."""

import jax
import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.losses import terms
from jaxtex.metrics import artifacts
from jaxtex.networks import padding_pooling
from jaxtex.synthesis import api
from jaxtex.synthesis import config as configs
from jaxtex.synthesis.starts import spot_noise

SMALL = {"size": 48, "width": 64, "octaves": 2, "layers": "relu1_1,relu2_1", "num_steps": 30}


@pytest.fixture
def uneven(exemplar):
    """A texture that does not tile: it gets brighter from corner to corner."""
    ramp = np.linspace(-0.3, 0.3, 48)[:, None, None] + np.linspace(-0.2, 0.2, 64)[:, None]
    return np.clip(exemplar + ramp, 0, 1).astype(np.float32)


def loss_of_random_image(style, tile, shift):
    """Returns the loss of an image that is rolled by some rows and columns."""
    config = configs.Config(**SMALL, scales=1, tile=tile, tv_weight=0.1)
    (problem,) = api.build_plan(style, config).problems
    image = np.random.default_rng(0).uniform(size=(48, 64, 3)).astype(np.float32)
    evaluate = jax.jit(problem.loss_fn)
    loss, _ = evaluate(np.roll(image, shift, (0, 1)), problem.data(0), ())
    return float(loss)


@pytest.mark.slow
@pytest.mark.parametrize("tile, shift", [("xy", (8, 16)), ("x", (0, 16)), ("y", (8, 0))])
def test_the_loss_does_not_depend_on_where_a_periodic_image_begins(uneven, tile, shift):
    expected = loss_of_random_image(uneven, tile, (0, 0))
    assert loss_of_random_image(uneven, tile, shift) == pytest.approx(expected, rel=1e-4)
    with_borders = loss_of_random_image(uneven, "", (0, 0))
    assert loss_of_random_image(uneven, "", shift) != pytest.approx(with_borders, rel=1e-4)


@pytest.mark.slow
def test_the_seam_is_no_larger_than_differences_inside(uneven):
    result = jaxtex.synthesize(uneven, **SMALL, tile="xy", scales=1)
    assert artifacts.seam(uneven, result) < 1.5


@pytest.mark.parametrize("tile, shift", [("xy", (8, 12)), ("x", (0, 12)), ("y", (8, 0))])
def test_a_periodic_image_is_enlarged_across_its_borders(tile, shift):
    image = np.random.default_rng(0).uniform(0.2, 0.8, (32, 48, 3)).astype(np.float32)
    enlarged = images.resize(image, 64, 96, tile)
    of_rolled = images.resize(np.roll(image, shift, (0, 1)), 64, 96, tile)
    expected = np.roll(enlarged, [2 * number for number in shift], (0, 1))
    np.testing.assert_allclose(of_rolled, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(40, 100), (96, 128)])
def test_the_initial_noise_is_periodic(uneven, size):
    noise = spot_noise.random_phase(
        [spot_noise.source_of(uneven)], [1.0], size, 0.5, np.random.default_rng(0), "xy"
    )
    assert noise.shape == (*size, 3)
    assert artifacts.seam(uneven, noise) < 1.5


@pytest.mark.parametrize("tile, expected", [("", 1 / 3), ("x", 2 / 4), ("y", 1 / 3)])
def test_total_variation_counts_the_seam(tile, expected):
    image = np.zeros((4, 4, 3), np.float32)
    image[:, :2] = 1.0
    term = terms.total_variation(1.0, tile)
    assert float(term.evaluate(image, {}, None)) == pytest.approx(expected)


def test_rows_and_columns_can_be_padded_differently():
    x = np.arange(6.0).reshape(2, 3, 1)
    columns = np.pad(x, ((0, 0), (1, 1), (0, 0)), "wrap")
    expected = np.pad(columns, ((1, 1), (0, 0), (0, 0)))
    np.testing.assert_array_equal(padding_pooling.pad(x, "zero/wrap"), expected)


@pytest.mark.parametrize(
    "tile, size, message",
    [
        ("z", {}, "--tile=z: must be x, y or xy"),
        ("y", {"height": 50, "width": 41}, "height 50 must be a multiple of 4: --height=48 --w"),
        ("x", {"height": 41, "width": 33}, "width 33 must be a multiple of 4: --height=41 --w"),
    ],
)
def test_a_size_that_cannot_be_periodic_is_an_error(uneven, tile, size, message):
    with pytest.raises(errors.UserError, match=message):
        jaxtex.synthesize(uneven, **(SMALL | size), tile=tile)
