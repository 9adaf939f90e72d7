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

import numpy as np

from jaxtex import images
from jaxtex.images import io

RADIUS = 2  # pixels from the center of a neighborhood to its sides
POOL = 4096  # neighborhoods of the exemplars, at most, that all are compared with
ROWS = 64  # neighborhoods of the image that are compared at once; more leave the cache


class Examples(NamedTuple):
    """Neighborhoods of reduced exemplars, and what belongs to them at full size."""

    neighborhoods: np.ndarray  # [P, N]: C channels of (2 RADIUS + 1)^2 pixels
    details: np.ndarray  # [P, 2, 2, C]: the exemplar minus its enlarged reduction


def examples_of(exemplars: Sequence[np.ndarray], used: Sequence[np.ndarray | None]) -> Examples:
    """Returns the examples of exemplars, drawn from all pixels that are used.

    Args:
      exemplars: `[H, W, C]` each, of at least two pixels along a side.
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
        neighborhoods.append(_windows(small, "")[chosen].reshape(len(kept), -1))
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
      image: `[H, W, C]`.
      size: height and width of the enlarged image, about twice the image's own.
      examples: to take them from.
      tile: axes along which the image is periodic, as in `images.resize`.

    Returns:
      `[*size, C]`, of either sign.
    """
    rows, columns = (-(-side // 2) for side in size)
    windows = _windows(io.interpolate(image, rows, columns, tile), tile)
    lengths = np.sum(examples.neighborhoods**2, 1) / 2
    found = []
    for start in range(0, rows * columns, ROWS):
        places = np.unravel_index(range(start, min(start + ROWS, rows * columns)), (rows, columns))
        ours = windows[places].reshape(len(places[0]), -1)
        found.append(np.argmin(lengths - ours @ examples.neighborhoods.T, 1))

    cells = examples.details[np.concatenate(found)].reshape(rows, columns, 2, 2, -1)
    details = cells.swapaxes(1, 2).reshape(2 * rows, 2 * columns, -1)
    return details[: size[0], : size[1]]


def _windows(image: np.ndarray, tile: str) -> np.ndarray:
    """Returns a view of the neighborhood of each pixel, `[H, W, C, K, K]`."""
    for axis, name in enumerate("yx"):
        widths = [(0, 0)] * 3
        widths[axis] = (RADIUS, RADIUS)
        image = np.pad(image, widths, "wrap" if name in tile else "reflect")
    side = 2 * RADIUS + 1
    return np.lib.stride_tricks.sliding_window_view(image, (side, side), (0, 1))
