"""Tests of the visibility of an outline."""

import numpy as np
import pytest

from jaxtex import errors, metrics


@pytest.fixture
def mask():
    mask = np.zeros((64, 72), np.float32)
    mask[20:44, 24:50] = 1
    return mask


def test_nothing_is_seen_in_noise(mask):
    noise = np.random.default_rng(0).uniform(size=(64, 72, 3))
    assert metrics.outline(mask, noise) == pytest.approx(1, abs=0.1)


def test_a_paler_patch_of_a_smooth_image_is_seen(mask):
    ramp = np.broadcast_to(np.linspace(0.2, 0.6, 72)[None, :, None] ** 2, (64, 72, 3))
    assert metrics.outline(mask, ramp + 0.1 * mask[..., None]) > 20
    assert metrics.outline(mask, ramp) < 2


def test_the_value_of_a_step_is_that_worked_out_by_hand():
    # Steps of 0.1 each second line: bends of 0.1 and -0.1 everywhere, of 0.4 at the outline.
    row = np.tile([0.3, 0.4], 16)
    row[16:] += 0.3
    image = np.broadcast_to(row[None, :, None], (8, 32, 3))
    mask = np.zeros((8, 32))
    mask[:, 16:] = 1
    bends = np.diff(row)
    bends = bends[1:-1] - (bends[:-2] + bends[2:]) / 2
    near = np.delete(bends, range(12, 17))
    expected = abs(bends[14]) / (np.sqrt(np.mean(near**2)) + 1e-5)
    assert metrics.outline(mask, image) == pytest.approx(expected, rel=1e-5)


def test_mask_and_image_must_fit(mask):
    with pytest.raises(errors.UserError, match="must have one size, got 72 x 64 and 64 x 64"):
        metrics.outline(mask, np.zeros((64, 64, 3)))
    with pytest.raises(errors.UserError, match="no outline"):
        metrics.outline(np.ones((64, 72)), np.zeros((64, 72, 3)))
    with pytest.raises(errors.UserError, match="outline everywhere"):
        metrics.outline(np.indices((64, 72)).sum(0) % 2, np.zeros((64, 72, 3)))
    with pytest.raises(errors.UserError, match="40 x 3 pixels; must be at least 4 on each side"):
        metrics.outline(np.eye(3, 40), np.zeros((3, 40, 3)))
    assert metrics.outline(np.indices((4, 40))[1] > 9, np.zeros((4, 40, 3))) == 0
