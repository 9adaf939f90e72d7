"""Wasserstein distance of Gaussians, and square roots of positive semidefinite matrices."""

import functools

import jax
import jax.numpy as jnp

from jaxtex.statistics import base, moments

NEWTON_SCHULZ_STEPS = 20  # enough to converge in float32 down to eigenvalues of 1e-5 of the norm


def bures() -> base.Statistic:
    """Wasserstein-2 distance of the fitted Gaussians, over the exemplar's mean square.

        |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)

    References:
      Gelbrich, "On a formula for the L2 Wasserstein metric between measures on Euclidean and
      Hilbert spaces", Mathematische Nachrichten 147, 1990. The default of Crowson's
      style-transfer-pytorch.
    """
    return base.Statistic(
        moments.moments,
        _bures_distance,
        _make_target,
        average=moments.raw_moments,
        from_averages=moments.center_moments,
        statistic_size=moments.gaussian_size,
    )


def _make_target(summary: base.Summary) -> base.Target:
    """Adds the square root of the covariance, which `_bures_distance` needs at every step."""
    return {**summary, "root": matrix_square_roots(summary["covariance"])[0]}


def _bures_distance(target: base.Target, summary: base.Summary) -> jax.Array:
    target_trace = jnp.trace(target["covariance"])
    trace = jnp.trace(summary["covariance"])

    root = target["root"]
    product = jnp.linalg.multi_dot([root, summary["covariance"], root], precision="highest")
    overlap = trace_of_root(product)

    means = jnp.sum((target["mean"] - summary["mean"]) ** 2)
    # Rounding may leave a negative rest near the target.
    squared = jnp.maximum(means + (target_trace + trace) - 2 * overlap, 0)
    return squared / (jnp.sum(target["mean"] ** 2) + target_trace + base.TINY)


def matrix_square_roots(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Computes `A^1/2` and an approximation of `A^-1/2` from matrix products alone.

    Eigenvalues below about 1e-5 of the norm are not resolved, and their inverses stay finite.
    An eigendecomposition deadlocked in XLA's thread pool on a machine with two CPU cores.

    Args:
      matrix: `A`, symmetric and positive semidefinite, `[C, C]`.

    Returns:
      `A^1/2` and nearly `A^-1/2`, each `[C, C]`.

    References:
      Higham, "Functions of Matrices", SIAM 2008, section 6.7: the coupled Newton-Schulz iteration.
    """
    product = functools.partial(jnp.matmul, precision="highest")
    scale = jnp.linalg.norm(matrix) + base.TINY
    identity = jnp.eye(len(matrix))

    root, inverse = matrix / scale, identity
    for _ in range(NEWTON_SCHULZ_STEPS):
        change = 1.5 * identity - 0.5 * product(inverse, root)
        root, inverse = product(root, change), product(change, inverse)
    return root * jnp.sqrt(scale), inverse / jnp.sqrt(scale)


@jax.custom_jvp
def trace_of_root(matrix: jax.Array) -> jax.Array:
    """Returns `tr(A^1/2)` of a symmetric positive semidefinite `A`, `[C, C]`.

    The gradient is `A^-1/2 / 2`, which the iteration computes anyway; differentiating the iteration
    would cost several times as much.
    """
    return jnp.trace(matrix_square_roots(matrix)[0])


@trace_of_root.defjvp
def _trace_of_root_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (matrix,), (change,) = primals, tangents
    root, inverse = matrix_square_roots(matrix)
    return jnp.trace(root), 0.5 * jnp.sum(inverse * change)
