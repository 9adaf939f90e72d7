"""Tests of the temporal term: what stands still is kept, what moves is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, images, losses
from jaxtex.losses import temporal

RNG = np.random.default_rng(0)
CONTENT = RNG.uniform(size=(40, 48, 3)).astype(np.float32)
RESULT = RNG.uniform(size=(40, 48, 3)).astype(np.float32)


def moved():
    """Returns the content with another square in it."""
    after = CONTENT.copy()
    after[8:20, 8:20] = 1 - after[8:20, 8:20]
    return after


def test_the_share_is_one_at_rest_and_zero_where_something_moves():
    share = temporal.unchanged_share(moved(), CONTENT)
    assert share.shape == (40, 48, 1) and share.dtype == np.float32
    assert share[10:18, 10:18].max() < 1e-3
    far = share.copy()
    far[6:22, 6:22] = 1  # the blur reaches two pixels
    assert np.all(far == 1)


def test_the_noise_of_a_camera_counts_as_rest():
    noise = RNG.normal(0, 1 / 255, (2, *CONTENT.shape))
    before, after = np.clip(CONTENT + noise, 0, 1).astype(np.float32)
    assert temporal.unchanged_share(after, before).min() > 0.95


def test_the_share_of_a_single_pixel_against_the_formula():
    after = np.zeros((9, 9, 3), np.float32)
    after[4, 4] = 0.1
    share = temporal.unchanged_share(after, np.zeros_like(after))[..., 0]
    blur = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    np.testing.assert_allclose(share[2:7, 2:7], np.exp(-blur * 0.1**2 / 0.05**2), rtol=1e-6)


def build_target():
    """Returns the target of an image four pixels wider and lower than the result."""
    start = np.pad(RESULT, ((0, 4), (0, 4), (0, 0)), "edge")
    share = temporal.unchanged_share(moved(), CONTENT)
    given = losses.TargetImages([], [], moved(), 44, 52, None, previous=start, unchanged=share)
    return temporal.temporal(2.0).make_target(given), share


def test_the_term_against_a_loop_and_its_gradient():
    target, share = build_target()
    image = jnp.asarray(RNG.uniform(size=(44, 52, 3)).astype(np.float32))
    term = temporal.temporal(2.0)
    value, gradient = jax.value_and_grad(lambda x: term.evaluate(x, {}, target))(image)

    total = 0.0
    for i in range(44):
        for j in range(52):
            row, column = min(i, 39), min(j, 47)
            difference = np.asarray(image)[i, j] - RESULT[row, column]
            total += share[row, column, 0] * np.sum(difference**2)
    np.testing.assert_allclose(value, total / image.size, rtol=1e-5)
    assert term.weight == 2.0
    assert np.abs(gradient[10:18, 10:18]).max() < 1e-3 * np.abs(gradient).max()
    still = jax.grad(lambda x: term.evaluate(x, {}, target))(target["previous"])
    assert not still.any()


def test_contents_are_compared_at_the_size_of_the_result(tmp_path):
    images.save(tmp_path / "before.png", CONTENT)
    share = temporal.compare(CONTENT, str(tmp_path / "before.png"), 20, 24)
    assert share.shape == (20, 24, 1) and share.min() > 0.99
    assert temporal.compare(CONTENT, "", 20, 24) is None
    transparent = np.concatenate([CONTENT, np.zeros((40, 48, 1), np.float32)], -1)
    white = np.ones_like(CONTENT)
    np.testing.assert_array_equal(temporal.compare(transparent, white, 40, 48), 1.0)
    with pytest.raises(errors.UserError, match="a previous content must have shape"):
        temporal.compare(CONTENT, CONTENT[..., :2], 20, 24)
