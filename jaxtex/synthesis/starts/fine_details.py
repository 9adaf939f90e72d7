"""Fine details of an image that is enlarged, taken from exemplars.

Each pixel of the small image becomes four. Its neighborhood is compared with those of the reduced
exemplars, and the four pixels get what the most similar place of the exemplars has there beyond its
own enlargement.

References:
  Freeman, Jones and Pasztor, "Example-Based Super-Resolution", IEEE Computer Graphics and
  Applications 22, 2002. Departure: neighboring details need not agree, since the steps that follow
  change them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxtex import images
from jaxtex.images import io
from jaxtex.runtime import xla_options

RADIUS = 2  # pixels from the center of a neighborhood to its sides
SIDE = 2 * RADIUS + 1  # pixels of a neighborhood along each side
POOL = 4096  # examples, at most


class Examples(NamedTuple):
    """Neighborhoods of reduced exemplars, and what belongs to them at full size."""

    neighborhoods: np.ndarray  # [P, C SIDE^2]
    details: np.ndarray  # [P, 2, 2, C]: the exemplar minus its enlarged reduction


def examples_of(exemplars: Sequence[np.ndarray], used: Sequence[np.ndarray | None]) -> Examples:
    """Returns the examples of exemplars, drawn from all pixels that are used.

    Args:
      exemplars: `[H, W, C]` each, in [0, 1], of at least two pixels along a side.
      used: for each exemplar which pixels count, bool `[H, W]`; None: all.
    """
    neighborhoods, details = [], []
    for exemplar, mask in zip(exemplars, used, strict=True):
        rows, columns = (side // 2 for side in exemplar.shape[:2])
        large = exemplar[: 2 * rows, : 2 * columns]
        small = images.resize(large, rows, columns)
        cells = large - images.resize(small, 2 * rows, 2 * columns)
        cells = cells.reshape(rows, 2, columns, 2, -1).swapaxes(1, 2)

        places = np.argwhere(_used_cells(mask, rows, columns))
        kept = np.random.default_rng(0).permutation(len(places))[: POOL // len(exemplars)]
        chosen = tuple(places[np.sort(kept)].T)
        neighborhoods.append(_neighborhoods(small)[chosen].reshape(len(kept), -1))
        details.append(cells[chosen])
    return Examples(np.concatenate(neighborhoods), np.concatenate(details))


def _used_cells(mask: np.ndarray | None, rows: int, columns: int) -> np.ndarray:
    """Returns which cells of four pixels have a used one, bool `[rows, columns]`.

    If none has, all have.
    """
    every = np.ones((rows, columns), bool)
    if mask is None:
        return every
    cells = np.asarray(mask[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).any((1, 3)))
    return cells if cells.any() else every


def missing_from(
    image: np.ndarray, size: tuple[int, int], examples: Examples, tile: str = ""
) -> np.ndarray:
    """Returns the details that an image lacks when it is enlarged.

    Args:
      image: `[H, W, C]` in [0, 1].
      size: height and width of the enlarged image, about twice the image's own.
      examples: to take them from.
      tile: axes along which the image is periodic, as in `images.resize`.

    Returns:
      `[*size, C]` in [-1, 1].
    """
    rows, columns = (-(-side // 2) for side in size)
    padded = _pad(io.interpolate(image, rows, columns, tile), tile)
    options = xla_options.compiler_options(often=True)
    find = jax.jit(_most_similar, compiler_options=options)
    found = find(jnp.asarray(padded), jnp.asarray(examples.neighborhoods))

    cells = examples.details[np.asarray(found)]
    details = cells.swapaxes(1, 2).reshape(2 * rows, 2 * columns, -1)
    return details[: size[0], : size[1]]


def _most_similar(padded: jax.Array, neighborhoods: jax.Array) -> jax.Array:
    """Returns the index of the most similar example at each pixel, `[H, W]`.

    Args:
      padded: the image, `[H + SIDE - 1, W + SIDE - 1, C]`.
      neighborhoods: of the examples, `[P, C SIDE^2]`.
    """
    columns = padded.shape[1] - 2 * RADIUS
    lengths = jnp.sum(neighborhoods**2, 1)[None] / 2

    def of_row(row: jax.Array) -> jax.Array:
        band = lax.dynamic_slice_in_dim(padded, row, SIDE)
        windows = jnp.stack([band[:, c : c + columns] for c in range(SIDE)], -1)  # [K, W, C, K]
        ours = jnp.transpose(windows, (1, 2, 0, 3)).reshape(columns, -1)
        distances = lengths - jnp.matmul(ours, neighborhoods.T, precision="highest")
        # XLA's argmin takes five times as long on a CPU.
        nearest = distances == jnp.min(distances, 1, keepdims=True)
        numbers = jnp.arange(len(neighborhoods), dtype=jnp.int32)[None]
        return jnp.max(jnp.where(nearest, numbers, 0), 1)

    return lax.map(of_row, jnp.arange(padded.shape[0] - 2 * RADIUS, dtype=jnp.int32))


def _neighborhoods(image: np.ndarray) -> np.ndarray:
    """Returns a view of the neighborhood of each pixel, `[H, W, C, K, K]`."""
    padded = _pad(image, "")
    return np.lib.stride_tricks.sliding_window_view(padded, (SIDE, SIDE), (0, 1))


def _pad(image: np.ndarray, tile: str) -> np.ndarray:
    """Returns an image with `RADIUS` more pixels at each side, periodic along the axes `tile`."""
    for axis, name in enumerate("yx"):
        widths = [(0, 0)] * 3
        widths[axis] = (RADIUS, RADIUS)
        image = np.pad(image, widths, "wrap" if name in tile else "reflect")
    return image
