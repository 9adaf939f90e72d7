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

LARGE = 96 * 96  # pixels
WIDE = 256 * 256  # numbers in a tap of the kernel



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

    The rule: `direct` on every backend but CPU. There, `gather` or `scatter` where C or D is below 16; `winograd` where
    the kernel is 3x3, both are 32 or more and there is much to gain: `H W >= 96^2`, or `C D >= 256^2` with
    `H W >= 2 max(C, D)`, so that the work on tiles outweighs that on the kernel; else `direct`. Each `winograd` takes half
    a second more to compile: with it everywhere (not only on large images) the built-in network compiled in 11.6 s instead
    of 6.7 s, and a step at 192 px took the same 0.15 s.
    Derivatives are of reverse mode only, for `direct` alone knows others.

    Time of value and features' gradient over that of XLA's (jax 0.10.2, 2 cores of a Xeon with AVX-512, H = W):

        C -> D      | H: ratio
        ----------- | --------------------------------------------------
        3 -> 32     | 258: 0.73, 194: 0.67, 98: 0.69, 50: 0.76
        32 -> 32    | 258: 0.90, 194: 0.59, 98: 0.83, 50: 0.82
        32 -> 64    | 129: 0.87, 98: 0.74, 50: 0.60, 26: 0.78
        64 -> 64    | 258: 0.64, 129: 0.61, 98: 0.55, 66: 0.50, 34: 0.61
        64 -> 128   | 66: 0.46, 50: 0.48, 34: 0.63, 18: 0.83
        96 -> 96    | 98: 0.42, 50: 0.50, 26: 0.68
        128 -> 128  | 130: 0.45, 66: 0.44, 50: 0.48, 34: 0.57, 18: 0.85
        192 -> 192  | 50: 0.47, 26: 0.58
        256 -> 256  | 66: 0.34, 34: 0.58
        512 -> 512  | 34: 0.76; `winograd` at 26: 1.1, at 18: 1.9
        3 -> 128    | 202: 0.18, with a kernel of 11x11

    With the kernel's gradient and a batch of 4, as in training: 0.82 to 0.27, most gained with many channels.
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
    if jax.default_backend() != "cpu":
        return direct
    if min(inputs, outputs) < 16:
        return gather if inputs < outputs else scatter
    large = height * width >= LARGE or (inputs * outputs >= WIDE and height * width >= 2 * max(inputs, outputs))
    return winograd if large and side == 3 and min(inputs, outputs) >= 32 else direct


def direct(features: jax.Array, kernel: jax.Array, precision: lax.Precision = lax.Precision.HIGHEST) -> jax.Array:
    """XLA's own convolution, and its own gradients."""
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        features[None], kernel, (1, 1), "VALID", dimension_numbers=dimensions, precision=precision
    )[0]


def _gather(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, 9 C] [9 C, D]`: what each output pixel takes from its neighbourhood. For few inputs."""
    return _product(_neighbourhoods(features, len(kernel)), kernel.reshape(-1, kernel.shape[3]))


def _scatter(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, C] [C, 9 D]`: what each input pixel gives to its neighbourhood. For few outputs."""
    gifts = _product(features, kernel.transpose(2, 0, 1, 3).reshape(kernel.shape[2], -1))
    size = len(kernel)
    return sum(_windows(gift, size)[position] for position, gift in enumerate(jnp.split(gifts, size**2, axis=2)))


def _winograd(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """36 products `[H W / 16, C] [C, D]`: 36 multiplications for 16 outputs, not 144."""
    height, width = features.shape[0] - 2, features.shape[1] - 2
    rows, columns = -(-height // 4), -(-width // 4)
    kernels = _product(OF_KERNEL_2D.astype(kernel.dtype), kernel.reshape(9, -1)).reshape(36, *kernel.shape[2:])
    tiles = _product(_to_tiles(features, rows, columns, TO_TILE), kernels).reshape(6, 6, rows, columns, -1)
    tiles = _combine(FROM_TILE, [tiles[:, row] for row in range(6)], axis=2)
    image = _combine(FROM_TILE, list(tiles), axis=3)  # [H / 4, 4, W / 4, 4, D]
    return image.reshape(4 * rows, 4 * columns, -1)[:height, :width]


def _gather_kernel_gradient(features: jax.Array, cotangent: jax.Array) -> jax.Array:
    size = features.shape[0] - cotangent.shape[0] + 1
    gradient = jnp.einsum("hwc,hwd->cd", _neighbourhoods(features, size), cotangent, precision=lax.Precision.HIGHEST)
    return gradient.reshape(size, size, features.shape[2], cotangent.shape[2])


def _winograd_kernel_gradient(features: jax.Array, cotangent: jax.Array) -> jax.Array:
    rows, columns = -(-cotangent.shape[0] // 4), -(-cotangent.shape[1] // 4)
    tiles = _to_tiles(features, rows, columns, TO_TILE)
    cotangents = _to_tiles(cotangent, rows, columns, FROM_TILE.T)
    gradient = jnp.einsum("tnc,tnd->tcd", tiles, cotangents, precision=lax.Precision.HIGHEST).reshape(36, -1)
    gradient = _product(OF_KERNEL_2D.T.astype(gradient.dtype), gradient)
    return gradient.reshape(3, 3, features.shape[2], cotangent.shape[2])


def _differentiable(convolution: Convolution, transposed: Convolution, kernel_gradient: Convolution) -> Convolution:
    """The features' gradient is itself a convolution, `transposed`: of the padded cotangent with the turned kernel."""

    def forward(features, kernel):
        return convolution(features, kernel), (features, kernel)

    def backward(residuals, cotangent):
        features, kernel = residuals
        around = len(kernel) - 1
        padded = jnp.pad(cotangent, ((around, around), (around, around), (0, 0)))
        turned = kernel[::-1, ::-1].swapaxes(2, 3)
        return transposed(padded, turned), kernel_gradient(features, cotangent)

    differentiable = jax.custom_vjp(convolution)
    differentiable.defvjp(forward, backward)
    return differentiable


gather = _differentiable(_gather, _scatter, _gather_kernel_gradient)
scatter = _differentiable(_scatter, _gather, _gather_kernel_gradient)
winograd = _differentiable(_winograd, _winograd, _winograd_kernel_gradient)


def _windows(features: jax.Array, size: int) -> list[jax.Array]:
    """`[H, W, C]` -> its windows, for size 3 nine of `[H - 2, W - 2, C]`, row by row."""
    height, width = features.shape[0] - size + 1, features.shape[1] - size + 1
    return [features[row : row + height, column : column + width] for row in range(size) for column in range(size)]


def _neighbourhoods(features: jax.Array, size: int) -> jax.Array:
    """`[H, W, C]` -> `[H - 2, W - 2, 9 C]` for size 3."""
    return jnp.concatenate(_windows(features, size), axis=2)


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


def _product(left: jax.Array, right: jax.Array) -> jax.Array:
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)
