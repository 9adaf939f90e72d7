"""Statistics of nearest neighbors: samples of feature vectors, compared vector by vector.

Moments may agree although a picture has features that occur nowhere in the exemplar. Here each
feature vector is compared with the most similar one of the other picture, wherever that lies.

References:
  Kolkin, Salavon and Shakhnarovich, "Style Transfer by Relaxed Optimal Transport and
  Self-Similarity" (STROTSS), CVPR 2019, https://arxiv.org/abs/1904.12785.
  Kolkin, Kucera, Paris, Sykora, Shechtman and Shakhnarovich, "Neural Neighbor Style Transfer"
  (NNST), 2022, https://arxiv.org/abs/2203.13215.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxtex.statistics import base
from jaxtex.statistics import moments as moment_statistics

MOMENTS = ("l1", "none")
MIN_CONTRAST = 1e-4  # of the root mean square: shorter vectors have no direction
MIN_COVARIANCE = 1e-4  # of the squared mean, added to the unit of covariances

Costs = Callable[[dict[str, Any], jax.Array], jax.Array]  # (target, rows [N, C]) -> [N, M]


def relaxed_emd(samples: int = 256, metric: str = "cosine", moments: str = "l1") -> base.Statistic:
    """Relaxed earth mover's distance of the feature vectors, with their moments.

    The larger of two means: over the image, of the distance of each vector to the nearest one of
    the exemplar; over the exemplar, of the distance to the nearest one of the image. It is a lower
    bound of the earth mover's distance. The gradient jumps where another neighbor becomes the
    nearest one, and where the other mean becomes the larger one.

    Args:
      samples: number of positions drawn from each layer; 0 uses all, each compared with at most
        `base.POOL_SIZE` positions that represent the exemplar.
      metric: a key of `METRICS`. "cosine" compares directions only; "euclidean" is the squared
        distance in units of the exemplar's mean square: at a layer of decorrelated colors, such as
        `colours` of the network steerable, it is the palette term of the paper.
      moments: one of `MOMENTS`. "l1" adds `moment_difference`, since the cosine does not depend on
        the lengths of vectors. "none" leaves it out, for a sum with a statistic of all positions:
        `relaxed_emd:moments=none+mean_and_covariance`.

    References:
      Kolkin et al. (2019), the terms of the style. Departures: each layer is compared by itself,
      where the paper joins all layers of a position to one vector; a draw of positions is kept for
      several steps; moments are in units of the exemplar's; Euclidean distances are squared, and
      are not added to cosines.
    """

    def distance(target: dict[str, Any], rows: jax.Array) -> jax.Array:
        costs = METRICS[metric](target, rows)
        nearest = jnp.maximum(jnp.mean(nearest_of(costs)), jnp.mean(nearest_of(costs.T)))
        return _add_moments(moments, nearest, target, rows)

    return of_samples(distance, samples)


def nearest_neighbors(samples: int = 256, moments: str = "l1") -> base.Statistic:
    """Distance of each feature vector to its nearest neighbor in the exemplar, with the moments.

    Neighbors are nearest by the cosine of vectors less the mean of their own picture, and chosen
    at every step: the gradient is that of the distances to neighbors that stay the same. Unlike
    with `relaxed_emd`, not every part of the exemplar has to occur in the image.

    Args:
      samples: as for `relaxed_emd`.
      moments: as for `relaxed_emd`; "none" is the loss of the paper.

    References:
      Kolkin et al. (2022), the last pass (feature splitting), in which each layer has neighbors of
      its own. Departures: the passes before, which join all layers of a position to one vector and
      choose its neighbor once for each scale, are left out; so is the transfer of colors
      afterwards, whose place the moments take.
    """

    def distance(target: dict[str, Any], rows: jax.Array) -> jax.Array:
        centered = {**target, "rows": target["rows"] - target["mean"][None]}
        costs = cosine_distances(centered, rows - jnp.mean(rows, 0, keepdims=True))
        return _add_moments(moments, jnp.mean(nearest_of(costs)), target, rows)

    return of_samples(distance, samples)


def of_samples(
    distance: Callable[[dict[str, Any], jax.Array], jax.Array], samples: int, **fields: Any
) -> base.Statistic:
    """Returns a statistic whose summary is the sample, `[N, C]`.

    Args:
      distance: (target, sample) -> scalar. By default the target has the entries of `represent`,
        mean and covariance of the exemplar, and the mean square of its features.
      samples: number of positions drawn from each layer; 0 uses all.
      **fields: of `base.Statistic`, in place of the usual ones.
    """
    usual = {"make_target": _make_target, "statistic_size": base.pooled_size}
    return base.Statistic(
        lambda features: features.reshape(-1, features.shape[-1]),
        distance,
        samples=samples,
        concatenated=True,
        **(usual | fields),
    )


def nearest_of(costs: jax.Array) -> jax.Array:
    """Returns the smallest distance of each row, `[N]`.

    Args:
      costs: distances, `[N, M]`.
    """
    # The gradient of a minimum compares all distances with it. Several devices may round it in
    # another way than the distances; then nothing is equal, and the gradient is 0 / 0.
    chosen = jnp.argmin(lax.stop_gradient(costs), 1)
    return jnp.take_along_axis(costs, chosen[:, None], 1)[:, 0]


def _make_target(rows: jax.Array) -> dict[str, jax.Array]:
    """Returns the vectors that represent the exemplar, their moments and mean square `[]`."""
    return {**_moments(rows), "mean_square": jnp.mean(rows**2), "rows": represent(rows)}


def represent(rows: jax.Array) -> jax.Array:
    """Returns at most `base.POOL_SIZE` of the rows `[N, C]`, evenly spaced."""
    # Without samples there may be so many that the distances of all pairs do not fit in memory.
    kept = min(len(rows), base.POOL_SIZE)
    return rows[np.arange(kept) * len(rows) // kept]


def _moments(rows: jax.Array) -> dict[str, jax.Array]:
    return moment_statistics.centered_moments(rows[:, None])


def _add_moments(
    moments: str, nearest: jax.Array, target: dict[str, Any], rows: jax.Array
) -> jax.Array:
    """Returns half of the sum of both distances, or that of the neighbors alone."""
    if moments == "none":
        return nearest
    return (nearest + moment_difference(target, _moments(rows))) / 2


def cosine_distances(target: dict[str, Any], rows: jax.Array) -> jax.Array:
    """Returns 1 minus the cosine of the angle of each vector and each of the exemplar's.

    A vector of zeros has the distance 0 to another one, and 1 to all others.

    Args:
      target: `{"rows": [M, C], "mean_square": [], ...}` of the exemplar.
      rows: of the image, `[N, C]`.

    Returns:
      `[N, M]`, 0 or more.
    """
    short = MIN_CONTRAST * jnp.sqrt(target["mean_square"]) + base.TINY

    def unit(vectors: jax.Array) -> jax.Array:
        # One more channel, always the same small value, gives zeros a direction of their own.
        constant = jnp.full((len(vectors), 1), short, vectors.dtype)
        longer = jnp.concatenate([vectors, constant], 1)
        return longer / jnp.sqrt(jnp.sum(longer**2, 1, keepdims=True))

    products = jnp.matmul(unit(rows), unit(target["rows"]).T, precision="highest")
    return jnp.maximum(1 - products, 0)


def euclidean_distances(target: dict[str, Any], rows: jax.Array) -> jax.Array:
    """Returns squared distances of vectors in units of the exemplar's mean square.

    Args:
      target: `{"rows": [M, C], "mean": [C], "mean_square": [], ...}` of the exemplar.
      rows: of the image, `[N, C]`.

    Returns:
      `[N, M]`, 0 or more.
    """
    # Less the mean, which cancels, fewer digits are lost.
    ours, theirs = rows - target["mean"][None], target["rows"] - target["mean"][None]
    products = jnp.matmul(ours, theirs.T, precision="highest")
    squares = jnp.sum(ours**2, 1)[:, None] + jnp.sum(theirs**2, 1)[None] - 2 * products
    energy = rows.shape[1] * target["mean_square"]
    return jnp.maximum(squares, 0) / (energy + base.TINY)


METRICS: Mapping[str, Costs] = {"cosine": cosine_distances, "euclidean": euclidean_distances}

# The values of options that are words, for the parser.
CHOICES = {"metric": tuple(METRICS), "moments": MOMENTS}


def moment_difference(target: dict[str, Any], summary: dict[str, jax.Array]) -> jax.Array:
    """Returns the sum of the relative L1 differences of means and of covariances.

    Args:
      target: `{"mean": [C], "covariance": [C, C], "mean_square": [], ...}` of the exemplar.
      summary: the same of the image, without the mean square.

    References:
      Kolkin et al. (2019), the moment term. Departure: each difference is in units of the
      exemplar's features, so that it means the same in every layer.
    """
    channels = len(target["mean"])
    mean_unit = channels * jnp.sqrt(target["mean_square"])
    means = jnp.sum(jnp.abs(target["mean"] - summary["mean"])) / (mean_unit + base.TINY)

    covariance_unit = jnp.sum(jnp.abs(target["covariance"])) + MIN_COVARIANCE * mean_unit**2
    differences = jnp.sum(jnp.abs(target["covariance"] - summary["covariance"]))
    return means + differences / (covariance_unit + base.TINY)
