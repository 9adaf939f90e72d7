"""Features on a grid, `[H, W, C]`, made larger and smaller: padded, pooled, halved, doubled."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

PADDINGS = {"zero": "constant", "reflect": "reflect", "replicate": "edge", "wrap": "wrap"}  # as NumPy calls them
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
    for axis, name in enumerate(both(padding)):
        features = _longer(features, axis, PADDINGS[name], pixels)
    return features


def _longer(features: jax.Array, axis: int, mode: str, pixels: int) -> jax.Array:
    """At both ends of an axis. Slices, for `jnp.pad` takes ten times as long to trace, and a network has dozens of them."""
    if mode == "constant":
        return lax.pad(features, np.zeros((), features.dtype), [(pixels * (i == axis),) * 2 + (0,) for i in range(3)])
    places = np.pad(np.arange(features.shape[axis]), pixels, mode)  # which row stands where
    rows = lambda places: [lax.slice_in_dim(features, place, place + 1, axis=axis) for place in places.tolist()]
    return lax.concatenate([*rows(places[:pixels]), features, *rows(places[-pixels:])], axis)


def both(padding: str) -> tuple[str, str]:
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


def smooth(side: int) -> int:
    """The next number without prime factors beyond 5: Fourier transforms of others are slow."""
    while True:
        rest = side
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return side
        side += 1
