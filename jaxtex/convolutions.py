"""3x3 convolutions that are fast on CPU too: forward, and in the gradient with respect to the features.

`convolve` is the whole of it. Features are `[H, W, C]`, kernels `[3, 3, C, D]`; batches come by `jax.vmap`.

References:
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, https://arxiv.org/abs/1509.09308.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

NARROW = 16  # channels: below this the transforms of `winograd` cost more than they save
SMALLEST = 18  # pixels: below this `winograd` has too few tiles for its 36 kernels

# F(4x4, 3x3): 4x4 outputs from a tile of 6x6 inputs, interpolated at 0, 1, -1, 2, -2 and infinity; section 4.3 there.
TILE = 4
TO_TILES = ((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
            (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1))  # fmt: skip
FROM_TILES = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
OF_KERNEL = np.array(((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))) / 24


def convolve(features: jax.Array, kernel: jax.Array) -> jax.Array:
    if jax.default_backend() != "cpu":
        return direct(features, kernel)
    return _convolve(features, kernel)


@jax.custom_vjp
def _convolve(features: jax.Array, kernel: jax.Array) -> jax.Array:
    return choose(features.shape, kernel.shape)(features, kernel)


def _forward(features: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _convolve(features, kernel), (features, kernel)


def _backward(residuals: tuple[jax.Array, jax.Array], cotangent: jax.Array) -> tuple[jax.Array, jax.Array]:
    features, kernel = residuals
    padded = jnp.pad(cotangent, ((2, 2), (2, 2), (0, 0)))
    to_features = _convolve(padded, kernel[::-1, ::-1].swapaxes(2, 3))
    (to_kernel,) = jax.linear_transpose(lambda kernel: direct(features, kernel), kernel)(cotangent)
    return to_features, to_kernel


_convolve.defvjp(_forward, _backward)


def choose(features: tuple[int, ...], kernel: tuple[int, ...]):
    """The algorithm for these shapes, by the rule of `convolve`."""
    if kernel[2] < NARROW:
        return gather
    if kernel[3] < NARROW:
        return scatter
    return winograd if min(features[:2]) >= SMALLEST else direct


def direct(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """XLA's own."""
    return lax.conv_general_dilated(
        features[None], kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), precision="highest"
    )[0]


def gather(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, 9 C] [9 C, D]` of every pixel's neighbourhood."""
    neighbours = jnp.concatenate(_shifts(features), axis=-1)
    return _product(neighbours, kernel.reshape(-1, kernel.shape[-1]))


def scatter(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, C] [C, 9 D]`, then the sum of what every pixel gives to its neighbourhood."""
    gifts = _product(features, kernel.transpose(2, 0, 1, 3).reshape(kernel.shape[2], -1))
    gifts = jnp.split(gifts, 9, axis=-1)
    return sum(_shifts(gift)[position] for position, gift in enumerate(gifts))


def winograd(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """36 products `[H W / 16, C] [C, D]`: 36 instead of 144 multiplications for 4x4 outputs."""
    height, width = features.shape[0] - 2, features.shape[1] - 2
    rows, columns = -(-height // TILE), -(-width // TILE)
    tiles = jnp.pad(features, ((0, rows * TILE - height), (0, columns * TILE - width), (0, 0)))
    tiles = _combine(TO_TILES, [tiles[i : i + rows * TILE - 3 : TILE] for i in range(6)], axis=0)
    tiles = _combine(TO_TILES, [tiles[:, :, j : j + columns * TILE - 3 : TILE] for j in range(6)], axis=0)
    tiles = tiles.reshape(36, rows * columns, -1)  # [6 x 6, H W / 16, C], column first
    tiles = jnp.matmul(tiles, _kernels(kernel), precision="highest").reshape(6, 6, rows, columns, -1)
    tiles = _combine(FROM_TILES, [tiles[:, i] for i in range(6)], axis=2)
    tiles = _combine(FROM_TILES, list(tiles), axis=3)  # [H / 4, 4, W / 4, 4, D]
    return tiles.reshape(rows * TILE, columns * TILE, -1)[:height, :width]


def _kernels(kernel: jax.Array) -> jax.Array:
    """`[3, 3, C, D]` -> `[6 x 6, C, D]`, column first: one product, as transforming rows and columns in turn is slow."""
    matrix = np.einsum("ia,jb->jiab", OF_KERNEL, OF_KERNEL).reshape(36, 9).astype(kernel.dtype)
    return _product(matrix, kernel.reshape(9, -1)).reshape(36, *kernel.shape[2:])


def _combine(matrix, parts, axis):
    """Sums of the parts with the weights in each row of the matrix, stacked; zeros are left out."""
    rows = ([weight * part for weight, part in zip(row, parts) if weight] for row in matrix)
    return jnp.stack([sum(row[1:], row[0]) for row in rows], axis=axis)


def _shifts(features):
    """The nine windows `[H - 2, W - 2, C]` of `[H, W, C]`, row by row."""
    height, width = features.shape[0] - 2, features.shape[1] - 2
    return [features[i : i + height, j : j + width] for i in range(3) for j in range(3)]


def _product(left, right):
    return jnp.matmul(left, right, precision="highest")
