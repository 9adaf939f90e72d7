"""Guided correspondence: patches of features, each drawn to its neighbor in the exemplar.

A patch joins the features of several positions to one vector. Moments say which features occur
together at one position; a patch that resembles one of the exemplar's also has its features in the
same arrangement, as far as the patch reaches. A penalty on exemplar patches that many patches of
the image have chosen keeps the image from being made of a few of them.

References:
  Zhou, Chen, Xiao and Huang, "Neural Texture Synthesis with Guided Correspondence", CVPR 2023,
  https://github.com/EliotChenKJ/Guided-Correspondence-Loss.
  Mechrez, Talmi and Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned
  Data", ECCV 2018, https://arxiv.org/abs/1803.02077.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex.statistics import base, neighbors

BANDWIDTH = 0.5  # of relative distances, as in both papers
MIN_DISTANCE = 1e-5  # up to which patches are the same, for rounding errors have no ratios


def guided_correspondence(
    samples: int = 256,
    patch: int = 3,
    spacing: int = 3,
    occurrence: float = 0.05,
    metric: str = "euclidean",
) -> base.Statistic:
    """Patches of the features, each with its nearest neighbor among those of the exemplar.

    It holds rows and courses of a texture together, and wants a sum with a statistic of all
    positions: `mean_and_covariance+0.1*guided_correspondence@relu2_1,relu3_1`. Neighbors are chosen
    at every step, and the gradient jumps where they change.

    Args:
      samples: number of patches drawn from each layer; 0 uses all, each compared with at most
        `base.POOL_SIZE` patches that represent the exemplar.
      patch: positions along each side of a patch; 1 compares feature vectors.
      spacing: distance of these positions. A patch reaches over `spacing * (patch - 1) + 1`
        positions of the layer. Neighboring features are much alike, so that few of them tell as
        much as all, at less cost.
      occurrence: weight of `occurrence_penalty`, in units of the distance.
      metric: a key of `neighbors.METRICS`. "euclidean" compares vectors, "cosine" their directions
        from the mean of the exemplar's, as the paper does: lengths, which are contrasts, are free.

    References:
      Zhou et al. (2023), without the guidance by maps. Departures: 3 x 3 positions at a distance of
      3, where the paper joins all 7 x 7; patches of the exemplar are drawn once; the distance is
      Euclidean by default, and the cosine is not halved; only choices beyond the fair share are
      penalized; repeated patches of the exemplar count as one; the loss is divided by its value for
      patches that resemble none more than another; a draw is kept for several steps. Patches do
      not wrap around the borders of an image that tiles.
    """

    def distance(target: dict[str, Any], rows: jax.Array) -> jax.Array:
        if metric == "cosine":
            target, rows = _center(target, rows)
        costs = neighbors.METRICS[metric](target, rows)
        return contextual_loss(costs + occurrence * occurrence_penalty(costs)[None])

    return neighbors.of_samples(
        distance,
        samples,
        make_target=_make_target,
        patch=patch,
        spacing=spacing,
        statistic_size=functools.partial(base.pooled_size, patch_positions=patch**2),
    )


def _make_target(rows: jax.Array) -> dict[str, jax.Array]:
    """Returns the patches that represent the exemplar, their mean `[C]` and mean square `[]`."""
    return {
        "rows": neighbors.represent(rows),
        "mean": jnp.mean(rows, 0),
        "mean_square": jnp.mean(rows**2),
    }


def _center(target: dict[str, Any], rows: jax.Array) -> tuple[dict[str, Any], jax.Array]:
    """Returns the rows of the exemplar and of the image less the exemplar's mean."""
    mean = target["mean"][None]
    return {**target, "rows": target["rows"] - mean}, rows - mean


def occurrence_penalty(costs: jax.Array) -> jax.Array:
    """Returns how often each patch of the exemplar is chosen beyond its fair share.

    Args:
      costs: distance of each patch of the image to each of the exemplar, `[N, M]`.

    Returns:
      `[M]`, 0 up to the fair share, which is N / M choices and at least one; 1 for twice the
      share. Without a gradient.
    """
    count, kept = costs.shape
    chosen = jnp.argmin(lax.stop_gradient(costs), 1)
    choices = jnp.zeros(kept, costs.dtype).at[chosen].add(1)
    return jnp.maximum(choices / max(count / kept, 1) - 1, 0)


def contextual_loss(costs: jax.Array) -> jax.Array:
    """Returns how little the nearest patch stands out among all, a mean over patches.

        -log max_j softmax_j(-costs_ij / (BANDWIDTH * min_k costs_ik)) / log M

    Patches of the exemplar that are the same as the image's count as one.

    Args:
      costs: as for `occurrence_penalty`, 0 or more.

    Returns:
      A scalar: 0 where one patch of the exemplar is far nearer than all others, 1 where all are
      equally far.
    """
    nearest = neighbors.nearest_of(costs)[:, None]
    beyond = (costs - nearest) / (nearest + MIN_DISTANCE)
    same = jnp.maximum(jnp.sum(costs <= MIN_DISTANCE, 1), 1).astype(costs.dtype)
    surprise = jax.nn.logsumexp(-beyond / BANDWIDTH, 1) - jnp.log(same)
    return jnp.mean(jnp.maximum(surprise, 0)) / math.log(max(costs.shape[1], 2))
