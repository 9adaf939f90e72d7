"""Convolutions of 3x3 by Winograd's tiles: 36 multiplications where there are 144, and their gradients likewise.

Features are `[H, W, C]`, what comes out `[H - 2, W - 2, D]`. A kernel `[3, 3, C, D]` is used in the form of tiles that
`transform` gives it: once, where it is used often.

References:
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, https://arxiv.org/abs/1509.09308.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import xla_metadata

from jaxtex import grids

PART = 2**24  # numbers that are held at once in the form of tiles: 64 MB
SMALL = 256 * 256  # numbers in a tap of a kernel, that is kept both ways round


class Kernels(NamedTuple):
    """A kernel in the form of tiles: XLA's products pack faster what stands as they multiply it."""

    back: jax.Array  # [36, D, C], as the gradient wants it
    forth: jax.Array | None  # [36, C, D], as the value does; None: it would take too much memory, 38 MB for 512 -> 512


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


# F(4x4, 3x3): tiles of 6x6 inputs give 4x4 outputs. The paper's points 0, 1, -1, 2, -2 err four times as much. F(6x6, 3x3)
# needs a fifth fewer multiplications, was no faster and erred five times as much.
TO_TILE, OF_KERNEL, FROM_TILE = _interpolation(0.0, 0.75, -0.75, 1.5, -1.5)
OF_KERNEL_2D = np.einsum("ia,jb->ijab", OF_KERNEL, OF_KERNEL).reshape(36, 9).astype(np.float32)


def transform(kernel: jax.Array) -> Kernels:
    """`[3, 3, C, D]` in the form of tiles."""
    _, _, inputs, outputs = kernel.shape
    back = product(OF_KERNEL_2D, kernel.swapaxes(2, 3).reshape(9, -1)).reshape(36, outputs, inputs)
    return Kernels(back, back.swapaxes(1, 2) if inputs * outputs <= SMALL else None)


def convolve(features: jax.Array, kernels: Kernels) -> jax.Array:
    """Cross-correlation of `[H, W, C]`, `[H - 2, W - 2, D]`: 36 products `[H W / 16, C] [C, D]`."""
    height, width = features.shape[0] - 2, features.shape[1] - 2
    made = lambda part, rows, columns: _from_tiles(_times(_to_tiles(part, rows, columns, TO_TILE), kernels), rows, columns)
    return _by_strips(made, features, height, width, 2, sum(kernels.back.shape[1:]))[:height, :width]


def gradient(cotangent: jax.Array, kernels: Kernels) -> jax.Array:
    """That of the features, `[H, W, C]`, from that of the result, `[H - 2, W - 2, D]`: `convolve` transposed."""
    height, width, _ = cotangent.shape
    products = lambda tiles: contract(tiles, kernels.back, 2, 1, batch=1)
    made = lambda part, rows, columns: _overlap(products(_to_tiles(part, rows, columns, FROM_TILE.T)), rows, columns)
    return _by_strips(made, cotangent, height, width, 0, sum(kernels.back.shape[1:]))[: height + 2, : width + 2]


def kernel_gradient(features: jax.Array, cotangent: jax.Array) -> Kernels:
    """That of the form that `convolve` takes, from the features and the gradient of the result; the other's is zero."""
    rows, columns = -(-cotangent.shape[0] // 4), -(-cotangent.shape[1] // 4)
    tiles = _to_tiles(features, rows, columns, TO_TILE)
    cotangents = _to_tiles(cotangent, rows, columns, FROM_TILE.T)
    back = jnp.einsum("tnd,tnc->tdc", cotangents, tiles, precision=lax.Precision.HIGHEST)
    return Kernels(jnp.zeros_like(back), back.swapaxes(1, 2)) if back[0].size <= SMALL else Kernels(back, None)


def _by_strips(make: Callable, image: jax.Array, height: int, width: int, border: int, channels: int) -> jax.Array:
    """A strip of rows of tiles after the other, that their features take no memory for the next; strips overlap.

    Args:
      make: a strip `[4 R + border, 4 C + border, _]`, R and C -> what becomes of it, `[4 R, 4 C, _]` or `[4 R + 4, 4 C + 4,
        _]`: the last rows are added to the first of the next.
      image: `[height + border, width + border, _]`.
      height: rows of what is not the border.
      width: columns likewise.
      border: of the image.
      channels: of what is held in the form of tiles.
    """
    rows, columns = -(-height // 4), -(-width // 4)
    high = -(-rows // -(-36 * rows * columns * channels // PART))  # rows of tiles in a strip
    strips = -(-rows // high)
    image = _enlarged(image, 4 * high * strips + border, 4 * columns + border)
    if strips == 1:
        return make(image, high, columns)
    strip = lambda i: lax.dynamic_slice_in_dim(image, 4 * high * i, 4 * high + border)
    return _joined(lax.map(lambda i: make(strip(i), high, columns), jnp.arange(strips)), 4 * high)


def _joined(strips: jax.Array, high: int) -> jax.Array:
    """`[S, high, W, C]` -> `[S high, W, C]`, and where strips are higher, what they overlap is added."""
    own, over = strips[:, :high], strips[:, high:]
    shared = over.shape[1]
    if not shared:
        return own.reshape(-1, *own.shape[2:])
    before = jnp.concatenate([jnp.zeros_like(over[:1]), over[:-1]])
    first = own[:, :shared] + before  # `.at[].add` is a slow scatter on CPU
    own = jnp.concatenate([first, own[:, shared:]], 1)
    return jnp.concatenate([own.reshape(-1, *own.shape[2:]), over[-1]])


def _enlarged(image: jax.Array, height: int, width: int) -> jax.Array:
    """Zeros below and to the right."""
    image = grids.with_zeros(image, 0, 0, height - image.shape[0])
    return grids.with_zeros(image, 1, 0, width - image.shape[1])


def _times(tiles: jax.Array, kernels: Kernels) -> jax.Array:
    """`[36, N, C]` -> `[36, N, D]`. XLA packs what stands right, so that the larger stands left."""
    if kernels.forth is not None:
        return contract(tiles, kernels.forth, 2, 1, batch=1)
    if 2 * tiles.shape[1] > kernels.back.shape[1]:
        return contract(tiles, kernels.back, 2, 2, batch=1)
    return lax.optimization_barrier(contract(kernels.back, tiles, 2, 2, batch=1)).swapaxes(1, 2)  # else XLA turns it back


def _to_tiles(pixels: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """Transformed tiles as wide as the matrix, at every fourth pixel: `[H, W, C]` -> `[6 x 6, H W / 16, C]`."""
    size = matrix.shape[1]
    pixels = _enlarged(pixels, 4 * rows + size - 4, 4 * columns + size - 4)
    tiles = apart(lambda x: _sums(matrix, _fourths(x, size, rows, 0), 0), pixels)
    tiles = apart(lambda x: _sums(matrix, _fourths(x, size, columns, 2), 1), tiles)
    return tiles.reshape(36, rows * columns, -1)


def _from_tiles(products: jax.Array, rows: int, columns: int) -> jax.Array:
    """`[36, H W, D]` -> `[4 H, 4 W, D]`."""
    tiles = products.reshape(6, 6, rows, columns, -1)
    tiles = apart(lambda x: _sums(FROM_TILE, parts(x, 1), 3), tiles)
    return apart(lambda x: _sums(FROM_TILE, parts(x, 0), 1), tiles).reshape(4 * rows, 4 * columns, -1)


def _overlap(products: jax.Array, rows: int, columns: int) -> jax.Array:
    """`[36, H W, C]` -> `[4 H + 4, 4 W + 4, C]`: the transpose of `_to_tiles`, whose tiles share two rows and columns."""
    tiles = products.reshape(6, 6, rows, columns, -1)
    return apart(lambda x: _overlap_one(parts(x, 0), 0), apart(lambda x: _overlap_one(parts(x, 1), 2), tiles))


def _overlap_one(tiles: Sequence[jax.Array], axis: int) -> jax.Array:
    """Six of `[..., N, ...]` -> `[..., 4 N + 4, ...]`: four sums are a tile's own, two fall into the one that follows."""

    shifted = lambda before, after: [grids.with_zeros(tile, axis, before, after) for tile in tiles]
    own, over = TO_TILE.T[:4], np.pad(TO_TILE.T[4:], ((0, 2), (0, 0)))
    both = lax.add(_sums(own, shifted(0, 1), axis + 1), _sums(over, shifted(1, 0), axis + 1))
    return both.reshape(*both.shape[:axis], -1, *both.shape[axis + 2 :])


def _fourths(array: jax.Array, number: int, count: int, axis: int) -> list[jax.Array]:
    """So many slices along an axis, each one further than the last, of so many entries, four apart."""
    return [lax.slice_in_dim(array, first, first + 4 * count - 3, 4, axis) for first in range(number)]


def parts(array: jax.Array, axis: int) -> list[jax.Array]:
    """Its slices along an axis, which they have no longer."""
    return [lax.index_in_dim(array, index, axis, keepdims=False) for index in range(array.shape[axis])]


def _sums(matrix: np.ndarray, parts: Sequence[jax.Array], axis: int) -> jax.Array:
    """For each row of the matrix the sum of the parts so weighted, along a new axis.

    By broadcasting, zeros and all: of arrays that are stacked XLA's CPU computes each for every number of the stack, and
    chooses then.
    """
    shape = (*parts[0].shape[:axis], len(matrix), *parts[0].shape[axis:])
    others = [dimension for dimension in range(len(shape)) if dimension != axis]
    spread = lambda weights, part: lax.mul(
        lax.broadcast_in_dim(weights, shape, (axis,)), lax.broadcast_in_dim(part, shape, others)
    )
    terms = [spread(weights, part) for weights, part in zip(matrix.T.astype(parts[0].dtype), parts, strict=True)]
    return functools.reduce(lax.add, terms)


def apart(function: Callable, array: jax.Array) -> jax.Array:
    """As a program of its own within the program: XLA would fuse the sums along columns with those along rows.

    Each number of the latter would then be computed anew for every sum that it is part of.
    """
    with xla_metadata.set_xla_metadata(inlineable="false"):
        return jax.jit(function)(array)


def contract(left: jax.Array, right: jax.Array, axis: int, other: int, batch: int = 0) -> jax.Array:
    """The product over an axis of each, in all of float32 on every device; so many first axes go together."""
    together = tuple(range(batch))
    return lax.dot_general(left, right, (((axis,), (other,)), (together, together)), lax.Precision.HIGHEST)


def product(left: jax.Array, right: jax.Array) -> jax.Array:
    """`left @ right`, in all of float32 on every device."""
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)
