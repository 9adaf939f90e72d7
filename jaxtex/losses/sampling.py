"""Samples of the features of one layer: positions, pairs, patches, and random directions."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib import stride_tricks

from jaxtex import statistics


def sample(features: jax.Array, drawn: dict[str, jax.Array]) -> jax.Array:
    """Returns the features that a statistic compares.

    Args:
      features: activations of one layer, `[H, W, C]`.
      drawn: result of `draw_sample`. `positions`, `[P]`, are indices of rows and columns, row
        after row, or `[P, N]` where the features of N positions, a patch or pairs, are joined to
        `N C` channels; `directions` are `[C, D]` or `[N C, D]`. Both are optional.

    Returns:
      The features themselves if nothing is drawn; else `[P, 1, C]`, of N positions
      `[P, 1, N C]` or, projected, `[P, 1, D]`.
    """
    if not drawn:
        return features

    rows = features.reshape(-1, features.shape[-1])
    if "positions" in drawn:
        rows = rows[drawn["positions"]].reshape(len(drawn["positions"]), -1)
    if "directions" in drawn:
        rows = jnp.matmul(rows, drawn["directions"], precision="highest")
    return rows[:, None]


def draw_sample(
    statistic: statistics.Statistic,
    shape: tuple[int, ...],
    inside: np.ndarray | None,
    rng: np.random.Generator,
    reach: int = 0,
) -> dict[str, np.ndarray]:
    """Draws the positions and directions of one layer at random.

    Args:
      statistic: defines how many.
      shape: of the layer, `(H, W, C)`.
      inside: mask of the positions to draw from, bool, `[H, W]`; None for all. Patches are inside
        with all of their positions, along each axis along which any fits.
      rng: random generator; its state changes.
      reach: longest shift of a pair; longer shifts of the statistic are cut, see `reaches`.

    Returns:
      `{"positions": int32 [P], "directions": float32 [C, D]}`. Positions are missing where all are
      used, directions (unit vectors, in columns) where features are not projected. With shifts, or
      patches of N positions, `[P, N]`, never missing, and `[N C, D]`, see `sample`.
    """
    if statistic.patch > 1:
        inside = _patch_centers(statistic, shape, inside)
    if inside is None:
        positions = np.arange(shape[0] * shape[1])
    else:
        positions = np.flatnonzero(inside)

    drawn = {}
    if statistic.samples and len(positions) > statistic.samples:
        chosen = rng.choice(positions, statistic.samples, replace=False)
        drawn["positions"] = np.sort(chosen).astype(np.int32)
    elif inside is not None:
        drawn["positions"] = positions.astype(np.int32)

    channels = shape[2]
    pairs = [min(shift, reach) for shift in statistic.shifts]
    if statistic.patch > 1:
        drawn["positions"] = _patch_positions(statistic, shape, drawn["positions"])
        channels *= statistic.patch**2
    elif pairs:
        drawn["positions"] = _pair_positions(drawn.get("positions", positions), shape, pairs)
    if statistic.directions:
        if pairs:
            directions = _pair_directions(channels, statistic.directions, len(pairs), rng)
        else:
            directions = rng.standard_normal((channels, statistic.directions))
        drawn["directions"] = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
    return drawn


def reaches(pictures: Sequence[Mapping[str, tuple[int, ...]]]) -> dict[str, int]:
    """Returns the longest shift at each layer: half of the shortest side among all pictures.

    Args:
      pictures: shapes of their layers, `(H, W, C)`; all have the same layers.
    """
    return {layer: min(min(shapes[layer][:2]) for shapes in pictures) // 2 for layer in pictures[0]}


def _pair_positions(
    positions: np.ndarray, shape: tuple[int, ...], shifts: Sequence[int]
) -> np.ndarray:
    """Returns each position, and for each shift two pairs of positions, `[P, 1 + 4 S]`.

    One pair is above one another, one beside one another. The first of a pair is the position moved
    towards the border in proportion, so that pairs are spread evenly and lie in the layer.
    """
    height, width = shape[:2]
    rows, columns = np.divmod(positions, width)
    parts = [positions]
    for shift in shifts:
        first = rows * (height - shift) // height * width + columns
        parts += [first, first + shift * width]
        first = rows * width + columns * (width - shift) // width
        parts += [first, first + shift]
    return np.stack(parts, -1).astype(np.int32)


def _pair_directions(
    channels: int, count: int, shifts: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws directions of which each sees one position or one pair, `[(1 + 4 S) C, D]`."""
    groups = [[0], *([part, part + 1] for part in range(1, 4 * shifts, 2))]
    seen = np.zeros((1 + 4 * shifts, 1, count))
    for direction in range(count):
        seen[groups[direction % len(groups)], :, direction] = 1
    directions = rng.standard_normal((len(seen), channels, count)) * seen
    return directions.reshape(-1, count)


def _patch_centers(
    statistic: statistics.Statistic, shape: tuple[int, ...], inside: np.ndarray | None
) -> np.ndarray:
    """Returns the positions whose patches are inside, bool `[H, W]`; never none of them."""
    centers = np.ones(shape[:2], bool) if inside is None else inside
    offsets = _patch_offsets(statistic)
    for axis in (0, 1):
        if centers.shape[axis] < 1 + offsets[-1] - offsets[0]:
            continue
        widths = [(0, 0), (0, 0)]
        widths[axis] = (-offsets[0], offsets[-1])
        padded = np.pad(centers, widths)  # with False
        windows = stride_tricks.sliding_window_view(padded, 1 + offsets[-1] - offsets[0], axis)
        whole = np.asarray(windows.all(-1))
        # In a region narrower than a patch, patches reach beyond it.
        centers = whole if whole.any() else centers
    return centers


def _patch_positions(
    statistic: statistics.Statistic, shape: tuple[int, ...], centers: np.ndarray
) -> np.ndarray:
    """Returns the positions of each patch, int32 `[P, K]`; a small layer's borders are repeated."""
    height, width = shape[:2]
    offsets = _patch_offsets(statistic)
    rows, columns = np.divmod(centers, width)
    rows = np.clip(rows[:, None] + offsets, 0, height - 1)
    columns = np.clip(columns[:, None] + offsets, 0, width - 1)
    positions = rows[:, :, None] * width + columns[:, None, :]
    return positions.reshape(len(centers), -1).astype(np.int32)


def _patch_offsets(statistic: statistics.Statistic) -> np.ndarray:
    """Returns the offsets of a patch's positions from its center along an axis, `[patch]`."""
    return statistic.spacing * (np.arange(statistic.patch) - statistic.patch // 2)
