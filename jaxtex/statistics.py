"""Features of one layer -> a summary that forgets positions; the distance of two summaries.

A statistic is a pair of pure functions over one layer, `[H, W, C]`; `layers.map_layers` takes them over a network.
A new one is a row of `STATISTICS`: the flag, the error messages and the property tests read that table.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Summary = Any  # a pytree of arrays


def relative_difference(target: Summary, summary: Summary) -> jax.Array:
    """The squared difference of two summaries in units of the target's own energy.

    So it is 1 where there are no features, about 1 for an image without any of the target's structure, and the weights
    of layers mean the same at every size and in every network. Departs from Gatys et al. (2015), who divide by 4 N^2 M^2.
    """
    return jnp.sum((target - summary) ** 2) / (jnp.sum(target**2) + TINY)


class Statistic(NamedTuple):
    """What of the features is matched, and how far apart two of its values are."""

    summarise: Callable[[jax.Array], Summary]  # [H, W, C] -> summary
    distance: Callable[[Summary, Summary], jax.Array] = relative_difference  # (target, summary) -> scalar >= 0


def gram(features: jax.Array) -> jax.Array:
    """Uncentred correlations between channels, averaged over positions.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `F^T F / (H W)`, `[C, C]`: comparable between images of different sizes.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015,
      https://arxiv.org/abs/1505.07376. The paper divides in the loss, not here.
    """
    rows = features.reshape(-1, features.shape[-1])  # an einsum over both axes is three times slower on CPU
    return _second_moments(rows) / len(rows)


@jax.custom_vjp
def _second_moments(rows: jax.Array) -> jax.Array:
    """`[N, C]` -> `[C, C]`. Its gradient is one product; the general rule of a matrix product would make two."""
    return jnp.matmul(rows.T, rows, precision="highest")


_second_moments.defvjp(
    lambda rows: (_second_moments(rows), rows),
    lambda rows, cotangent: (jnp.matmul(rows, cotangent + cotangent.T, precision="highest"),),
)


def gaussian_difference(target: Summary, summary: Summary) -> jax.Array:
    """The squared difference of means and covariances in units of the energy of the target's Gram matrix.

    With covariance C and mean m, a small change of the Gram matrix C + m m^T has the squared size |dC|^2 + 2 |m|^2 |dm|^2,
    but for what the two cancel of each other: so this is the Gram matrix's relative difference, in which a mean cannot
    make up for a variance. Each of the two in units of its own energy converged ten times slower, to worse pictures.
    """
    mean, covariance = target["mean"], target["covariance"]
    energy = jnp.sum((covariance + jnp.outer(mean, mean)) ** 2)
    means, covariances = (jnp.sum((target[name] - summary[name]) ** 2) for name in ("mean", "covariance"))
    return (covariances + 2 * jnp.sum(mean**2) * means) / (energy + TINY)


def mean_and_covariance(features: jax.Array) -> dict[str, jax.Array]:
    """The Gaussian that fits the feature vectors best.

    Unlike the Gram matrix it tells a high mean from a high variance, and so keeps brightness and contrast.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `{"mean": [C], "covariance": [C, C]}`; the Gram matrix is the covariance plus the outer product of the mean.

    References:
      Li, Wang, Liu and Hou, "Demystifying Neural Style Transfer", IJCAI 2017, https://arxiv.org/abs/1701.01036 (matching
      moments as matching distributions; they stop at mean and variance of each channel).
    """
    mean = features.mean((0, 1))
    return {"mean": mean, "covariance": gram(features) - jnp.outer(mean, mean)}


TINY = 1e-12  # keeps the distance finite for an exemplar of one colour

STATISTICS = {
    "gram": Statistic(gram),
    "mean_and_covariance": Statistic(mean_and_covariance, gaussian_difference),
}
