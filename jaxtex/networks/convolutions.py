"""Convolutions, of 3x3 above all, that are fast on CPU too, and so are their gradients.

`convolve` chooses among `direct` (XLA's own), `gather` and `scatter`, which all take features `[H, W, C]` and a kernel
`[3, 3, C, D]`, or a larger square, to `[H - 2, W - 2, D]`; and `tiled`, Winograd's, whose kernel has been given the form of
tiles. Batches come by `jax.vmap`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex.networks import padding_pooling, winograd
from jaxtex.runtime import sharding

MIN_TILED_PIXELS = 10 * 10  # pixels: too few tiles to multiply well
MIN_TILED_WEIGHTS = (
    64 * 128
)  # numbers in a tap of the kernel: with fewer, sums of tiles may lose what products gain
MIN_TILED_WEIGHTS_IN_CACHE = 64 * 64  # with fewer, they do
MAX_CACHED_VALUES = 2**23  # numbers that go in and come out, up to which caches help the sums
MIN_TILED_WORK = 2**24  # pixels times numbers in a tap of the kernel
MAX_SMALL_TILE_PIXELS = 26 * 26  # pixels, up to which smaller tiles serve as well


class Precision(NamedTuple):
    """How exact a convolution is."""

    kind: type  # of what goes in and comes out
    products: lax.Precision  # on a GPU and a TPU


PRECISIONS = {
    "float32": Precision(jnp.float32, lax.Precision.HIGHEST),
    "tf32": Precision(
        jnp.float32, lax.Precision.DEFAULT
    ),  # ten bits of mantissa on a GPU, on a TPU bfloat16's seven
    "bfloat16": Precision(jnp.bfloat16, lax.Precision.DEFAULT),
}
Convolution = Callable[[jax.Array, jax.Array], jax.Array]


def convolve(
    features: jax.Array,
    kernel: jax.Array | None,
    precision: str = "float32",
    prepared: winograd.Kernels | None = None,
    zeros: int = 0,
) -> jax.Array:
    """Cross-correlation with a 3x3 kernel, without padding.

    The rule: `direct` on every backend but CPU, and where rows are spread over devices. Else `gather` or `scatter` where C
    or D is below 16; `gather` for wide layers of few pixels; `tiled` where the kernel was prepared for it, both are 32 or
    more, `C D` at least `WIDE`, or `NARROW` where `H W (C + D)` is at most `NEAR`, and there is much to gain, `H W C D` at
    least `WORTH`; else `direct`. What tiles save grows with C D, what their sums cost with C + D. Each layer takes some
    0.2 s to compile, so that with 200 steps it has to save 1 ms of each: programs that run once are given plain kernels,
    and are quicker made and run without tiles. Tiles are of 6x6, of 4x4 for no more than `LOW` pixels (`side`): their
    kernels have less than half the size, their products nearly twice the multiplications. Derivatives are of reverse mode
    only, for `direct` alone knows others.

    Time of value and features' gradient over that of XLA's (2 cores of a Xeon, H = W, memory kept as `heap` does), that of
    `tiled` where no other is named; in the last column with JAX 0.12, in the other with 0.10.2 and Eigen's products
    (`compilation`):

        C -> D      | H: ratio, 0.10.2                             | 0.12
        ----------- | -------------------------------------------- | ----------------------------
        3 -> 64     | 256: 0.32 (`gather`)                         |
        32 -> 32    | 192: 1.08                                    | 192: 1.13
        32 -> 80    | 128: 0.96                                    | 128: 0.78
        64 -> 64    | 256: 1.10, 192: 0.91, 128: 0.83              | 256: 0.92, 192: 0.82, 128: 0.72
        80 -> 80    | 256: 0.93, 128: 0.70, 96: 0.69               | 256: 0.79, 128: 0.65, 96: 0.61
        64 -> 128   | 256: 0.98, 128: 0.79                         | 256: 0.82, 128: 0.62
        128 -> 128  | 256: 0.81, 128: 0.55                         | 256: 0.79, 128: 0.58
        80 -> 160   | 48: 0.66                                     | 48: 0.35
        160 -> 160  | 48: 0.48, 24: 0.72                           | 48: 0.42, 24: 0.51
        128 -> 256  | 128: 0.49, 64: 0.48                          | 128: 0.46, 64: 0.43
        256 -> 256  | 128: 0.49, 64: 0.41                          | 128: 0.47, 64: 0.37
        256 -> 512  | 64: 0.52, 32: 0.53                           | 64: 0.36, 32: 0.32
        512 -> 512  | 64: 0.45, 32: 0.53, 16: 0.41 (`gather` 1.1)  | 64: 0.33, 32: 0.28, 16: 0.37
        512 -> 512  | 8: 0.58 (`gather` 0.82)                      | 8: 0.31
        3 -> 128    | 202: 0.29 (`gather`), with a kernel of 11x11 |

    That is of tiles of 6x6. Those of 4x4 are compiled in 0.7 of the time, and take (2 cores of an EPYC, H = 12, 16, 20, 24,
    28) with 160 -> 160 0.69, 0.76, 0.80, 0.78, 0.84 of it, with 256 -> 256 0.67, 0.93, 0.84, 0.97, 0.90, with 512 -> 512
    0.87, 1.31, 1.14, 1.14, 1.18.

    Rounding errors of `tiled` are at most 5e-6 of the largest value, with 512 channels (XLA's: 4e-7).

    Args:
      features: `[H, W, C]`, H and W no less than the kernel's.
      kernel: `[3, 3, C, D]`, or a larger square; None where there is nothing but what was prepared.
      prepared: on CPU the same kernel as `tiles.transform` returns it, for a program that runs often.
      precision: a row of `PRECISIONS`. Sums are always of float32. On CPU "bfloat16" rounds what goes in and comes out
        and gains no time; "tf32" is float32.
      zeros: rows and columns of zeros around the features, which are written on CPU alone.

    Returns:
      `[H - 2, W - 2, D]`, or less where the kernel is larger, more with `zeros`; of the type of `features`.
    """
    if zeros and jax.default_backend() == "cpu":
        features = padding_pooling.pad(features, "zero", zeros)
    if kernel is None or (
        prepared is not None
        and choose_algorithm(features.shape, kernel.shape) is winograd_convolution
    ):
        return winograd_convolution(features.astype(jnp.float32), prepared).astype(features.dtype)
    if jax.default_backend() == "cpu":
        plain = choose_algorithm(features.shape, kernel.shape, prepared=False)
        return plain(features.astype(jnp.float32), kernel).astype(features.dtype)
    return direct(features, kernel.astype(features.dtype), PRECISIONS[precision].products, zeros)


def choose_algorithm(
    features: tuple[int, ...], kernel: tuple[int, ...], prepared: bool = True
) -> Convolution:
    """The algorithm for these shapes on this backend, by the rule of `convolve`; `tiled` wants the kernel prepared."""
    (height, width, _), (side, _, inputs, outputs) = features, kernel
    if not sharding.on_one_cpu():
        return direct
    if min(inputs, outputs) < 16:
        return gather if inputs < outputs else scatter
    if side != 3 or min(inputs, outputs) < 32:
        return direct
    if height * width <= MIN_TILED_PIXELS:
        return gather if min(inputs, outputs) >= 128 else direct
    wide = inputs * outputs >= (
        MIN_TILED_WEIGHTS_IN_CACHE
        if height * width * (inputs + outputs) <= MAX_CACHED_VALUES
        else MIN_TILED_WEIGHTS
    )
    return (
        winograd_convolution
        if prepared and wide and height * width * inputs * outputs >= MIN_TILED_WORK
        else direct
    )


def tile_size(pixels: int) -> int:
    """Of the tiles that a kernel is best prepared for, which sees features of so many pixels; by the rule of `convolve`."""
    return 4 if pixels <= MAX_SMALL_TILE_PIXELS else 6


def direct(
    features: jax.Array,
    kernel: jax.Array,
    precision: lax.Precision = lax.Precision.HIGHEST,
    zeros: int = 0,
) -> jax.Array:
    """XLA's own convolution, and its own gradients; `zeros` as in `convolve`."""
    around, dimensions = 2 * [(zeros, zeros)], ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        features[None], kernel, (1, 1), around, dimension_numbers=dimensions, precision=precision
    )[0]


def _gather(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, 9 C] [9 C, D]`: what each output pixel takes from its neighbourhood."""
    return winograd.matmul(
        _neighbourhoods(features, len(kernel)), kernel.reshape(-1, kernel.shape[3])
    )


def _gather_gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, D] [D, 9 C]`: what each output pixel gives back to its neighbourhood."""
    size, channels, outputs = len(kernel), *kernel.shape[2:]
    gifts = winograd.contract(cotangent, kernel.swapaxes(0, 1).reshape(-1, outputs), 2, 1)
    gifts = gifts.reshape(*cotangent.shape[:2], size, size, channels)
    return winograd.isolate(
        lambda x: _overlap_add(x, 0), winograd.isolate(lambda x: _overlap_add(x, 1), gifts)
    )


def _overlap_add(gifts: jax.Array, axis: int) -> jax.Array:
    """`[H, W, K, ...]` -> the sum over K, the k-th of them moved k further along the axis, which gets longer."""
    gifts = winograd.unstack(gifts, 2)
    return sum(
        padding_pooling.pad_zeros(gift, axis, k, len(gifts) - 1 - k) for k, gift in enumerate(gifts)
    )


def _gather_kernel_gradient(
    features: jax.Array, cotangent: jax.Array, kernel: jax.Array
) -> jax.Array:
    around = _neighbourhoods(features, len(kernel))
    return jnp.einsum("hwc,hwd->cd", around, cotangent, precision=lax.Precision.HIGHEST).reshape(
        kernel.shape
    )


def _scatter(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """One product `[H W, C] [C, 9 D]`: what each input pixel gives to its neighbourhood."""
    size, inputs, outputs = kernel.shape[1:]
    gifts = winograd.matmul(features, kernel.transpose(2, 1, 0, 3).reshape(inputs, -1))
    return _shift_add(_shift_add(gifts.reshape(*features.shape[:2], size, size, outputs), 1), 0)


def _shift_add(gifts: jax.Array, axis: int) -> jax.Array:
    """`[H, W, K, ...]` -> the sum over K, of the k-th what stands k further along the axis, which gets shorter."""
    gifts = winograd.unstack(gifts, 2)
    return sum(_window(gift, axis, k, len(gifts)) for k, gift in enumerate(gifts))


def _scatter_gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    around = padding_pooling.pad(cotangent, "zero", len(kernel) - 1)
    return _gather(around, kernel[::-1, ::-1].swapaxes(2, 3))


def _neighbourhoods(features: jax.Array, size: int) -> jax.Array:
    """`[H, W, C]` -> `[H - 2, W - 2, 9 C]` for size 3, along rows and then along columns: of six pieces, not of nine."""
    for axis in (1, 0):
        features = jnp.concatenate([_window(features, axis, k, size) for k in range(size)], 2)
    return features


def _window(features: jax.Array, axis: int, first: int, size: int) -> jax.Array:
    """`[..., N, ...]` -> `[..., N - size + 1, ...]`: of each window of this size along an axis its `first`-th entry."""
    return lax.slice_in_dim(features, first, first + features.shape[axis] - size + 1, axis=axis)


def _differentiable(
    convolution: Convolution, gradient: Convolution, kernel_gradient: Convolution
) -> Convolution:
    """With its own gradients: `gradient(cotangent, kernel)` of features, `kernel_gradient(features, cotangent, kernel)`.

    Each is traced once for a shape, wherever it is called from, for a network has some thousand operations in them; the
    kernel's gradient only where it is wanted.
    """
    convolution, gradient, kernel_gradient = map(jax.jit, (convolution, gradient, kernel_gradient))

    def forward(features, kernel):
        seen = features.value if any(leaf.perturbed for leaf in jax.tree.leaves(kernel)) else None
        kernel = jax.tree.map(lambda leaf: leaf.value, kernel)
        return convolution(features.value, kernel), (seen, kernel)

    def backward(residuals, cotangent):
        features, kernel = residuals
        unseen = features is None
        of_kernel = (
            jax.tree.map(jnp.zeros_like, kernel)
            if unseen
            else kernel_gradient(features, cotangent, kernel)
        )
        return gradient(cotangent, kernel), of_kernel

    differentiable = jax.custom_vjp(convolution)
    differentiable.defvjp(forward, backward, symbolic_zeros=True)
    return differentiable


gather = _differentiable(_gather, _gather_gradient, _gather_kernel_gradient)
scatter = _differentiable(_scatter, _scatter_gradient, _gather_kernel_gradient)
winograd_convolution = _differentiable(
    winograd.convolve, winograd.gradient, winograd.kernel_gradient
)
