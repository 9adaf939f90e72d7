"""Wasserstein distance and barycenter of Gaussians, and roots of positive semidefinite matrices.

An eigendecomposition deadlocked in XLA's thread pool on a machine with two CPU cores, so roots and
polar factors come from iterations of matrix products. They are finite for every covariance: also
for constant features, for fewer positions than channels, and with the rounding errors of both.

References:
  Higham, "Functions of Matrices", SIAM 2008, section 6.7 (the coupled Newton-Schulz iteration) and
  section 8.3 (the one for the polar factor).
  Chen and Chow, "A Stable Scaling of Newton-Schulz for Improving the Sign Function Computation of a
  Hermitian Matrix", Argonne National Laboratory 2014: the factors of `_scaling`.
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex.statistics import base, moments

ROUNDING = 8  # machine epsilons: below this share, eigenvalues of a covariance are rounding errors
MIN_SINGULAR = 80  # machine epsilons: below this share, singular values count as 0
MAX_ITERATIONS = 50  # of `barycenter`
CONVERGED = 1e-5  # change of a root in one iteration, in units of the root
MAX_SCALING = 1.6  # below sqrt(3), where the largest singular value would be mapped to 0

_product = functools.partial(jnp.matmul, precision="highest")


def bures() -> base.Statistic:
    """Wasserstein-2 distance of the fitted Gaussians, over the exemplar's mean square.

        |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)

    The target of several exemplars is the `barycenter` of their Gaussians.

    References:
      Gelbrich, "On a formula for the L2 Wasserstein metric between measures on Euclidean and
      Hilbert spaces", Mathematische Nachrichten 147, 1990. The default of Crowson's
      style-transfer-pytorch.
    """
    return base.Statistic(
        moments.centered_moments,
        _bures_distance,
        _make_target,
        blend=barycenter,
        average=moments.raw_moments,
        from_averages=moments.center_moments,
        statistic_size=moments.gaussian_size,
    )


def barycenter(summaries: Sequence[base.Summary], shares: Sequence[float]) -> base.Summary:
    """Returns the Gaussian with the least weighted sum of squared Wasserstein-2 distances.

    Its mean is the weighted mean, and its covariance `S` is a fixed point of

        S = T S T,  T = sum_i w_i S^-1/2 (S^1/2 C_i S^1/2)^1/2 S^-1/2.

    Here `S = Y Y^T` with `Y = sum_i w_i C_i^1/2 U_i`, where `U_i` is the polar factor of
    `C_i^1/2 Y`: the same iteration without an inverse, so covariances may be singular. In common
    axes deviations are averaged; averages of covariances have more variance.

    Args:
      summaries: mean `[C]` and covariance `[C, C]` of each exemplar.
      shares: their weights, with sum 1.

    Returns:
      Mean and covariance; of a single exemplar its own.

    References:
      Agueh and Carlier, "Barycenters in the Wasserstein Space", SIAM Journal on Mathematical
      Analysis 43, 2011.
      Alvarez-Esteban, del Barrio, Cuesta-Albertos and Matran, "A Fixed-Point Approach to
      Barycenters in Wasserstein Space", Journal of Mathematical Analysis and Applications 441,
      2016, https://arxiv.org/abs/1511.05355: the iteration.
      Vacher, Davila, Kohn and Coen-Cagli, "Texture Interpolation for Probing Visual Perception",
      NeurIPS 2020, https://arxiv.org/abs/2006.03698: textures between others.
    """
    if len(summaries) == 1:
        return summaries[0]
    weights = jnp.asarray(shares, summaries[0]["mean"].dtype)
    means, covariances = (
        jnp.stack([summary[name] for summary in summaries]) for name in ("mean", "covariance")
    )
    levels = jnp.stack([_mean_square(summary) for summary in summaries])
    roots = jax.vmap(lambda matrix, level: square_roots(matrix, level)[0])(covariances, levels)
    scale = jnp.max(jnp.sqrt(levels)) + base.TINY

    def is_moving(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        _, change, iteration = state
        return (change > CONVERGED) & (iteration < MAX_ITERATIONS)

    def iterate(
        state: tuple[jax.Array, jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        factor, _, iteration = state
        rotations = jax.vmap(lambda root: polar_factor(_product(root, factor)))(roots)
        following = jnp.einsum("k,kij,kjl->il", weights, roots, rotations, precision="highest")
        change = _frobenius_norm(following - factor) / _frobenius_norm(factor)
        return following, change, iteration + 1

    roots = roots / scale  # products of very small or large ones would leave the range of floats
    first = jnp.tensordot(weights, roots, 1, precision="highest")
    start = first, jnp.ones((), first.dtype), jnp.zeros((), jnp.int32)
    factor = scale * lax.while_loop(is_moving, iterate, start)[0]
    mean = jnp.tensordot(weights, means, 1, precision="highest")
    return {"mean": mean, "covariance": _product(factor, factor.T)}


def _mean_square(summary: base.Summary) -> jax.Array:
    """Returns the mean square of the features: the unit of a covariance's rounding errors."""
    return jnp.sum(summary["mean"] ** 2) + jnp.trace(summary["covariance"])


def _make_target(summary: base.Summary) -> base.Target:
    """Adds the square root of the covariance, which `_bures_distance` needs at every step."""
    return {**summary, "root": square_roots(summary["covariance"], _mean_square(summary))[0]}


def _bures_distance(target: base.Target, summary: base.Summary) -> jax.Array:
    level = jax.lax.stop_gradient(_mean_square(summary))
    overlap = gaussian_overlap(target["root"], summary["covariance"], level)
    traces = jnp.trace(target["covariance"]) + jnp.trace(summary["covariance"])

    means = jnp.sum((target["mean"] - summary["mean"]) ** 2)
    # Rounding may leave a negative rest near the target.
    squared = jnp.maximum(means + traces - 2 * overlap, 0)
    return squared / (_mean_square(target) + base.TINY)


@jax.custom_jvp
def gaussian_overlap(root: jax.Array, covariance: jax.Array, level: jax.Array | float) -> jax.Array:
    """Returns `tr((R C R)^1/2)`, the largest covariance of two coupled Gaussians.

    It is the sum of the singular values of `M = R C^1/2`. The eigenvalues of `R C R` are their
    squares, of which a third would vanish in rounding errors.

    Args:
      root: `R`, square root of the first covariance, `[C, C]`.
      covariance: `C`, the second covariance, `[C, C]`.
      level: see `square_roots`.
    """
    return _overlap(root, covariance, level)[0]


@gaussian_overlap.defjvp
def _gaussian_overlap_jvp(
    primals: tuple[jax.Array, jax.Array, jax.Array],
    tangents: tuple[jax.Array, jax.Array, jax.Array],
) -> tuple[jax.Array, jax.Array]:
    """Returns the overlap and its tangent; `level` decides on rounding only.

    With the polar factor `U` of `M`, the gradients are `U C^1/2` for `R`, and for `C` half of
    `R (R C R)^-1/2 R = R U C^-1/2`. Differentiating the iterations would cost several times as
    much.
    """
    (root, covariance, level), (root_change, change, _) = primals, tangents
    overlap, by_root, by_covariance = _overlap(root, covariance, level)
    return overlap, jnp.sum(by_root * root_change) + jnp.sum(by_covariance * change)


def _overlap(
    root: jax.Array, covariance: jax.Array, level: jax.Array | float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the overlap, and its gradients with respect to `root` and `covariance`."""
    other, inverse = square_roots(covariance, level)
    together = _product(root, other)
    polar = polar_factor(together)

    overlap = jnp.sum(polar * together)
    transport = _product(_product(root.T, polar), inverse)

    # Averages of large images summed in strips may be less than semidefinite beyond all rounding
    # that is provided for; then only means and traces are compared.
    finite = jnp.isfinite(overlap) & jnp.isfinite(transport).all()
    values = overlap, _product(polar, other), (transport + transport.T) / 4
    overlap, by_root, by_covariance = (jnp.where(finite, value, 0.0) for value in values)
    return overlap, by_root, by_covariance


def square_roots(matrix: jax.Array, level: jax.Array | float) -> tuple[jax.Array, jax.Array]:
    """Computes `A^1/2` and an approximation of `A^-1/2`.

    Eigenvalues below `ROUNDING` epsilons of `|A| + level` count as 0, and so do negative ones;
    their inverses stay finite.

    Args:
      matrix: `A`, symmetric and, up to rounding, positive semidefinite, `[C, C]`.
      level: size of the numbers whose differences the entries are, such as a mean square.

    Returns:
      `A^1/2` and nearly `A^-1/2`, each `[C, C]`.
    """
    epsilon = float(jnp.finfo(matrix.dtype).eps)
    shift = ROUNDING * epsilon  # makes the smallest eigenvalue positive
    identity = jnp.eye(len(matrix), dtype=matrix.dtype)
    scale = _frobenius_norm(matrix) + level
    normalized = (matrix + matrix.T) / (2 * scale)

    root, inverse = normalized + shift * identity, identity
    for factor in _scaling(math.sqrt(shift), epsilon):
        change = 1.5 * factor * identity - 0.5 * factor**3 * _product(inverse, root)
        root, inverse = _product(root, change), _product(change, inverse)

    # Undoes the shift to first order: x^-1/2 = (x + s)^-1/2 (1 + s / (2 (x + s))) + O(s^2).
    inverse = inverse + 0.5 * shift * _product(inverse, _product(inverse, inverse))
    # Not `root`, in which each eigenvalue that is 0 would count as the shift.
    return _product(normalized, inverse) * jnp.sqrt(scale), inverse / jnp.sqrt(scale)


def polar_factor(matrix: jax.Array) -> jax.Array:
    """Computes the orthogonal factor `U` of `M = U H`, where `H` is positive semidefinite.

    Args:
      matrix: `M`, `[C, C]`.

    Returns:
      `U`, `[C, C]`; its singular values are 1, or less where those of `M` are below `MIN_SINGULAR`
      epsilons of its norm.
    """
    epsilon = float(jnp.finfo(matrix.dtype).eps)
    identity = jnp.eye(len(matrix), dtype=matrix.dtype)

    factor = matrix / _frobenius_norm(matrix)
    for scale in _scaling(MIN_SINGULAR * epsilon, epsilon):
        change = 1.5 * scale * identity - 0.5 * scale**3 * _product(factor.T, factor)
        factor = _product(factor, change)
    return factor


def _frobenius_norm(matrix: jax.Array) -> jax.Array:
    """Returns the norm, which bounds all eigenvalues; more than 0."""
    return jnp.sqrt(jnp.sum(matrix**2) + base.TINY**2)


@functools.cache
def _scaling(smallest: float, epsilon: float) -> tuple[float, ...]:
    """Returns the factor of each Newton-Schulz step: `x -> 1.5 f x - 0.5 (f x)^3` tends to 1.

    Without them (all 1) a small value grows by 1.5 at each step; with them by up to 2.4.

    Args:
      smallest: singular values from here to 1 must converge.
      epsilon: precision to reach.
    """
    factors = []
    while 1 - smallest > epsilon:
        factor = min(MAX_SCALING, math.sqrt(3 / (1 + smallest + smallest**2)))
        factors.append(factor)
        smallest = 1.5 * factor * smallest - 0.5 * (factor * smallest) ** 3
    return tuple(factors)
