"""Convolutions, of 3x3 above all, that are fast on CPU too, and so are their gradients.

`convolve` chooses among `direct` (XLA's own), `winograd`, `gather` and `scatter`, which all take features `[H, W, C]`
and a kernel `[3, 3, C, D]` to `[H - 2, W - 2, D]`; all but `winograd` take larger squares too. Batches come by `jax.vmap`.

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

from jaxtex import meshes

FEW = 20 * 20  # pixels: too few tiles to multiply well
WORTH = 2**24  # pixels times numbers in a tap of the kernel
PART = 2**23  # numbers that are held at once in the form of tiles: 32 MB; products of fewer are slower



class Precision(NamedTuple):
    """How exact a convolution is."""

    kind: type  # of what goes in and comes out
    products: lax.Precision  # on a GPU and a TPU


PRECISIONS = {
    "float32": Precision(jnp.float32, lax.Precision.HIGHEST),
    "tf32": Precision(jnp.float32, lax.Precision.DEFAULT),  # ten bits of mantissa on a GPU, on a TPU bfloat16's seven
    "bfloat16": Precision(jnp.bfloat16, lax.Precision.DEFAULT),
}
Convolution = Callable[[jax.Array, jax.Array], jax.Array]


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


def convolve(features: jax.Array, kernel: jax.Array, precision: str = "float32") -> jax.Array:
    """Cross-correlation with a 3x3 kernel, without padding.

    The rule: `direct` on every backend but CPU, and where rows are spread over devices. Else `gather` or `scatter` where C
    or D is below 16; `gather` for wide layers of few pixels; `winograd` where the kernel is 3x3, both are 32 or more and
    there is much to gain, `H W C D` at least `WORTH`; else `direct`. Each `winograd` takes some 0.4 s to compile, so that
    with 200 steps it has to save 2 ms of each. Derivatives are of reverse mode only, for `direct` alone knows others.

    Time of value and features' gradient over that of XLA's (jax 0.10.2, 2 cores, H = W):

        C -> D      | H: ratio
        ----------- | --------------------------------------------------
        3 -> 64     | 256: 0.37
        64 -> 64    | 256: 0.76
        64 -> 128   | 128: 0.74
        128 -> 128  | 128: 0.77
        128 -> 256  | 64: 0.65
        256 -> 256  | 64: 0.43
        256 -> 512  | 32: 0.58
        512 -> 512  | 32: 0.62, 16: 0.61 (`gather`; `winograd` 0.87)
        3 -> 128    | 202: 0.18, with a kernel of 11x11

    Rounding errors are at most 5e-6 of the largest value, with 512 channels (XLA's: 6e-7 forward, 4e-6 backward).

    Args:
      features: `[H, W, C]`, H and W no less than the kernel's.
      kernel: `[3, 3, C, D]`, or a larger square.
      precision: a row of `PRECISIONS`. Sums are always of float32. On CPU "bfloat16" rounds what goes in and comes out
        and gains no time; "tf32" is float32.

    Returns:
      `[H - 2, W - 2, D]`, or less where the kernel is larger; of the type of `features`.
    """
    algorithm = choose(features.shape, kernel.shape)
    if jax.default_backend() == "cpu":
        return algorithm(features.astype(jnp.float32), kernel).astype(features.dtype)
    return functools.partial(direct, precision=PRECISIONS[precision].products)(features, kernel.astype(features.dtype))


def choose(features: tuple[int, ...], kernel: tuple[int, ...]) -> Convolution:
    """The algorithm for these shapes on this backend, by the rule of `convolve`."""
    (height, width, _), (side, _, inputs, outputs) = features, kernel
    if jax.default_backend() != "cpu" or meshes.over_rows():
        return direct
    if min(inputs, outputs) < 16:
        return gather if inputs < outputs else scatter
    if side != 3 or min(inputs, outputs) < 32:
        return direct
    if height * width <= FEW:
        return gather if min(inputs, outputs) >= 128 else direct
    return winograd if height * width * inputs * outputs >= WORTH else direct


def direct(features: jax.Array, kernel: jax.Array, precision: lax.Precision = lax.Precision.HIGHEST) -> jax.Array:
    """XLA's own convolution, and its own gradients."""
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        features[None], kernel, (1, 1), "VALID", dimension_numbers=dimensions, precision=precision
    )[0]


def _gather(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, 9 C] [9 C, D]`: what each output pixel takes from its neighbourhood."""
    return _product(_neighbourhoods(features, len(kernel)), kernel.reshape(-1, kernel.shape[3]))


def _gather_gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, D] [D, 9 C]`: what each output pixel gives back to its neighbourhood."""
    size, channels = len(kernel), kernel.shape[2]
    gifts = _contract(cotangent, kernel.reshape(-1, kernel.shape[3]), 2, 1)
    places = [(row, column) for row in range(size) for column in range(size)]
    around = lambda row, column: ((row, size - 1 - row), (column, size - 1 - column), (0, 0))
    return sum(jnp.pad(gift, around(*at)) for at, gift in zip(places, _split(gifts, channels), strict=True))


def _gather_kernel_gradient(features: jax.Array, cotangent: jax.Array) -> jax.Array:
    size = features.shape[0] - cotangent.shape[0] + 1
    gradient = jnp.einsum("hwc,hwd->cd", _neighbourhoods(features, size), cotangent, precision=lax.Precision.HIGHEST)
    return gradient.reshape(size, size, features.shape[2], cotangent.shape[2])


def _scatter(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, C] [C, 9 D]`: what each input pixel gives to its neighbourhood."""
    gifts = _product(features, kernel.transpose(2, 0, 1, 3).reshape(kernel.shape[2], -1))
    size = len(kernel)
    return sum(_windows(gift, size)[position] for position, gift in enumerate(_split(gifts, kernel.shape[3])))


def _scatter_gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    around = len(kernel) - 1
    padded = jnp.pad(cotangent, ((around, around), (around, around), (0, 0)))
    return _gather(padded, kernel[::-1, ::-1].swapaxes(2, 3))


def _winograd(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """36 products `[H W / 16, C] [C, D]`: 36 multiplications for 16 outputs, not 144."""
    return _winograd_either(features, kernel, OF_KERNEL_2D, kernel_axis=2)


def _winograd_gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    """The same of the padded cotangent with the turned kernel; nothing is turned but the small matrix before it."""
    return _winograd_either(jnp.pad(cotangent, ((2, 2), (2, 2), (0, 0))), kernel, OF_KERNEL_2D[:, ::-1], kernel_axis=3)


def _winograd_either(features: jax.Array, kernel: jax.Array, of_kernel: np.ndarray, kernel_axis: int) -> jax.Array:
    """In parts that stay in the cache and take no memory for the next: of the image, or of the kernel if that is larger.

    Args:
      features: `[H, W, C]`.
      kernel: `[3, 3, C, D]`, or `[3, 3, D, C]`.
      of_kernel: from its 9 taps to 36, `[36, 9]`.
      kernel_axis: of C.
    """
    height, width = features.shape[0] - 2, features.shape[1] - 2
    tiles = -(-height // 4) * -(-width // 4) * sum(kernel.shape[2:])
    transform = lambda part: _product(of_kernel.astype(part.dtype), part.reshape(9, -1)).reshape(36, *part.shape[2:])
    multiply = lambda tiles, part: _contract(tiles, part, 2, kernel_axis - 1, batch=1)
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


def _winograd_kernel_gradient(features: jax.Array, cotangent: jax.Array) -> jax.Array:
    rows, columns = -(-cotangent.shape[0] // 4), -(-cotangent.shape[1] // 4)
    tiles = _to_tiles(features, rows, columns, TO_TILE)
    cotangents = _to_tiles(cotangent, rows, columns, FROM_TILE.T)
    gradient = jnp.einsum("tnc,tnd->tcd", tiles, cotangents, precision=lax.Precision.HIGHEST).reshape(36, -1)
    gradient = _product(OF_KERNEL_2D.T.astype(gradient.dtype), gradient)
    return gradient.reshape(3, 3, features.shape[2], cotangent.shape[2])


def _differentiable(convolution: Convolution, gradient: Convolution, kernel_gradient: Convolution) -> Convolution:
    """With its own gradients: `gradient(cotangent, kernel)` of the features, `kernel_gradient(features, cotangent)`.

    Each is traced once for a shape, wherever it is called from: a network has some thousand operations in them.
    """
    convolution, gradient, kernel_gradient = map(jax.jit, (convolution, gradient, kernel_gradient))

    def forward(features, kernel):
        return convolution(features, kernel), (features, kernel)

    def backward(residuals, cotangent):
        features, kernel = residuals
        return gradient(cotangent, kernel), kernel_gradient(features, cotangent)

    differentiable = jax.custom_vjp(convolution)
    differentiable.defvjp(forward, backward)
    return differentiable


gather = _differentiable(_gather, _gather_gradient, _gather_kernel_gradient)
scatter = _differentiable(_scatter, _scatter_gradient, _gather_kernel_gradient)
winograd = _differentiable(_winograd, _winograd_gradient, _winograd_kernel_gradient)


def _windows(features: jax.Array, size: int) -> list[jax.Array]:
    """`[H, W, C]` -> its windows, for size 3 nine of `[H - 2, W - 2, C]`, row by row."""
    height, width = features.shape[0] - size + 1, features.shape[1] - size + 1
    return [features[row : row + height, column : column + width] for row in range(size) for column in range(size)]


def _neighbourhoods(features: jax.Array, size: int) -> jax.Array:
    """`[H, W, C]` -> `[H - 2, W - 2, 9 C]` for size 3."""
    return jnp.concatenate(_windows(features, size), axis=2)


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


def _contract(left: jax.Array, right: jax.Array, axis: int, other: int, batch: int = 0) -> jax.Array:
    """The product over an axis of each; so many first axes go together."""
    together = tuple(range(batch))
    return lax.dot_general(left, right, (((axis,), (other,)), (together, together)), lax.Precision.HIGHEST)


def _split(gifts: jax.Array, channels: int) -> list[jax.Array]:
    return jnp.split(gifts, gifts.shape[2] // channels, axis=2)


def _product(left: jax.Array, right: jax.Array) -> jax.Array:
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)
