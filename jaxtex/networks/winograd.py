"""Convolutions of 3x3 by Winograd's minimal filtering, and their gradients.

A tile of 6x6 inputs gives 4x4 outputs with 36 multiplications for each pair of channels instead of
144; a tile of 4x4 inputs gives 2x2 outputs with 16 instead of 36. With tiles of S x S inputs and
M x M outputs, M = S - 2, the convolution becomes S S matrix products.

Features are `[H, W, C]`, outputs `[H - 2, W - 2, D]`. A kernel `[3, 3, C, D]` is used in the form
that `transform_kernel` gives it: once, if it is used often.

References:
  Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016,
  https://arxiv.org/abs/1509.09308. Departure: other interpolation points for tiles of 6x6, with
  smaller rounding errors.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxtex.networks import products, tiling

MAX_STRIP_VALUES = 2**24  # numbers in all transformed tiles of a strip: 64 MB in float32
MAX_TWO_WAY_WEIGHTS = 256 * 256  # `C D`; larger kernels are stored once: 38 MB for 512 -> 512


class Kernels(NamedTuple):
    """Transformed kernel, in one or both orders of its channels.

    XLA's matrix products are faster if the right factor is stored in the order they read it in.
    """

    for_gradient: jax.Array  # [S S, D, C]
    for_value: jax.Array | None  # [S S, C, D]; None if the kernel is too large to store twice


class Transforms(NamedTuple):
    """Matrices of Lavin and Gray's equation 8, for tiles of S x S inputs and M x M outputs."""

    data: np.ndarray  # `B^T`, [S, S]
    kernel: np.ndarray  # `G`, [S, 3]
    inverse: np.ndarray  # `A^T`, [M, S]


def _interpolate(*points: float) -> Transforms:
    """Builds the transforms that multiply polynomials by their values at points and at infinity."""
    others = [np.delete(points, index) for index in range(len(points))]
    scales = [np.prod(point - other) for point, other in zip(points, others, strict=True)]

    data = np.array([[*np.poly(other)[::-1], 0] for other in others] + [np.poly(points)[::-1]])

    values = [np.power(p, (0, 1, 2)) / scale for p, scale in zip(points, scales, strict=True)]
    kernel = np.array([*values, [0, 0, 1]])

    powers = range(len(points) - 1)
    columns = [np.power(point, powers) for point in points]
    inverse = np.array([*columns, np.eye(len(powers))[-1]]).T
    return Transforms(data, kernel, inverse)


# Side of a tile -> its transforms. The points of the paper for tiles of 6x6 are 0, 1, -1, 2, -2;
# these err a fourth as much. See docs/development/performance.md.
TRANSFORMS = {6: _interpolate(0.0, 0.75, -0.75, 1.5, -1.5), 4: _interpolate(0.0, 1.0, -1.0)}


def transform_kernel(kernel: jax.Array, side: int = 6) -> Kernels:
    """Transforms a kernel for tiles of a given side.

    Args:
      kernel: `[3, 3, C, D]`.
      side: inputs along each side of a tile, a row of `TRANSFORMS`.

    Returns:
      The transformed kernel, `side * side / 9` times as large, or twice that in both orders.
    """
    _, _, inputs, outputs = kernel.shape
    matrix = TRANSFORMS[side].kernel

    # `G k G^T` for every pair of channels, as one product of matrices.
    both_axes = np.einsum("ia,jb->ijab", matrix, matrix).reshape(side * side, 9).astype(np.float32)
    flat = products.matmul(both_axes, kernel.swapaxes(2, 3).reshape(9, -1))
    back = flat.reshape(side * side, outputs, inputs)

    both_orders = inputs * outputs <= MAX_TWO_WAY_WEIGHTS
    return Kernels(back, back.swapaxes(1, 2) if both_orders else None)


def convolve(features: jax.Array, kernels: Kernels) -> jax.Array:
    """Returns the cross-correlation of features with a transformed kernel, without padding.

    Args:
      features: `[H, W, C]`.
      kernels: of `transform_kernel`.

    Returns:
      `[H - 2, W - 2, D]`, by `S S` products `[H W / M M, C] [C, D]`.
    """
    height, width = features.shape[0] - 2, features.shape[1] - 2
    convolve_strip = functools.partial(_convolve_strip, kernels=kernels)
    outputs = _map_strips(convolve_strip, features, height, width, 2, kernels)
    return outputs[:height, :width]


def _convolve_strip(strip: jax.Array, rows: int, columns: int, kernels: Kernels) -> jax.Array:
    """Convolves `[M rows + 2, M columns + 2, C]`. Returns `[M rows, M columns, D]`."""
    transforms = _transforms(kernels)
    tiles = tiling.to_tiles(strip, rows, columns, transforms.data)
    outputs = _multiply_tiles(tiles, kernels)
    return tiling.from_tiles(outputs, rows, columns, transforms.inverse)


def gradient(cotangent: jax.Array, kernels: Kernels) -> jax.Array:
    """Returns the gradient with respect to the features: `convolve`, transposed.

    Args:
      cotangent: gradient with respect to the outputs, `[H - 2, W - 2, D]`.
      kernels: of `transform_kernel`.

    Returns:
      `[H, W, C]`.
    """
    height, width, _ = cotangent.shape
    transpose_strip = functools.partial(_transpose_strip, kernels=kernels)
    outputs = _map_strips(transpose_strip, cotangent, height, width, 0, kernels)
    return outputs[: height + 2, : width + 2]


def _transpose_strip(strip: jax.Array, rows: int, columns: int, kernels: Kernels) -> jax.Array:
    """Transposes `_convolve_strip`. Returns `[M rows + M, M columns + M, C]`: strips overlap."""
    transforms = _transforms(kernels)
    tiles = tiling.to_tiles(strip, rows, columns, transforms.inverse.T)
    inputs = products.contract(tiles, kernels.for_gradient, 2, 1, batch=1)
    return tiling.overlap_tiles(inputs, rows, columns, transforms.data)


def kernel_gradient(features: jax.Array, cotangent: jax.Array, kernels: Kernels) -> Kernels:
    """Returns the gradient with respect to the array of a transformed kernel that `convolve` reads.

    Args:
      features: `[H, W, C]`.
      cotangent: gradient with respect to the outputs, `[H - 2, W - 2, D]`.
      kernels: of `transform_kernel`.

    Returns:
      The gradient of `for_value` and zeros for `for_gradient`; or that of `for_gradient` if
      `for_value` is None.
    """
    transforms = _transforms(kernels)
    rows, columns = (-(-size // len(transforms.inverse)) for size in cotangent.shape[:2])

    tiles = tiling.to_tiles(features, rows, columns, transforms.data)
    cotangents = tiling.to_tiles(cotangent, rows, columns, transforms.inverse.T)
    back = jnp.einsum("tnd,tnc->tdc", cotangents, tiles, precision=lax.Precision.HIGHEST)

    if kernels.for_value is None:
        return Kernels(back, None)
    return Kernels(jnp.zeros_like(back), back.swapaxes(1, 2))


def _transforms(kernels: Kernels) -> Transforms:
    """Returns the transforms that a kernel was made with."""
    return TRANSFORMS[math.isqrt(len(kernels.for_gradient))]


def _map_strips(
    function: Callable[[jax.Array, int, int], jax.Array],
    image: jax.Array,
    height: int,
    width: int,
    border: int,
    kernels: Kernels,
) -> jax.Array:
    """Applies a function to one strip of rows of tiles after the other, which bounds its memory.

    Args:
      function: a strip `[M rows + border, M columns + border, _]`, `rows` and `columns` of tiles ->
        `[M rows, M columns, _]`, or `[M rows + M, M columns + M, _]`, whose last M rows are added
        to the first of the next strip.
      image: `[height + border, width + border, _]`.
      height: rows without the border.
      width: columns without the border.
      border: overlap of the strips of `image`, in pixels.
      kernels: those that `function` uses; their size decides how many strips there are.
    """
    step = len(_transforms(kernels).inverse)
    rows, columns = -(-height // step), -(-width // step)

    # Transformed inputs and outputs of one tile have S S (C + D) values.
    values = len(kernels.for_gradient) * sum(kernels.for_gradient.shape[1:])
    strip_rows = -(-rows // -(-values * rows * columns // MAX_STRIP_VALUES))
    strips = -(-rows // strip_rows)

    high = step * strip_rows  # pixels
    image = tiling.pad_end(image, high * strips + border, step * columns + border)
    if strips == 1:
        return function(image, strip_rows, columns)

    def apply_to_strip(index: jax.Array) -> jax.Array:
        strip = lax.dynamic_slice_in_dim(image, high * index, high + border)
        return function(strip, strip_rows, columns)

    return _join_strips(lax.map(apply_to_strip, jnp.arange(strips)), high)


def _join_strips(strips: jax.Array, high: int) -> jax.Array:
    """Joins `[S, high, W, C]` to `[S high, W, C]`; rows beyond `high` add to the next strip."""
    own, excess = strips[:, :high], strips[:, high:]
    shared = excess.shape[1]
    if not shared:
        return own.reshape(-1, *own.shape[2:])

    # `.at[].add` would be a slow scatter on CPU.
    from_previous = jnp.concatenate([jnp.zeros_like(excess[:1]), excess[:-1]])
    first = own[:, :shared] + from_previous
    own = jnp.concatenate([first, own[:, shared:]], 1)
    return jnp.concatenate([own.reshape(-1, *own.shape[2:]), excess[-1]])


def _multiply_tiles(tiles: jax.Array, kernels: Kernels) -> jax.Array:
    """Multiplies `[S S, N, C]` by a transformed kernel. Returns `[S S, N, D]`."""
    if kernels.for_value is not None:
        return products.contract(tiles, kernels.for_value, 2, 1, batch=1)

    # XLA repacks the right factor, so the larger one is the left. The barrier keeps XLA from
    # exchanging the factors again.
    if 2 * tiles.shape[1] > kernels.for_gradient.shape[1]:
        return products.contract(tiles, kernels.for_gradient, 2, 2, batch=1)
    transposed = products.contract(kernels.for_gradient, tiles, 2, 2, batch=1)
    return lax.optimization_barrier(transposed).swapaxes(1, 2)
