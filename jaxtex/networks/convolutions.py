"""Convolutions, above all of 3x3, with gradients that are fast on CPU.

`convolve` chooses between four algorithms. `direct` (XLA's own), `gather` and `scatter` take
features `[H, W, C]` and a kernel `[3, 3, C, D]`, or a larger square, to `[H - 2, W - 2, D]`;
`winograd_convolution` takes a transformed kernel. Use `jax.vmap` for batches.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex.networks import padding_pooling, products, tiling, winograd

# Thresholds of `choose_algorithm`, by measurement; see docs/development/performance.md. "Weights"
# are C D, "pixels" are H W, "work" is their product.
MIN_DIRECT_CHANNELS = 16  # with fewer, one product of matrices is faster than XLA's convolution
MIN_TILED_CHANNELS = 32
MIN_GATHERED_CHANNELS = 128  # for images below `MIN_TILED_PIXELS`
MIN_TILED_PIXELS = 10 * 10  # with fewer, there are too few tiles for an efficient product
MIN_TILED_WEIGHTS = 64 * 128  # with fewer, the sums of tiles cost more than the products save
MIN_TILED_WEIGHTS_IN_CACHE = 64 * 64  # the same where features fit the cache, and sums are cheaper
MAX_CACHED_VALUES = 2**23  # values of input and output together that profit from caches
MIN_TILED_WORK = 2**24  # saves about 1 ms per step, which pays for compiling within 200 steps
MAX_SMALL_TILE_PIXELS = 26 * 26  # up to here tiles of 4x4 are as fast as tiles of 6x6


class Precision(NamedTuple):
    """Precision of a convolution."""

    dtype: Any  # of features
    products: lax.Precision  # of matrix products on GPU and TPU


PRECISIONS = {
    "float32": Precision(jnp.float32, lax.Precision.HIGHEST),
    # 10 bits of mantissa on a GPU; 7, those of bfloat16, on a TPU.
    "tf32": Precision(jnp.float32, lax.Precision.DEFAULT),
    "bfloat16": Precision(jnp.bfloat16, lax.Precision.DEFAULT),
}
Convolution = Callable[..., jax.Array]


def convolve(
    features: jax.Array,
    kernel: jax.Array | None,
    precision: str = "float32",
    prepared: winograd.Kernels | None = None,
    zeros: int = 0,
    algorithms: str = "xla",
) -> jax.Array:
    """Returns the cross-correlation of features with a square kernel.

    The algorithm is that of `choose_algorithm`. Only `direct` supports forward-mode derivatives.
    Rounding errors of `winograd_convolution` are at most 5e-6 of the largest value with 512
    channels (XLA's own: 4e-7).

    Args:
      features: `[H, W, C]`, H and W at least the side of the kernel.
      kernel: `[3, 3, C, D]`, or a larger square; None if there is only the transformed kernel.
      precision: a row of `PRECISIONS`. Sums are always in float32. With `algorithms="cpu"`,
        "bfloat16" rounds only input and output, and "tf32" is float32.
      prepared: the same kernel as `winograd.transform_kernel` returns it, for programs that run
        often; the transform costs more than it saves in a program that runs once.
      zeros: rows and columns of zeros around the features.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.

    Returns:
      `[H - 2, W - 2, D]`, less with a larger kernel, more with `zeros`; in the dtype of `features`.
    """
    if zeros and algorithms == "cpu":
        features = padding_pooling.pad(features, "zero", zeros)
    if kernel is None or _use_tiles(features, kernel, prepared, algorithms):
        return winograd_convolution(features.astype(jnp.float32), prepared).astype(features.dtype)
    if algorithms == "cpu":
        algorithm = choose_algorithm(features.shape, kernel.shape, False, algorithms)
        return algorithm(features.astype(jnp.float32), kernel).astype(features.dtype)
    return direct(features, kernel.astype(features.dtype), PRECISIONS[precision].products, zeros)


def _use_tiles(
    features: jax.Array, kernel: jax.Array, prepared: winograd.Kernels | None, algorithms: str
) -> bool:
    """True if the kernel is also there in transformed form, and that is faster for this size."""
    if prepared is None:
        return False
    algorithm = choose_algorithm(features.shape, kernel.shape, algorithms=algorithms)
    return algorithm is winograd_convolution


def choose_algorithm(
    features: tuple[int, ...],
    kernel: tuple[int, ...],
    prepared: bool = True,
    algorithms: str = "xla",
) -> Convolution:
    """Returns the fastest algorithm for these shapes.

    With "xla" it is `direct`. With "cpu" it is `gather` or `scatter` if C or D is small, and
    `gather` for wide layers of few pixels; else `winograd_convolution` if the transformed kernel is
    there and there is much to gain, and `direct` otherwise. Winograd's tiles save time in
    proportion to C D, and their sums cost time in proportion to C + D.

    Args:
      features: shape `(H, W, C)`, padding included.
      kernel: shape `(3, 3, C, D)`, or a larger square.
      prepared: True if the transformed kernel can be used.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.
    """
    if algorithms != "cpu":
        return direct

    height, width, _ = features
    side, _, inputs, outputs = kernel
    fewest = min(inputs, outputs)
    if fewest < MIN_DIRECT_CHANNELS:
        return gather if inputs < outputs else scatter
    if side != 3 or fewest < MIN_TILED_CHANNELS:
        return direct
    if height * width <= MIN_TILED_PIXELS:
        return gather if fewest >= MIN_GATHERED_CHANNELS else direct

    in_cache = height * width * (inputs + outputs) <= MAX_CACHED_VALUES
    min_weights = MIN_TILED_WEIGHTS_IN_CACHE if in_cache else MIN_TILED_WEIGHTS
    wide = inputs * outputs >= min_weights
    worthwhile = height * width * inputs * outputs >= MIN_TILED_WORK
    return winograd_convolution if prepared and wide and worthwhile else direct


def tile_size(pixels: int) -> int:
    """Returns the side of the tiles that are fastest for features of this many pixels.

    Tiles of 4x4 have kernels of less than half the size, but nearly twice the multiplications.
    """
    return 4 if pixels <= MAX_SMALL_TILE_PIXELS else 6


def direct(
    features: jax.Array,
    kernel: jax.Array,
    precision: lax.Precision = lax.Precision.HIGHEST,
    zeros: int = 0,
) -> jax.Array:
    """Returns XLA's own convolution, which has XLA's own gradients.

    Args:
      features: `[H, W, C]`.
      kernel: `[K, K, C, D]`.
      precision: of the products, on GPU and TPU.
      zeros: rows and columns of zeros around the features.

    Returns:
      `[H - K + 1, W - K + 1, D]`, more with `zeros`.
    """
    padding = [(zeros, zeros), (zeros, zeros)]
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        features[None], kernel, (1, 1), padding, dimension_numbers=dimensions, precision=precision
    )[0]


def _gather(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves by one product `[H W, 9 C] [9 C, D]`: the neighborhood of each output pixel."""
    neighborhoods = _neighborhoods(features, len(kernel))
    return products.matmul(neighborhoods, kernel.reshape(-1, kernel.shape[3]))


def _gather_gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns the features' gradient of `_gather`, by one product `[H W, D] [D, 9 C]`."""
    size = len(kernel)
    channels, outputs = kernel.shape[2:]
    flat = kernel.swapaxes(0, 1).reshape(-1, outputs)
    shares = products.contract(cotangent, flat, 2, 1)
    shares = shares.reshape(*cotangent.shape[:2], size, size, channels)
    shares = tiling.isolate(_overlap_add, shares, axis=1)
    return tiling.isolate(_overlap_add, shares, axis=0)


def _overlap_add(shares: jax.Array, axis: int) -> jax.Array:
    """Sums `[H, W, K, ...]` over K, the k-th part shifted by k along an axis, which gets longer."""
    parts = tiling.unstack(shares, 2)
    last = len(parts) - 1
    return sum(padding_pooling.pad_zeros(part, axis, k, last - k) for k, part in enumerate(parts))


def _gather_kernel_gradient(
    features: jax.Array, cotangent: jax.Array, kernel: jax.Array
) -> jax.Array:
    """Returns the kernel's gradient of `_gather` and of `_scatter`."""
    neighborhoods = _neighborhoods(features, len(kernel))
    product = jnp.einsum("hwc,hwd->cd", neighborhoods, cotangent, precision=lax.Precision.HIGHEST)
    return product.reshape(kernel.shape)


def _scatter(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves by one product `[H W, C] [C, 9 D]`: the share of each input in its neighborhood."""
    size, inputs, outputs = kernel.shape[1:]
    shares = products.matmul(features, kernel.transpose(2, 1, 0, 3).reshape(inputs, -1))
    shares = shares.reshape(*features.shape[:2], size, size, outputs)
    return _shift_add(_shift_add(shares, 1), 0)


def _shift_add(shares: jax.Array, axis: int) -> jax.Array:
    """Sums `[H, W, K, ...]` over K, the k-th part read from k on along an axis, which shortens."""
    parts = tiling.unstack(shares, 2)
    return sum(_window(part, axis, k, len(parts)) for k, part in enumerate(parts))


def _scatter_gradient(cotangent: jax.Array, kernel: jax.Array) -> jax.Array:
    """Returns the features' gradient of `_scatter`: a convolution with the kernel, transposed."""
    padded = padding_pooling.pad(cotangent, "zero", len(kernel) - 1)
    return _gather(padded, kernel[::-1, ::-1].swapaxes(2, 3))


def _neighborhoods(features: jax.Array, size: int) -> jax.Array:
    """Returns the window of each pixel, `[H, W, C]` -> `[H - 2, W - 2, 9 C]` for size 3.

    Along rows first and then along columns: it concatenates 3 + 3 pieces instead of 9.
    """
    for axis in (1, 0):
        windows = [_window(features, axis, k, size) for k in range(size)]
        features = jnp.concatenate(windows, 2)
    return features


def _window(features: jax.Array, axis: int, first: int, size: int) -> jax.Array:
    """Returns the `first`-th entry of each window of a size: N entries give `N - size + 1`."""
    end = first + features.shape[axis] - size + 1
    return lax.slice_in_dim(features, first, end, axis=axis)


def _differentiable(
    convolution: Convolution, gradient: Convolution, kernel_gradient: Convolution
) -> Convolution:
    """Gives a convolution its own gradients.

    Args:
      convolution: `(features, kernel) -> outputs`.
      gradient: `(cotangent, kernel) -> gradient of the features`.
      kernel_gradient: `(features, cotangent, kernel) -> gradient of the kernel`; evaluated only if
        the kernel is differentiated, so synthesis need not keep the features.
    """
    # Traced once per shape, wherever they are called from: a network has thousands of operations
    # in them.
    convolution, gradient, kernel_gradient = map(jax.jit, (convolution, gradient, kernel_gradient))

    def forward(features, kernel):
        learned = any(leaf.perturbed for leaf in jax.tree.leaves(kernel))
        kernel = jax.tree.map(lambda leaf: leaf.value, kernel)
        residuals = (features.value if learned else None, kernel)
        return convolution(features.value, kernel), residuals

    def backward(residuals, cotangent):
        features, kernel = residuals
        if features is None:
            kernel_cotangent = jax.tree.map(jnp.zeros_like, kernel)
        else:
            kernel_cotangent = kernel_gradient(features, cotangent, kernel)
        return gradient(cotangent, kernel), kernel_cotangent

    differentiable = jax.custom_vjp(convolution)
    differentiable.defvjp(forward, backward, symbolic_zeros=True)
    return differentiable


gather = _differentiable(_gather, _gather_gradient, _gather_kernel_gradient)
scatter = _differentiable(_scatter, _scatter_gradient, _gather_kernel_gradient)
winograd_convolution = _differentiable(
    winograd.convolve, winograd.gradient, winograd.kernel_gradient
)
