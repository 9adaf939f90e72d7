"""Features on a grid, `[H, W, C]`, made larger and smaller: padded, pooled, halved, doubled."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxtex.runtime import sharding

PADDINGS = {
    "zero": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "wrap": "wrap",
}  # as NumPy calls them
POOLINGS = {"max": jnp.max, "avg": jnp.mean}


def pool(features: jax.Array, pooling: str) -> jax.Array:
    """`[H, W, C]` -> `[H // 2, W // 2, C]`: the maximum or the mean of 2x2 blocks; an odd last row or column is left out.

    By reshape: on CPU the gradient of `reduce_window` is a slow scatter.
    """
    height, width = features.shape[0] // 2, features.shape[1] // 2
    blocks = features[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    return POOLINGS[pooling](blocks, axis=(1, 3))


def pad(features: jax.Array, padding: str, pixels: int = 1) -> jax.Array:
    """`[H, W, C]` -> `[H + 2 pixels, W + 2 pixels, C]`, as `PADDINGS` says. A lone row or column is its own mirror.

    Args:
      features: `[H, W, C]`.
      padding: a row of `PADDINGS`; or one for rows and one for columns, "reflect/wrap".
      pixels: how far.
    """
    for axis, name in enumerate(split_padding(padding)):
        features = _pad_axis(features, axis, PADDINGS[name], pixels)
    return features


def _pad_axis(features: jax.Array, axis: int, mode: str, pixels: int) -> jax.Array:
    """At both ends of an axis."""
    if mode == "constant":
        return pad_zeros(features, axis, pixels, pixels)
    return (_pad_by_gather if sharding.on_one_cpu() else _pad_by_sums)(features, axis, mode, pixels)


def pad_zeros(array: jax.Array, axis: int, before: int, after: int) -> jax.Array:
    """`[..., N, ...]` -> `[..., before + N + after, ...]`: so many zeros at both ends of an axis."""
    if not before and not after:
        return array
    around = [(before, after, 0) if i == axis else (0, 0, 0) for i in range(array.ndim)]
    return lax.pad(array, np.zeros((), array.dtype), around)


def _pad_by_sums(features: jax.Array, axis: int, mode: str, pixels: int) -> jax.Array:
    """The sum of the features and of each row that stands around, with zeros everywhere else.

    So devices that share the rows exchange those alone. Where slices are concatenated, XLA's program for GPUs deals out
    whole features anew, and back: four of them send 232 MB a step, not 37 (JAX 0.11, built-in network, 1024 px).
    """
    count = features.shape[axis]
    places, long = _source_rows(count, mode, pixels), count + 2 * pixels
    row = lambda place: lax.slice_in_dim(features, place, place + 1, axis=axis)
    ends = [*range(pixels), *range(long - pixels, long)]
    rows = [pad_zeros(row(places[end].item()), axis, end, long - 1 - end) for end in ends]
    return sum(rows, pad_zeros(features, axis, pixels, pixels))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _pad_by_gather(features: jax.Array, axis: int, mode: str, pixels: int) -> jax.Array:
    """As `_summed` does, by numbers of rows.

    XLA's CPU makes one kernel of it and what comes before, where it copies features for each slice, and those of zeros
    for each slice's gradient: with both so, a step of the built-in network at 256 px took 0.118 s, not 0.124 s, and
    compiled in 2.9 s, not 3.1 s (2 cores). Rows that are spread over devices want slices.
    """
    return _take(features, _source_rows(features.shape[axis], mode, pixels), axis)


def _pad_by_gather_gradient(
    axis: int, mode: str, pixels: int, _: None, cotangent: jax.Array
) -> tuple[jax.Array]:
    """To each row what its copies were given."""
    places = _source_rows(cotangent.shape[axis] - 2 * pixels, mode, pixels)
    others = [i for i in range(cotangent.ndim) if i != axis]
    there = lambda copies: np.expand_dims(copies >= 0, others)
    given = lambda copies: jnp.where(
        there(copies), _take(cotangent, np.maximum(copies, 0), axis), 0
    )
    return (sum(given(copies) for copies in _copy_rows(places)),)


_pad_by_gather.defvjp(
    lambda *arguments: (_pad_by_gather(*arguments), None), _pad_by_gather_gradient
)


def _source_rows(count: int, mode: str, pixels: int) -> np.ndarray:
    """Which of so many rows stands where, `[N + 2 pixels]`."""
    return np.pad(np.arange(count), pixels, mode)


def _copy_rows(places: np.ndarray) -> np.ndarray:
    """Which row stands where -> where each stands, first, second, ...: `[R, N]`, -1 for nowhere any more."""
    order = np.argsort(places, kind="stable")
    rows = places[order]
    turn = np.arange(len(rows)) - np.searchsorted(rows, rows)
    copies = np.full((turn.max() + 1, rows.max() + 1), -1)
    copies[turn, rows] = order
    return copies


def _take(features: jax.Array, places: np.ndarray, axis: int) -> jax.Array:
    """The rows at these places; `jnp.take` would look whether they are there."""
    others = tuple(i for i in range(features.ndim) if i != axis)
    one = tuple(1 if i == axis else length for i, length in enumerate(features.shape))
    numbers = lax.GatherDimensionNumbers(others, (axis,), (axis,))
    return lax.gather(
        features, places[:, None].astype(np.int32), numbers, one, mode="promise_in_bounds"
    )


def split_padding(padding: str) -> tuple[str, str]:
    """`"reflect/wrap"` -> `("reflect", "wrap")`, for rows and for columns; `"zero"` -> `("zero", "zero")`."""
    rows, _, columns = padding.partition("/")
    return rows, columns or rows


def halve(image: jax.Array, padding: str) -> jax.Array:
    """`[H, W, C]` -> `[H // 2, W // 2, C]`: every second pixel after smoothing by 1, 3, 3, 1 along both axes.

    The mean of 2x2 pixels is not smooth enough: its gradient is blocks, and they show as a grid in the textures.
    """
    height, width = image.shape[0] // 2, image.shape[1] // 2
    x = pad(image[: 2 * height, : 2 * width], padding)
    x = (x[:-2:2] + 3 * (x[1:-1:2] + x[2::2]) + x[3::2]) / 8
    return (x[:, :-2:2] + 3 * (x[:, 1:-1:2] + x[:, 2::2]) + x[:, 3::2]) / 8


def double(features: jax.Array, padding: str) -> jax.Array:
    """`[H, W, C]` -> `[2 H, 2 W, C]`: between the pixels by linear interpolation; the transpose of `halve`, times 4."""
    for axis in (0, 1):
        padded = jnp.moveaxis(pad(features, padding), axis, 0)[:, 1:-1]
        before, here, after = padded[:-2], padded[1:-1], padded[2:]
        both = jnp.stack([before + 3 * here, 3 * here + after], axis=1) / 4
        features = jnp.moveaxis(both.reshape(-1, *both.shape[2:]), 0, axis)
    return features


def next_fast_length(side: int) -> int:
    """The next number without prime factors beyond 5: Fourier transforms of others are slow."""
    while True:
        rest = side
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return side
        side += 1
