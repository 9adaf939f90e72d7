"""Samples of the features of one layer: positions and random directions."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import statistics


def sample(features: jax.Array, drawn: dict[str, jax.Array]) -> jax.Array:
    """Returns the features that a statistic compares.

    Args:
      features: activations of one layer, `[H, W, C]`.
      drawn: result of `draw_sample`. `positions`, `[P]`, are indices of rows and columns, row
        after row; `directions` are `[C, D]`. Both are optional.

    Returns:
      The features themselves if nothing is drawn; else `[P, 1, C]` or, projected, `[P, 1, D]`.
    """
    if not drawn:
        return features

    rows = features.reshape(-1, features.shape[-1])
    if "positions" in drawn:
        rows = rows[drawn["positions"]]
    if "directions" in drawn:
        rows = jnp.matmul(rows, drawn["directions"], precision="highest")
    return rows[:, None]


def draw_sample(
    statistic: statistics.Statistic,
    shape: tuple[int, ...],
    inside: np.ndarray | None,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Draws the positions and directions of one layer at random.

    Args:
      statistic: defines how many.
      shape: of the layer, `(H, W, C)`.
      inside: mask of the positions to draw from, bool, `[H, W]`; None for all.
      rng: random generator; its state changes.

    Returns:
      `{"positions": int32 [P], "directions": float32 [C, D]}`. Positions are missing where all are
      used, directions (unit vectors, in columns) where features are not projected.
    """
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

    if statistic.directions:
        directions = rng.standard_normal((shape[2], statistic.directions))
        drawn["directions"] = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
    return drawn
