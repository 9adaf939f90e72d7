"""Tiles of an image, their transforms along rows and columns, and the way back.

A tile has S x S transformed entries and stands for M x M pixels, M = S - 2. Each transform runs
along rows and columns in turn, as two subprograms that XLA keeps apart.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax import lax
from jax.experimental import xla_metadata

from jaxtex.networks import padding_pooling


def to_tiles(pixels: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """Cuts an image into tiles, one at every M-th pixel, and transforms them.

    Args:
      pixels: `[H, W, C]`.
      rows: of tiles.
      columns: of tiles.
      matrix: `[S, T]` for tiles of T x T pixels.

    Returns:
      `[S S, rows columns, C]`.
    """
    side, width = matrix.shape
    step = side - 2
    pixels = pad_end(pixels, step * (rows - 1) + width, step * (columns - 1) + width)

    tiles = isolate(_transform_axis, pixels, matrix=matrix, count=rows, axis=0, new_axis=0)
    tiles = isolate(_transform_axis, tiles, matrix=matrix, count=columns, axis=2, new_axis=1)
    return tiles.reshape(side * side, rows * columns, -1)


def _transform_axis(
    array: jax.Array, matrix: np.ndarray, count: int, axis: int, new_axis: int
) -> jax.Array:
    """Cuts `count` overlapping tiles along an axis, and transforms them along a new axis."""
    side, width = matrix.shape
    step = side - 2
    last = step * (count - 1) + 1
    slices = [lax.slice_in_dim(array, i, i + last, step, axis) for i in range(width)]
    return _weighted_sums(matrix, slices, new_axis)


def from_tiles(products: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """Transforms the products of tiles back to pixels.

    Args:
      products: transformed tiles times a transformed kernel, `[S S, rows columns, D]`.
      rows: of tiles.
      columns: of tiles.
      matrix: of the transform back, `[M, S]`.

    Returns:
      `[M rows, M columns, D]`; the last tiles may reach beyond the image.
    """
    step, side = matrix.shape
    tiles = products.reshape(side, side, rows, columns, -1)
    tiles = isolate(_sum_axis, tiles, matrix=matrix, axis=1, new_axis=3)
    tiles = isolate(_sum_axis, tiles, matrix=matrix, axis=0, new_axis=1)
    return tiles.reshape(step * rows, step * columns, -1)


def _sum_axis(tiles: jax.Array, matrix: np.ndarray, axis: int, new_axis: int) -> jax.Array:
    """Multiplies a matrix by an axis of an array, which is replaced by a new one."""
    return _weighted_sums(matrix, unstack(tiles, axis), new_axis)


def overlap_tiles(products: jax.Array, rows: int, columns: int, matrix: np.ndarray) -> jax.Array:
    """Transposes `to_tiles`: adds tiles that share two rows and columns with each neighbor.

    Args:
      products: `[S S, rows columns, C]`.
      rows: of tiles.
      columns: of tiles.
      matrix: the one given to `to_tiles`, `[S, S]`.

    Returns:
      `[M rows + M, M columns + M, C]`.
    """
    tiles = products.reshape(*matrix.shape, rows, columns, -1)
    tiles = isolate(_overlap_axis, tiles, matrix=matrix.T, axis=1, new_axis=2)
    return isolate(_overlap_axis, tiles, matrix=matrix.T, axis=0, new_axis=0)


def _overlap_axis(tiles: jax.Array, matrix: np.ndarray, axis: int, new_axis: int) -> jax.Array:
    """Transposes `_transform_axis`: `N` tiles along an axis to `M N + M` entries.

    Each tile has S sums: M of its own, and two that are added to the first of the next tile.
    """
    step = len(matrix) - 2
    own = matrix[:step]
    excess = np.pad(matrix[step:], ((0, step - 2), (0, 0)))

    parts = unstack(tiles, axis)
    in_place = [padding_pooling.pad_zeros(part, new_axis, 0, 1) for part in parts]
    own_sums = _weighted_sums(own, in_place, new_axis + 1)
    shifted = [padding_pooling.pad_zeros(part, new_axis, 1, 0) for part in parts]
    excess_sums = _weighted_sums(excess, shifted, new_axis + 1)

    both = lax.add(own_sums, excess_sums)
    return both.reshape(*both.shape[:new_axis], -1, *both.shape[new_axis + 2 :])


def pad_end(image: jax.Array, height: int, width: int) -> jax.Array:
    """Pads with zeros below and to the right.

    Args:
      image: `[H, W, C]`.
      height: rows afterwards, at least H.
      width: columns afterwards, at least W.

    Returns:
      `[height, width, C]`.
    """
    image = padding_pooling.pad_zeros(image, 0, 0, height - image.shape[0])
    return padding_pooling.pad_zeros(image, 1, 0, width - image.shape[1])


def unstack(array: jax.Array, axis: int) -> list[jax.Array]:
    """Returns the slices along an axis, without that axis.

    Args:
      array: of any shape, `[..., N, ...]`.
      axis: the one of N entries.

    Returns:
      N arrays, `[..., ...]`.
    """
    count = array.shape[axis]
    return [lax.index_in_dim(array, i, axis, keepdims=False) for i in range(count)]


def _weighted_sums(matrix: np.ndarray, parts: Sequence[jax.Array], axis: int) -> jax.Array:
    """Returns, for each row of a matrix, the sum of parts weighted by that row, along a new axis.

    Weights are broadcast, zeros included. If the sums were stacked instead, XLA's CPU backend would
    compute every sum for each number of the stack and then select one.
    """
    shape = (*parts[0].shape[:axis], len(matrix), *parts[0].shape[axis:])
    others = [dimension for dimension in range(len(shape)) if dimension != axis]

    terms = []
    for weights, part in zip(matrix.T.astype(parts[0].dtype), parts, strict=True):
        weights = lax.broadcast_in_dim(weights, shape, (axis,))
        terms.append(lax.mul(weights, lax.broadcast_in_dim(part, shape, others)))
    return functools.reduce(lax.add, terms)


def isolate(function: Callable[..., jax.Array], array: jax.Array, **options) -> jax.Array:
    """Returns `function(array, **options)`, computed by a subprogram that XLA does not inline.

    XLA would fuse the sums along columns with those along rows, and compute each of the latter
    again for every sum that it is part of.

    Args:
      function: a pure function.
      array: its argument.
      **options: constants of the subprogram.
    """
    with xla_metadata.set_xla_metadata(inlineable="false"):
        return jax.jit(functools.partial(function, **options))(array)
