"""Convolutions of 3x3 by Winograd's tiles: 36 multiplications where there are 144, or 16 of 36; their gradients likewise.

Features are `[H, W, C]`, what comes out `[H - 2, W - 2, D]`. A kernel `[3, 3, C, D]` is used in the form of tiles that
`transform` gives it: once, where it is used often.

References:
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, https://arxiv.org/abs/1509.09308.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import xla_metadata

from jaxtex.networks import padding_pooling

MAX_STRIP_VALUES = 2**24  # numbers that are held at once in the form of tiles: 64 MB
MAX_TWO_WAY_WEIGHTS = 256 * 256  # numbers in a tap of a kernel, that is kept both ways round


class Kernels(NamedTuple):
    """A kernel in the form of tiles: XLA's products pack faster what stands as they multiply it."""

    back: jax.Array  # [S S, D, C], as the gradient wants it
    forth: (
        jax.Array | None
    )  # [S S, C, D], as the value does; None: it would take too much memory, 38 MB for 512 -> 512


class Form(NamedTuple):
    """Tiles of S x S inputs that give M x M outputs, M = S - 2: matrices of Lavin and Gray's equation 8."""

    to_tile: np.ndarray  # `B^T`, [S, S]
    of_kernel: np.ndarray  # `G`, [S, 3]
    from_tile: np.ndarray  # `A^T`, [M, S]


def _interpolation(*points: float) -> Form:
    """Polynomials multiplied by values at these points and at infinity."""
    others = [np.delete(points, index) for index in range(len(points))]
    scales = [np.prod(point - other) for point, other in zip(points, others, strict=True)]
    to_tile = np.array([[*np.poly(other)[::-1], 0] for other in others] + [np.poly(points)[::-1]])
    of_kernel = np.array(
        [np.power(point, (0, 1, 2)) / scale for point, scale in zip(points, scales, strict=True)]
        + [[0, 0, 1]]
    )
    powers = range(len(points) - 1)
    from_tile = np.array(
        [np.power(point, powers) for point in points] + [np.eye(len(powers))[-1]]
    ).T
    return Form(to_tile, of_kernel, from_tile)


# By S. The paper's points 0, 1, -1, 2, -2 for S = 6 err four times as much. S = 8 needs a fifth fewer multiplications, was
# no faster and erred five times as much.
FORMS = {6: _interpolation(0.0, 0.75, -0.75, 1.5, -1.5), 4: _interpolation(0.0, 1.0, -1.0)}


def transform_kernel(kernel: jax.Array, side: int = 6) -> Kernels:
    """`[3, 3, C, D]` in the form of tiles of this side, a row of `FORMS`."""
    _, _, inputs, outputs = kernel.shape
    of_kernel = FORMS[side].of_kernel
    along_both = (
        np.einsum("ia,jb->ijab", of_kernel, of_kernel).reshape(side * side, 9).astype(np.float32)
    )
    back = matmul(along_both, kernel.swapaxes(2, 3).reshape(9, -1)).reshape(
        side * side, outputs, inputs
    )
    return Kernels(back, back.swapaxes(1, 2) if inputs * outputs <= MAX_TWO_WAY_WEIGHTS else None)


def convolve(features: jax.Array, kernels: Kernels) -> jax.Array:
    """Cross-correlation of `[H, W, C]`, `[H - 2, W - 2, D]`: S S products `[H W / M M, C] [C, D]`."""
    height, width, form = features.shape[0] - 2, features.shape[1] - 2, _form(kernels)
    products = lambda *strip: _multiply_tiles(_to_tiles(*strip, form.to_tile), kernels)
    made = lambda part, *tiles: _from_tiles(products(part, *tiles), *tiles, form.from_tile)
    return _by_strips(made, features, height, width, 2, kernels)[:height, :width]


def gradient(cotangent: jax.Array, kernels: Kernels) -> jax.Array:
    """That of the features, `[H, W, C]`, from that of the result, `[H - 2, W - 2, D]`: `convolve` transposed."""
    (height, width, _), form = cotangent.shape, _form(kernels)
    products = lambda *strip: contract(
        _to_tiles(*strip, form.from_tile.T), kernels.back, 2, 1, batch=1
    )
    made = lambda part, *tiles: _overlap(products(part, *tiles), *tiles, form.to_tile)
    return _by_strips(made, cotangent, height, width, 0, kernels)[: height + 2, : width + 2]


def kernel_gradient(features: jax.Array, cotangent: jax.Array, kernels: Kernels) -> Kernels:
    """That of the form that `convolve` takes, from the features and the gradient of the result; the other's is zero."""
    form = _form(kernels)
    rows, columns = (-(-size // len(form.from_tile)) for size in cotangent.shape[:2])
    tiles = _to_tiles(features, rows, columns, form.to_tile)
    cotangents = _to_tiles(cotangent, rows, columns, form.from_tile.T)
    back = jnp.einsum("tnd,tnc->tdc", cotangents, tiles, precision=lax.Precision.HIGHEST)
    return (
        Kernels(back, None)
        if kernels.forth is None
        else Kernels(jnp.zeros_like(back), back.swapaxes(1, 2))
    )


def _form(kernels: Kernels) -> Form:
    return FORMS[math.isqrt(len(kernels.back))]


def _by_strips(
    make: Callable, image: jax.Array, height: int, width: int, border: int, kernels: Kernels
) -> jax.Array:
    """A strip of rows of tiles after the other, that their features take no memory for the next; strips overlap.

    Args:
      make: a strip `[M R + border, M C + border, _]`, R and C -> what becomes of it, `[M R, M C, _]` or `[M R + M, M C + M,
        _]`: the last rows are added to the first of the next.
      image: `[height + border, width + border, _]`.
      height: rows of what is not the border.
      width: columns likewise.
      border: of the image.
      kernels: those that the strips will see.
    """
    step, held = len(_form(kernels).from_tile), len(kernels.back) * sum(kernels.back.shape[1:])
    rows, columns = -(-height // step), -(-width // step)
    high = -(-rows // -(-held * rows * columns // MAX_STRIP_VALUES))  # rows of tiles in a strip
    strips = -(-rows // high)
    image = _pad_below_right(image, step * high * strips + border, step * columns + border)
    if strips == 1:
        return make(image, high, columns)
    strip = lambda i: lax.dynamic_slice_in_dim(image, step * high * i, step * high + border)
    return _joined(
        lax.map(lambda i: make(strip(i), high, columns), jnp.arange(strips)), step * high
    )


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


def _pad_below_right(image: jax.Array, height: int, width: int) -> jax.Array:
    """Zeros below and to the right."""
    image = padding_pooling.pad_zeros(image, 0, 0, height - image.shape[0])
    return padding_pooling.pad_zeros(image, 1, 0, width - image.shape[1])


def _multiply_tiles(tiles: jax.Array, kernels: Kernels) -> jax.Array:
    """`[S S, N, C]` -> `[S S, N, D]`. XLA packs what stands right, so that the larger stands left."""
    if kernels.forth is not None:
        return contract(tiles, kernels.forth, 2, 1, batch=1)
    if 2 * tiles.shape[1] > kernels.back.shape[1]:
        return contract(tiles, kernels.back, 2, 2, batch=1)
    return lax.optimization_barrier(contract(kernels.back, tiles, 2, 2, batch=1)).swapaxes(
        1, 2
    )  # else XLA turns it back


def _to_tiles(pixels: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """Transformed tiles as wide as the matrix, at every M-th pixel: `[H, W, C]` -> `[S S, H W / M M, C]`."""
    side, width = matrix.shape
    pixels = _pad_below_right(
        pixels, (side - 2) * (rows - 1) + width, (side - 2) * (columns - 1) + width
    )
    tiles = isolate(
        lambda x: _weighted_sums(matrix, _strided_slices(side - 2, x, width, rows, 0), 0), pixels
    )
    tiles = isolate(
        lambda x: _weighted_sums(matrix, _strided_slices(side - 2, x, width, columns, 2), 1), tiles
    )
    return tiles.reshape(side * side, rows * columns, -1)


def _from_tiles(products: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """`[S S, H W, D]` -> `[M H, M W, D]`."""
    step, side = matrix.shape
    tiles = products.reshape(side, side, rows, columns, -1)
    tiles = isolate(lambda x: _weighted_sums(matrix, unstack(x, 1), 3), tiles)
    return isolate(lambda x: _weighted_sums(matrix, unstack(x, 0), 1), tiles).reshape(
        step * rows, step * columns, -1
    )


def _overlap(products: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """`[S S, H W, C]` -> `[M H + M, M W + M, C]`: the transpose of `_to_tiles`, whose tiles share two rows and columns."""
    tiles = products.reshape(*matrix.shape, rows, columns, -1)
    along = lambda axis, into: lambda x: _overlap_one(matrix.T, unstack(x, axis), into)
    return isolate(along(0, 0), isolate(along(1, 2), tiles))


def _overlap_one(matrix: np.ndarray, tiles: Sequence[jax.Array], axis: int) -> jax.Array:
    """S of `[..., N, ...]` -> `[..., M N + M, ...]`: M sums are a tile's own, two fall into the one that follows."""
    step = len(matrix) - 2
    shifted = lambda before, after: [
        padding_pooling.pad_zeros(tile, axis, before, after) for tile in tiles
    ]
    own, over = matrix[:step], np.pad(matrix[step:], ((0, step - 2), (0, 0)))
    both = lax.add(
        _weighted_sums(own, shifted(0, 1), axis + 1), _weighted_sums(over, shifted(1, 0), axis + 1)
    )
    return both.reshape(*both.shape[:axis], -1, *both.shape[axis + 2 :])


def _strided_slices(
    step: int, array: jax.Array, number: int, count: int, axis: int
) -> list[jax.Array]:
    """So many slices along an axis, each one further than the last, of so many entries, a step apart."""
    last = step * (count - 1) + 1
    return [lax.slice_in_dim(array, first, first + last, step, axis) for first in range(number)]


def unstack(array: jax.Array, axis: int) -> list[jax.Array]:
    """Its slices along an axis, which they have no longer."""
    return [
        lax.index_in_dim(array, index, axis, keepdims=False) for index in range(array.shape[axis])
    ]


def _weighted_sums(matrix: np.ndarray, parts: Sequence[jax.Array], axis: int) -> jax.Array:
    """For each row of the matrix the sum of the parts so weighted, along a new axis.

    By broadcasting, zeros and all: of arrays that are stacked XLA's CPU computes each for every number of the stack, and
    chooses then.
    """
    shape = (*parts[0].shape[:axis], len(matrix), *parts[0].shape[axis:])
    others = [dimension for dimension in range(len(shape)) if dimension != axis]
    spread = lambda weights, part: lax.mul(
        lax.broadcast_in_dim(weights, shape, (axis,)), lax.broadcast_in_dim(part, shape, others)
    )
    terms = [
        spread(weights, part)
        for weights, part in zip(matrix.T.astype(parts[0].dtype), parts, strict=True)
    ]
    return functools.reduce(lax.add, terms)


def isolate(function: Callable, array: jax.Array) -> jax.Array:
    """As a program of its own within the program: XLA would fuse the sums along columns with those along rows.

    Each number of the latter would then be computed anew for every sum that it is part of.
    """
    with xla_metadata.set_xla_metadata(inlineable="false"):
        return jax.jit(function)(array)


def contract(left: jax.Array, right: jax.Array, axis: int, other: int, batch: int = 0) -> jax.Array:
    """The product over an axis of each, in all of float32 on every device; so many first axes go together."""
    together = tuple(range(batch))
    return lax.dot_general(
        left, right, (((axis,), (other,)), (together, together)), lax.Precision.HIGHEST
    )


def matmul(left: jax.Array, right: jax.Array) -> jax.Array:
    """`left @ right`, in all of float32 on every device."""
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)
