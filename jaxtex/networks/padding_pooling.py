"""Padding, pooling, halving and doubling of features on a grid, `[H, W, C]`."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Name of a padding -> the mode of `numpy.pad`.
PADDINGS: dict[str, Any] = {
    "zero": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "wrap": "wrap",
}
POOLINGS: dict[str, Callable] = {"max": jnp.max, "avg": jnp.mean}


def pool(features: jax.Array, pooling: str) -> jax.Array:
    """Returns the maximum or the mean of blocks of 2x2 pixels.

    Args:
      features: `[H, W, C]`; an odd last row or column is ignored.
      pooling: a row of `POOLINGS`.

    Returns:
      `[H // 2, W // 2, C]`.
    """
    # By a reshape: on CPU the gradient of `lax.reduce_window` is a slow scatter.
    height, width = features.shape[0] // 2, features.shape[1] // 2
    blocks = features[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    return POOLINGS[pooling](blocks, axis=(1, 3))


def pad(features: jax.Array, padding: str, pixels: int = 1, algorithms: str = "xla") -> jax.Array:
    """Pads both sides of both axes, as `numpy.pad` does. A single row or column is its own mirror.

    Args:
      features: `[H, W, C]`.
      padding: a row of `PADDINGS`; or one for rows and one for columns, "reflect/wrap".
      pixels: rows and columns to add on each side.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.

    Returns:
      `[H + 2 pixels, W + 2 pixels, C]`.
    """
    for axis, name in enumerate(split_padding(padding)):
        features = pad_axis(features, axis, name, pixels, algorithms)
    return features


def split_padding(padding: str) -> tuple[str, str]:
    """Returns the paddings of rows and of columns: `("reflect", "wrap")` for "reflect/wrap".

    One name is for both: `("zero", "zero")` for "zero".
    """
    rows, _, columns = padding.partition("/")
    return rows, columns or rows


def pad_axis(
    features: jax.Array, axis: int, padding: str, pixels: int, algorithms: str = "xla"
) -> jax.Array:
    """Pads both ends of one axis.

    Args:
      features: `[H, W, C]`.
      axis: 0 for rows, 1 for columns.
      padding: a row of `PADDINGS`.
      pixels: entries to add at each end.
      algorithms: "cpu" or "xla"; the results are equal.
    """
    mode = PADDINGS[padding]
    if mode == "constant":
        return pad_zeros(features, axis, pixels, pixels)
    if algorithms == "cpu":
        return _pad_by_gather(features, axis, mode, pixels)
    return _pad_by_sums(features, axis, mode, pixels)


def pad_zeros(array: jax.Array, axis: int, before: int, after: int) -> jax.Array:
    """Pads one axis of an array with zeros.

    Args:
      array: of any shape.
      axis: the axis to pad.
      before: zeros before its first entry.
      after: zeros after its last entry.
    """
    if not before and not after:
        return array
    widths = [(before, after, 0) if i == axis else (0, 0, 0) for i in range(array.ndim)]
    return lax.pad(array, np.zeros((), array.dtype), widths)


def _pad_by_sums(features: jax.Array, axis: int, mode: str, pixels: int) -> jax.Array:
    """Pads by the sum of the features and of each added row, with zeros everywhere else.

    Devices that share the rows then exchange only the added ones. If slices were concatenated, XLA
    would redistribute whole features; see docs/development/performance.md.
    """
    count = features.shape[axis]
    length = count + 2 * pixels
    sources = _source_rows(count, mode, pixels)

    added = []
    for target in (*range(pixels), *range(length - pixels, length)):
        source = sources[target].item()
        row = lax.slice_in_dim(features, source, source + 1, axis=axis)
        added.append(pad_zeros(row, axis, target, length - 1 - target))
    return sum(added, pad_zeros(features, axis, pixels, pixels))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _pad_by_gather(features: jax.Array, axis: int, mode: str, pixels: int) -> jax.Array:
    """Pads by indices of rows.

    XLA's CPU backend fuses this with what comes before; with slices it would copy the features once
    for each slice, and once more for its gradient.
    """
    return _take(features, _source_rows(features.shape[axis], mode, pixels), axis)


def _pad_by_gather_forward(
    features: jax.Array, axis: int, mode: str, pixels: int
) -> tuple[jax.Array, None]:
    """Returns the value and no residuals."""
    return _pad_by_gather(features, axis, mode, pixels), None


def _pad_by_gather_backward(
    axis: int, mode: str, pixels: int, _: None, cotangent: jax.Array
) -> tuple[jax.Array]:
    """Adds the gradients of the copies of each row."""
    sources = _source_rows(cotangent.shape[axis] - 2 * pixels, mode, pixels)
    other_axes = [i for i in range(cotangent.ndim) if i != axis]

    gradients = []
    for copies in _copies_of_rows(sources):
        exists = np.expand_dims(copies >= 0, other_axes)
        rows = _take(cotangent, np.maximum(copies, 0), axis)
        gradients.append(jnp.where(exists, rows, 0))
    return (sum(gradients),)


_pad_by_gather.defvjp(_pad_by_gather_forward, _pad_by_gather_backward)


def _source_rows(count: int, mode: Any, pixels: int) -> np.ndarray:
    """Returns the row that each padded row is a copy of, `[count + 2 pixels]`."""
    return np.pad(np.arange(count), pixels, mode)


def _copies_of_rows(sources: np.ndarray) -> np.ndarray:
    """Inverts `_source_rows`.

    Args:
      sources: the row that each padded row is a copy of, `[N + 2 pixels]`.

    Returns:
      `[R, N]`: the first, second, ... padded row that is a copy of each row; -1 after the last.
    """
    order = np.argsort(sources, kind="stable")
    rows = sources[order]

    # Number of earlier copies of the same row.
    occurrence = np.arange(len(rows)) - np.searchsorted(rows, rows)

    copies = np.full((occurrence.max() + 1, rows.max() + 1), -1)
    copies[occurrence, rows] = order
    return copies


def _take(features: jax.Array, indices: np.ndarray, axis: int) -> jax.Array:
    """Returns the rows at these indices, without the bounds checks of `jnp.take`."""
    other_axes = tuple(i for i in range(features.ndim) if i != axis)
    slice_sizes = tuple(1 if i == axis else size for i, size in enumerate(features.shape))
    dimensions = lax.GatherDimensionNumbers(other_axes, (axis,), (axis,))
    starts = indices[:, None].astype(np.int32)
    return lax.gather(features, starts, dimensions, slice_sizes, mode="promise_in_bounds")


def halve(image: jax.Array, padding: str, algorithms: str = "xla") -> jax.Array:
    """Returns every second pixel after smoothing by (1, 3, 3, 1) / 8 along both axes.

    The mean of 2x2 pixels is not smooth enough: the blocks of its gradient are visible as a grid in
    textures.

    Args:
      image: `[H, W, C]`; an odd last row or column is ignored.
      padding: a row of `PADDINGS`, or two; see `pad`.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.

    Returns:
      `[H // 2, W // 2, C]`.
    """
    height, width = image.shape[0] // 2, image.shape[1] // 2
    x = pad(image[: 2 * height, : 2 * width], padding, algorithms=algorithms)
    x = (x[:-2:2] + 3 * (x[1:-1:2] + x[2::2]) + x[3::2]) / 8
    return (x[:, :-2:2] + 3 * (x[:, 1:-1:2] + x[:, 2::2]) + x[:, 3::2]) / 8


def double(features: jax.Array, padding: str, algorithms: str = "xla") -> jax.Array:
    """Doubles both sides by linear interpolation: four times the transpose of `halve`.

    Args:
      features: `[H, W, C]`.
      padding: a row of `PADDINGS`, or two; see `pad`.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.

    Returns:
      `[2 H, 2 W, C]`.
    """
    for axis in (0, 1):
        padded = pad(features, padding, algorithms=algorithms)
        padded = jnp.moveaxis(padded, axis, 0)[:, 1:-1]
        before, center, after = padded[:-2], padded[1:-1], padded[2:]

        pairs = jnp.stack([before + 3 * center, 3 * center + after], axis=1) / 4
        features = jnp.moveaxis(pairs.reshape(-1, *pairs.shape[2:]), 0, axis)
    return features


def next_fast_length(side: int) -> int:
    """Returns the smallest integer from `side` on without prime factors above 5.

    Fourier transforms of other lengths are slow.
    """
    while True:
        rest = side
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return side
        side += 1
