"""A result that goes on from its own beginning."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.losses import terms
from jaxtex.metrics import artifacts
from jaxtex.networks import padding_pooling
from jaxtex.synthesis import api, config, initialization

SMALL = {"size": 48, "width": 64, "octaves": 2, "layers": "relu1_1,relu2_1", "num_steps": 30}


@pytest.fixture
def uneven(exemplar):
    """It does not tile: brighter from corner to corner."""
    ramp = np.linspace(-0.3, 0.3, 48)[:, None, None] + np.linspace(-0.2, 0.2, 64)[:, None]
    return np.clip(exemplar + ramp, 0, 1).astype(np.float32)


def loss_of(style, tile, roll):
    (problem,) = api.build_plan(
        style, config.Config(**SMALL, scales=1, tile=tile, tv_weight=0.1)
    ).problems
    image = np.random.default_rng(0).uniform(size=(48, 64, 3)).astype(np.float32)
    return float(problem.loss(np.roll(image, roll, (0, 1)), problem.data(0), ())[0])


@pytest.mark.parametrize("tile, roll", [("xy", (8, 16)), ("x", (0, 16)), ("y", (8, 0))])
def test_the_loss_knows_no_border_along_the_axes(uneven, tile, roll):
    assert loss_of(uneven, tile, (0, 0)) == pytest.approx(loss_of(uneven, tile, roll), rel=1e-4)
    assert loss_of(uneven, "", (0, 0)) != pytest.approx(loss_of(uneven, "", roll), rel=1e-4)


def test_the_seam_is_as_the_lines_inside(uneven):
    found = jaxtex.synthesize(uneven, **SMALL, tile="xy", scales=1)
    assert artifacts.seam(uneven, found) < 1.5


def test_enlarging_knows_no_border():
    image = np.random.default_rng(0).uniform(0.2, 0.8, (32, 48, 3)).astype(np.float32)
    for tile, roll in (("xy", (8, 12)), ("x", (0, 12)), ("y", (8, 0))):
        once = images.resize(image, 64, 96, tile)
        rolled = images.resize(np.roll(image, roll, (0, 1)), 64, 96, tile)
        np.testing.assert_allclose(np.roll(once, [2 * r for r in roll], (0, 1)), rolled, atol=1e-5)


@pytest.mark.parametrize("size", [(40, 100), (96, 128)])
def test_the_first_image_goes_on(uneven, size):
    noise = initialization.random_phase([uneven], [1.0], size, 0.5, np.random.default_rng(0), "xy")
    assert noise.shape == (*size, 3)
    assert artifacts.seam(uneven, noise) < 1.5


def test_total_variation_counts_the_seam():
    image = np.zeros((4, 4, 3), np.float32)
    image[:, :2] = 1.0
    value = lambda tile: float(terms.total_variation(1.0, tile).evaluate(image, {}, None))
    assert (
        value("") == pytest.approx(1 / 3)
        and value("x") == pytest.approx(2 / 4)
        and value("y") == pytest.approx(1 / 3)
    )


def test_paddings_of_rows_and_columns():
    x = np.arange(6.0).reshape(2, 3, 1)
    beside = np.pad(x, ((0, 0), (1, 1), (0, 0)), "wrap")
    np.testing.assert_array_equal(
        padding_pooling.pad(x, "zero/wrap"), np.pad(beside, ((1, 1), (0, 0), (0, 0)))
    )


@pytest.mark.parametrize(
    "tile, size, line",
    [("z", {}, "--tile=z: x, y or xy"), ("y", {"height": 50}, "--height=48 or --height=52")],
)
def test_what_cannot_be_is_refused(uneven, tile, size, line):
    with pytest.raises(errors.UserError, match=line):
        jaxtex.synthesize(uneven, **SMALL, **size, tile=tile)
