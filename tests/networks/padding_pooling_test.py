"""Padding, halving and doubling against loops in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import networks
from jaxtex.networks import padding_pooling


def image(height=19, width=14):
    return jax.random.uniform(jax.random.key(2), (height, width, 3))


algorithms = pytest.mark.parametrize("algorithms", networks.ALGORITHMS)


def naive_halve(x):
    """Smoothing by 1, 3, 3, 1 along both axes, then every second pixel."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    taps = np.array([1, 3, 3, 1]) / 8
    rows, columns = range(0, x.shape[0] - 1, 2), range(0, x.shape[1] - 1, 2)
    return np.array(
        [
            [np.einsum("i,j,ijc->c", taps, taps, padded[i : i + 4, j : j + 4]) for j in columns]
            for i in rows
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("height, width", [(8, 6), (7, 9)])
def test_halving_against_a_loop(height, width):
    even = np.asarray(image(height, width))[: height // 2 * 2, : width // 2 * 2]
    np.testing.assert_allclose(
        padding_pooling.halve(image(height, width), "reflect"), naive_halve(even), atol=1e-6
    )


def naive_double(x):
    """The four nearest pixels, weighted by 9/16, 3/16, 3/16 and 1/16; the border is repeated."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="edge")
    out = np.zeros((2 * x.shape[0], 2 * x.shape[1], x.shape[2]))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            i, j = row // 2 + 1, column // 2 + 1
            k, m = i + (1 if row % 2 else -1), j + (1 if column % 2 else -1)
            out[row, column] = (
                9 * padded[i, j] + 3 * padded[k, j] + 3 * padded[i, m] + padded[k, m]
            ) / 16
    return out


@pytest.mark.slow
@pytest.mark.parametrize("height, width", [(4, 5), (1, 3)])
def test_doubling_against_a_loop(height, width):
    doubled = padding_pooling.double(image(height, width), "replicate")
    np.testing.assert_allclose(doubled, naive_double(np.asarray(image(height, width))), atol=1e-6)


@pytest.mark.slow
def test_doubling_is_the_transpose_of_halving():
    fine, coarse = image(8, 6), image(4, 3)
    left = jnp.vdot(padding_pooling.halve(fine, "wrap"), coarse)
    right = jnp.vdot(fine, padding_pooling.double(coarse, "wrap"))
    np.testing.assert_allclose(4 * left, right, rtol=1e-5)


@pytest.mark.slow
@algorithms
@pytest.mark.parametrize("padding", padding_pooling.PADDINGS)
def test_padding_is_numpys(padding, algorithms):
    padded = padding_pooling.pad(image(7, 6), padding, 5, algorithms)
    mode = padding_pooling.PADDINGS[padding]
    np.testing.assert_array_equal(padded, np.pad(image(7, 6), ((5, 5), (5, 5), (0, 0)), mode))


@pytest.mark.slow
@algorithms
@pytest.mark.parametrize("height, pixels", [(7, 1), (7, 5), (4, 9), (1, 3)])
@pytest.mark.parametrize("padding", [*padding_pooling.PADDINGS, "wrap/reflect"])
def test_the_gradient_of_padding_adds_up_copies(padding, height, pixels, algorithms):
    images = jnp.stack([image(height, 6)] * 2)
    cotangents = jax.random.normal(jax.random.key(1), (2, height + 2 * pixels, 6 + 2 * pixels, 3))
    pad = lambda x: padding_pooling.pad(x, padding, pixels, algorithms)
    _, gradient = jax.vjp(jax.vmap(pad), images)
    sources = np.arange(1, 1 + height * 6).reshape(height, 6)  # 0: nowhere
    for axis, name in enumerate(padding_pooling.split_padding(padding)):
        sources = np.pad(
            sources, [(pixels * (i == axis),) * 2 for i in range(2)], padding_pooling.PADDINGS[name]
        )
    expected = np.zeros((2, 1 + height * 6, 3))
    np.add.at(expected, (slice(None), sources), cotangents)
    np.testing.assert_allclose(
        gradient(cotangents)[0], expected[:, 1:].reshape(images.shape), atol=1e-5
    )


@pytest.mark.parametrize("padding", ["reflect", "replicate", "wrap"])
def test_only_the_cpu_pads_by_gather(padding):
    """XLA cannot exchange the rows of a gather between devices without moving whole features."""
    program = lambda algorithms: str(
        jax.make_jaxpr(lambda x: padding_pooling.pad(x, padding, 3, algorithms))(image(7, 6))
    )
    assert "gather" in program("cpu") and "gather" not in program("xla")


def test_algorithms_by_platform():
    by_hand = {("cpu", 1): "cpu", ("cpu", 8): "xla", ("gpu", 1): "xla", ("tpu", 4): "xla"}
    assert {choice: networks.algorithms_for(*choice) for choice in by_hand} == by_hand


@pytest.mark.slow
def test_a_lone_row_is_its_own_mirror():
    assert (padding_pooling.pad(jnp.ones((1, 4, 1)), "reflect", 3) == 1).all()


def test_fast_lengths_have_small_prime_factors():
    by_hand = {1: 1, 7: 8, 11: 12, 13: 15, 206: 216, 208: 216}
    assert {side: padding_pooling.next_fast_length(side) for side in by_hand} == by_hand
