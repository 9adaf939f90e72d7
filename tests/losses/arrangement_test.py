"""Tests of the arrangement of textures: its term, and the regularity of an exemplar."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import losses
from jaxtex.losses import arrangement

SIDE = 48
RNG = np.random.default_rng(0)
NOISE = RNG.random((SIDE, SIDE, 3), np.float32)


def tiles(period: int, side: int = SIDE) -> np.ndarray:
    """Returns a checkerboard whose tiles differ a little, `[side, side, 3]`."""
    cells = np.add.outer(*2 * [np.arange(side) // period])
    noise = np.random.default_rng(1).random((side, side, 3), np.float32)
    return (0.2 + 0.5 * (cells % 2)[..., None] + 0.1 * noise).astype(np.float32)


def target_of(*styles: np.ndarray, height: int = SIDE, width: int = SIDE):
    """Returns the target of exemplars with equal weights."""
    images = losses.TargetImages(styles, [1.0] * len(styles), None, height, width, None)
    return arrangement.arrangement(1.0).make_target(images)


def value(target, image: np.ndarray) -> float:
    """Returns the term of an image."""
    return float(arrangement.arrangement(1.0).evaluate(jnp.asarray(image), {}, target))


@pytest.mark.slow
def test_the_term_tells_arrangements_apart():
    target = target_of(tiles(6))
    assert value(target, tiles(6)) < 1e-6
    blocks = tiles(6).reshape(8, 6, 8, 6, 3).swapaxes(1, 2).reshape(64, 6, 6, 3)
    blocks = blocks[np.random.default_rng(2).permutation(64)]
    shuffled = blocks.reshape(8, 8, 6, 6, 3).swapaxes(1, 2).reshape(SIDE, SIDE, 3)
    assert value(target, tiles(6)[:, ::-1]) < 0.2 < 0.5 < value(target, shuffled)
    assert value(target, tiles(7)) > 0.5


@pytest.mark.slow
def test_exemplar_and_result_may_differ_in_size():
    target = target_of(tiles(6, 40), height=SIDE, width=64)
    image = np.concatenate([tiles(6), tiles(6)[:, :16]], 1)
    assert value(target, image) < 0.5 * value(target, np.full_like(image, 0.5))


@pytest.mark.slow
@pytest.mark.parametrize("image", [np.full((SIDE, SIDE, 3), 0.5, np.float32), tiles(6), NOISE])
def test_the_gradient_is_finite(image):
    target = target_of(tiles(6))
    term = arrangement.arrangement(1.0)
    gradient = jax.grad(lambda x: term.evaluate(x, {}, target))(jnp.asarray(image))
    assert jnp.isfinite(gradient).all()


@pytest.mark.slow
def test_the_gradient_against_differences():
    target = target_of(tiles(6))
    image, direction = tiles(5), 1e-2 * RNG.standard_normal((SIDE, SIDE, 3)).astype(np.float32)
    term = arrangement.arrangement(1.0)
    gradient = jax.grad(lambda x: term.evaluate(x, {}, target))(jnp.asarray(image))
    steps = value(target, image + 0.5 * direction) - value(target, image - 0.5 * direction)
    assert steps == pytest.approx(float(jnp.vdot(gradient, direction)), rel=0.05)


def test_regularity_of_tiles_and_of_noise():
    assert arrangement.regularity(tiles(6)) > 0.9
    assert arrangement.regularity(NOISE) < 0.25
    assert arrangement.regularity(np.full((32, 50, 3), 0.5, np.float32)) == 0
    large = np.kron(tiles(6), np.ones((8, 8, 1), np.float32))
    assert arrangement.regularity(large) > 0.9


@pytest.mark.slow
def test_large_images_are_reduced():
    rolled = np.roll(tiles(64, 512), (5, 9), (0, 1))
    target = target_of(tiles(64, 512), height=600, width=512)
    ((name, found),) = target.items()
    assert name == "autocovariances/2"
    assert found.shape == (113, 225, 2)
    image = np.concatenate([rolled, rolled[:88]])
    assert value(target, image) < 0.5 * value(target, np.full_like(image, 0.5))
