"""Variants of the Gram matrix: along principal directions, and between shifted features."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxtex.statistics import base, moments


def pca_gram(k: int = 64, norm: str = "relative") -> base.Statistic:
    """Gram matrix along the exemplar's k strongest directions.

    It has k (k + 1) / 2 independent entries in place of C (C + 1) / 2.

    Args:
      k: number of directions; a layer with fewer channels keeps all.
      norm: a key of `NORMS`.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS
      2015, https://arxiv.org/abs/1505.07376, figure 3. Departure: the directions are eigenvectors
      of the Gram matrix, not of the covariance: no others keep as much of what is compared.
    """

    def make_target(summary: jax.Array) -> base.Target:
        # NumPy's eigh: XLA's may deadlock on two CPU cores, see `bures.matrix_square_roots`.
        directions = np.linalg.eigh(summary)[1][:, -k:]
        return {"directions": directions, "gram": _project(directions, summary)}

    def distance(target: base.Target, summary: jax.Array) -> jax.Array:
        return base.compare(norm)(target["gram"], _project(target["directions"], summary))

    return base.Statistic(
        moments.gram_matrix,
        distance,
        make_target,
        average=moments.gram_matrix,
        statistic_size=lambda channels, _: moments.symmetric_size(min(k, channels)),
    )


def _project(directions: jax.Array | np.ndarray, matrix: jax.Array) -> jax.Array:
    """Returns `D^T A D`: `[C, k]`, `[C, C]` -> `[k, k]`."""
    return jnp.linalg.multi_dot([directions.T, matrix, directions], precision="highest")


def shifted_gram(shifts: str = "0/2/4", norm: str = "relative") -> base.Statistic:
    """Gram matrices between features and the same features shifted right, and down.

    Unlike the Gram matrix, they depend on the arrangement of positions.

    Args:
      shifts: in positions of the layer, separated by "/"; 0 is the Gram matrix. In a layer that is
        smaller than twice a shift, half of its side is used.
      norm: a key of `NORMS`.

    References:
      Berger and Memisevic, "Incorporating long-range consistency in CNN-based texture generation",
      ICLR 2017, https://arxiv.org/abs/1606.01286.
    """
    distances = [int(shift) for shift in shifts.split("/")]

    def statistic_size(channels: int, positions: int) -> int:
        del positions
        sizes = [2 * channels**2 if d else moments.symmetric_size(channels) for d in distances]
        return sum(sizes)

    return base.Statistic(
        lambda features: _shifted_grams(features, distances),
        base.compare(norm),
        spatial=True,
        statistic_size=statistic_size,
    )


def _shifted_grams(features: jax.Array, shifts: list[int]) -> jax.Array:
    """Returns `[S, C, C]`: one matrix for shift 0, two (down, right) for every other."""
    matrices = []
    for shift in shifts:
        axes = (0, 1) if shift else (0,)
        matrices += [_shifted_gram_matrix(features, shift, axis) for axis in axes]
    return jnp.stack(matrices)


def _shifted_gram_matrix(features: jax.Array, shift: int, axis: int) -> jax.Array:
    """Returns the mean products of features that are `shift` positions apart, `[C, C]`."""
    shift = min(shift, features.shape[axis] // 2)
    if not shift:
        return moments.gram_matrix(features)

    end = features.shape[axis]
    first = lax.slice_in_dim(features, 0, end - shift, axis=axis)
    second = lax.slice_in_dim(features, shift, end, axis=axis)

    rows = first.reshape(-1, first.shape[-1])
    others = second.reshape(rows.shape)
    return jnp.matmul(rows.T, others, precision="highest") / len(rows)
