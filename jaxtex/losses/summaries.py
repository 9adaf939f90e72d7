"""Summaries of exemplars, and the targets made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks, statistics
from jaxtex.losses import sampling
from jaxtex.statistics import map_layers, quantiles


def summarize(
    statistic: statistics.Statistic,
    exemplars: Sequence[networks.Features],
    weights: Sequence[float],
    directions: Mapping[str, Any],
) -> dict[str, statistics.Summary]:
    """Averages, or concatenates, the summaries of exemplars at each layer.

    Args:
      statistic: the statistic.
      exemplars: features of each exemplar, layer -> `[H, W, C]` or `[P, 1, C]`.
      weights: positive weights of the exemplars; only their ratios matter.
      directions: layer -> unit vectors to project on, `[C, D]`; empty for no projection.

    Returns:
      layer -> summary.
    """
    of_exemplars = []
    for features in exemplars:
        sampled = {}
        for layer, values in features.items():
            drawn = {"directions": directions[layer]} if directions else {}
            sampled[layer] = sampling.sample(values, drawn)
        of_exemplars.append(summarize_layers(statistic, sampled))

    total_weight = sum(weights)
    shares = [weight / total_weight for weight in weights]
    blend = concatenate_summaries if statistic.concatenated else blend_summaries
    return {
        layer: blend([summary[layer] for summary in of_exemplars], shares)
        for layer in of_exemplars[0]
    }


def summarize_layers(
    statistic: statistics.Statistic, features: networks.Features
) -> dict[str, statistics.Summary]:
    """Summarizes each layer.

    Args:
      statistic: the statistic.
      features: layer -> `[H, W, C]` or `[P, 1, C]`.

    Returns:
      layer -> summary.
    """

    def summarize_layer(values: jax.Array) -> statistics.Summary:
        # Statistics of averages accumulate in float32 themselves, without a copy of the features.
        if not statistic.average:
            values = values.astype(statistics.accumulation_dtype(values))
        return statistic.summarize(values)

    return map_layers.map_layers(summarize_layer, features)


def make_targets(
    statistic: statistics.Statistic, summaries: dict[str, statistics.Summary]
) -> dict[str, statistics.Target]:
    """Makes the target of each layer, on concrete arrays: not inside a compiled program.

    Args:
      statistic: the statistic.
      summaries: layer -> summary of the exemplar.

    Returns:
      layer -> target.
    """
    return {layer: statistic.make_target(summary) for layer, summary in summaries.items()}


def blend_summaries(
    summaries: Sequence[statistics.Summary], shares: Sequence[float]
) -> statistics.Summary:
    """Returns the weighted mean of summaries; of sorted values, the Wasserstein barycenter.

    Args:
      summaries: pytrees of one structure. Sorted values may differ in length: all are interpolated
        to the length of the shortest.
      shares: weights of the summaries, with sum 1.
    """
    if len(summaries) == 1:
        return summaries[0]

    def blend(*leaves: jax.Array) -> jax.Array:
        count = min(len(leaf) for leaf in leaves)
        return sum(
            share * quantiles.interpolate_quantiles(leaf, count)
            for share, leaf in zip(shares, leaves, strict=True)
        )

    return jax.tree.map(blend, *summaries)


def concatenate_summaries(
    summaries: Sequence[statistics.Summary], shares: Sequence[float]
) -> statistics.Summary:
    """Returns the samples of several exemplars as one sample, in proportion to their weights.

    It has at most as many rows as the longest of them, or `POOL_SIZE`: more exemplars take no more
    time.

    Args:
      summaries: pytrees of one structure, whose arrays have a row for each position.
      shares: weights of the summaries, with sum 1.
    """
    if len(summaries) == 1:
        return summaries[0]

    def join(*leaves: jax.Array) -> jax.Array:
        counts = [len(leaf) for leaf in leaves]
        most = max(statistics.POOL_SIZE, *counts)
        total = min(most, *(n / share for n, share in zip(counts, shares, strict=True)))
        parts = []
        for leaf, share in zip(leaves, shares, strict=True):
            taken = max(1, round(share * total))
            # Evenly spaced: neighboring rows are neighbors in the picture.
            parts.append(leaf[np.arange(taken) * len(leaf) // taken])
        return jnp.concatenate(parts)

    return jax.tree.map(join, *summaries)
