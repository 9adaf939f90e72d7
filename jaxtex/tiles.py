"""Convolutions of 3x3 by Winograd's tiles: 36 multiplications where there are 144, and their gradients likewise.

Features are `[H, W, C]`, a kernel `[3, 3, C, D]`, what comes out `[H - 2, W - 2, D]`.

References:
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, https://arxiv.org/abs/1509.09308.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

PART = 2**23  # numbers that are held at once in the form of tiles: 32 MB; products of fewer are slower


def _interpolation(*points: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`B^T`, `G`, `A^T` of Lavin and Gray's equation 8: polynomials multiplied by values there and at infinity."""
    others = [np.delete(points, index) for index in range(len(points))]
    scales = [np.prod(point - other) for point, other in zip(points, others, strict=True)]
    to_tile = np.array([[*np.poly(other)[::-1], 0] for other in others] + [np.poly(points)[::-1]])
    of_kernel = np.array(
        [np.power(point, (0, 1, 2)) / scale for point, scale in zip(points, scales, strict=True)] + [[0, 0, 1]]
    )
    from_tile = np.array([np.power(point, (0, 1, 2, 3)) for point in points] + [[0, 0, 0, 1]]).T
    return to_tile, of_kernel, from_tile


# F(4x4, 3x3): tiles of 6x6 inputs give 4x4 outputs. The paper's points 0, 1, -1, 2, -2 err four times as much.
TO_TILE, OF_KERNEL, FROM_TILE = _interpolation(0.0, 0.75, -0.75, 1.5, -1.5)
OF_KERNEL_2D = np.einsum("ia,jb->jiab", OF_KERNEL, OF_KERNEL).reshape(36, 9)


def convolve(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """Cross-correlation of `[H, W, C]` with `[3, 3, C, D]`, `[H - 2, W - 2, D]`: 36 products `[H W / 16, C] [C, D]`."""
    return _either(features, kernel, OF_KERNEL_2D, kernel_axis=2)


def gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    """That of the features, `[H, W, C]`, from that of the result, `[H - 2, W - 2, D]`.

    It is the same of the padded cotangent with the turned kernel; nothing is turned but the small matrix before it.
    """
    return _either(jnp.pad(cotangent, ((2, 2), (2, 2), (0, 0))), kernel, OF_KERNEL_2D[:, ::-1], kernel_axis=3)


def kernel_gradient(features: jax.Array, cotangent: jax.Array) -> jax.Array:
    """That of the kernel, `[3, 3, C, D]`, from the features and the gradient of the result."""
    rows, columns = -(-cotangent.shape[0] // 4), -(-cotangent.shape[1] // 4)
    tiles = _to_tiles(features, rows, columns, TO_TILE)
    cotangents = _to_tiles(cotangent, rows, columns, FROM_TILE.T)
    taps = jnp.einsum("tnc,tnd->tcd", tiles, cotangents, precision=lax.Precision.HIGHEST).reshape(36, -1)
    return product(OF_KERNEL_2D.T.astype(taps.dtype), taps).reshape(3, 3, features.shape[2], cotangent.shape[2])


def _either(features: jax.Array, kernel: jax.Array, of_kernel: np.ndarray, kernel_axis: int) -> jax.Array:
    """In parts that stay in the cache and take no memory for the next: of the image, or of the kernel if that is larger.

    Args:
      features: `[H, W, C]`.
      kernel: `[3, 3, C, D]`, or `[3, 3, D, C]`.
      of_kernel: from its 9 taps to 36, `[36, 9]`.
      kernel_axis: of C.
    """
    height, width = features.shape[0] - 2, features.shape[1] - 2
    tiles = -(-height // 4) * -(-width // 4) * sum(kernel.shape[2:])
    transform = lambda part: product(of_kernel.astype(part.dtype), part.reshape(9, -1)).reshape(36, *part.shape[2:])
    multiply = lambda tiles, part: contract(tiles, part, 2, kernel_axis - 1, batch=1)
    if tiles < kernel[0, 0].size:
        image = _by_outputs(features, kernel, lambda tiles, part: multiply(tiles, transform(part)), 5 - kernel_axis)
    else:
        image = _by_strips(features, transform(kernel), multiply, -(-36 * tiles // PART))
    return image[:height, :width]


def _by_outputs(features: jax.Array, kernel: jax.Array, multiply: Callable, axis: int) -> jax.Array:
    """A part of the outputs after the other; `axis` is theirs in the kernel."""
    outputs = kernel.shape[axis]
    parts = next(n for n in range(-(-4 * kernel.size // PART), outputs + 1) if outputs % n == 0)
    features = _whole(features, 4 * -(-(features.shape[0] - 2) // 4))
    tiles, wide = _tiles(features), outputs // parts
    part = lambda i: multiply(tiles, lax.dynamic_slice_in_dim(kernel, i * wide, wide, axis))
    products = part(0)[:, :, None] if parts == 1 else jnp.moveaxis(lax.map(part, jnp.arange(parts)), 0, 2)
    products = products.reshape(36, tiles.shape[1], outputs)
    return _from_tiles(products, features.shape[0] // 4, features.shape[1] // 4)


def _by_strips(features: jax.Array, kernels: jax.Array, multiply: Callable, strips: int) -> jax.Array:
    """A strip of rows after the other."""
    rows = -(-(features.shape[0] - 2) // 4)
    high = -(-rows // strips)  # rows of tiles in a strip
    strips = -(-rows // high)
    features = _whole(features, 4 * high * strips)
    strip = lambda i: _tiles(lax.dynamic_slice_in_dim(features, 4 * high * i, 4 * high + 2))
    made = lambda i: _from_tiles(multiply(strip(i), kernels), high, features.shape[1] // 4)
    image = lax.map(made, jnp.arange(strips)) if strips > 1 else made(0)
    return image.reshape(4 * high * strips, *image.shape[-2:])


def _whole(features: jax.Array, height: int) -> jax.Array:
    """Zeros below and to the right, up to so many rows and whole tiles, and a border of 2."""
    width = 4 * -(-(features.shape[1] - 2) // 4)
    return jnp.pad(features, ((0, height + 2 - features.shape[0]), (0, width + 2 - features.shape[1]), (0, 0)))


def _tiles(features: jax.Array) -> jax.Array:
    """`[4 H + 2, 4 W + 2, C]` -> `[36, H W, C]`."""
    return _to_tiles(features, (features.shape[0] - 2) // 4, (features.shape[1] - 2) // 4, TO_TILE)


def _from_tiles(products: jax.Array, rows: int, columns: int) -> jax.Array:
    """`[36, H W, D]` -> `[4 H, 4 W, D]`."""
    tiles = products.reshape(6, 6, rows, columns, -1)
    tiles = _combine(FROM_TILE, [tiles[:, row] for row in range(6)], axis=2)
    return _combine(FROM_TILE, list(tiles), axis=3).reshape(4 * rows, 4 * columns, -1)


def _to_tiles(pixels: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """Transformed tiles as wide as the matrix, at every fourth pixel: `[H, W, C]` -> `[6 x 6, H W / 16, C]`."""
    size = matrix.shape[1]
    height, width = 4 * rows + size - 4, 4 * columns + size - 4
    pixels = jnp.pad(pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)))
    tiles = _combine(matrix, [pixels[row : row + 4 * rows - 3 : 4] for row in range(size)], axis=0)
    tiles = _combine(matrix, [tiles[:, :, column : column + 4 * columns - 3 : 4] for column in range(size)], axis=0)
    return tiles.reshape(36, rows * columns, -1)


def _combine(matrix: np.ndarray, parts: Sequence[jax.Array], axis: int) -> jax.Array:
    """For each row of the matrix the sum of the parts so weighted, stacked. Zeros cost nothing."""
    sums = ([weight * part for weight, part in zip(row, parts, strict=True) if weight] for row in matrix.tolist())
    return jnp.stack([sum(terms[1:], terms[0]) for terms in sums], axis=axis)


def contract(left: jax.Array, right: jax.Array, axis: int, other: int, batch: int = 0) -> jax.Array:
    """The product over an axis of each, in all of float32 on every device; so many first axes go together."""
    together = tuple(range(batch))
    return lax.dot_general(left, right, (((axis,), (other,)), (together, together)), lax.Precision.HIGHEST)


def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """`left @ right`, in all of float32 on every device."""
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)
