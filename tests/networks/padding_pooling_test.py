"""Larger and smaller grids against loops in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex.networks import padding_pooling


def image(height=19, width=14):
    return jax.random.uniform(jax.random.key(2), (height, width, 3))


def naive_halve(x):
    """Smoothing by 1, 3, 3, 1 along both axes, then every second pixel."""
    padded, taps = np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="reflect"), np.array([1, 3, 3, 1]) / 8
    rows, columns = range(0, x.shape[0] - 1, 2), range(0, x.shape[1] - 1, 2)
    return np.array(
        [
            [np.einsum("i,j,ijc->c", taps, taps, padded[i : i + 4, j : j + 4]) for j in columns]
            for i in rows
        ]
    )


@pytest.mark.parametrize("height, width", [(8, 6), (7, 9)])
def test_halving_against_a_loop(height, width):
    even = np.asarray(image(height, width))[: height // 2 * 2, : width // 2 * 2]
    np.testing.assert_allclose(
        padding_pooling.halve(image(height, width), "reflect"), naive_halve(even), atol=1e-6
    )


def naive_double(x):
    """Nine, three, three and one sixteenth of the four nearest pixels, the border repeated."""
    padded, out = (
        np.pad(x, ((1, 1), (1, 1), (0, 0)), mode="edge"),
        np.zeros((2 * x.shape[0], 2 * x.shape[1], x.shape[2])),
    )
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            i, j = row // 2 + 1, column // 2 + 1
            k, m = i + (1 if row % 2 else -1), j + (1 if column % 2 else -1)
            out[row, column] = (
                9 * padded[i, j] + 3 * padded[k, j] + 3 * padded[i, m] + padded[k, m]
            ) / 16
    return out


@pytest.mark.parametrize("height, width", [(4, 5), (1, 3)])
def test_doubling_against_a_loop(height, width):
    doubled = padding_pooling.double(image(height, width), "replicate")
    np.testing.assert_allclose(doubled, naive_double(np.asarray(image(height, width))), atol=1e-6)


def test_doubling_is_the_transpose_of_halving():
    fine, coarse = image(8, 6), image(4, 3)
    left, right = (
        jnp.vdot(padding_pooling.halve(fine, "wrap"), coarse),
        jnp.vdot(fine, padding_pooling.double(coarse, "wrap")),
    )
    np.testing.assert_allclose(4 * left, right, rtol=1e-5)


@pytest.mark.parametrize("padding", padding_pooling.PADDINGS)
def test_padding_is_numpys(padding):
    padded = padding_pooling.pad(image(7, 6), padding, 5)
    np.testing.assert_array_equal(
        padded, np.pad(image(7, 6), ((5, 5), (5, 5), (0, 0)), padding_pooling.PADDINGS[padding])
    )


@pytest.mark.parametrize("height, pixels", [(7, 1), (7, 5), (4, 9), (1, 3)])
@pytest.mark.parametrize("padding", [*padding_pooling.PADDINGS, "wrap/reflect"])
def test_paddings_gradient_goes_where_the_pixels_came_from(padding, height, pixels):
    images, sides = jnp.stack([image(height, 6)] * 2), (height + 2 * pixels, 6 + 2 * pixels)
    cotangents = jax.random.normal(jax.random.key(1), (2, *sides, 3))
    _, gradient = jax.vjp(jax.vmap(lambda x: padding_pooling.pad(x, padding, pixels)), images)
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
def test_rows_over_devices_are_padded_the_same_way(padding):
    for axis in (0, 1):
        arguments = image(7, 6), axis, padding_pooling.PADDINGS[padding], 3
        np.testing.assert_array_equal(
            padding_pooling._pad_by_sums(*arguments), padding_pooling._pad_by_gather(*arguments)
        )


def test_a_lone_row_is_its_own_mirror():
    assert (padding_pooling.pad(jnp.ones((1, 4, 1)), "reflect", 3) == 1).all()


def test_smooth_sides_have_small_factors():
    by_hand = {1: 1, 7: 8, 11: 12, 13: 15, 206: 216, 208: 216}
    assert {side: padding_pooling.next_fast_length(side) for side in by_hand} == by_hand
