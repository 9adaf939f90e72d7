"""Summaries of exemplars, and the targets made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks, statistics
from jaxtex.losses import rows, sampling
from jaxtex.statistics import map_layers, quantiles


def summarize(
    statistic: statistics.Statistic,
    exemplars: Sequence[networks.Features],
    weights: Sequence[float],
    directions: Mapping[str, Any],
) -> dict[str, statistics.Summary]:
    """Summarizes exemplars and blends their summaries at each layer, see `blend_layers`.

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
    return blend_layers(statistic, of_exemplars, weights)


def blend_layers(
    statistic: statistics.Statistic,
    of_exemplars: Sequence[Mapping[str, statistics.Summary]],
    weights: Sequence[float],
) -> dict[str, statistics.Summary]:
    """Blends the summaries of exemplars at each layer: as the statistic does, else their average.

    Args:
      statistic: the statistic.
      of_exemplars: of each exemplar, layer -> summary.
      weights: as for `summarize`.
    """
    total_weight = sum(weights)
    shares = [weight / total_weight for weight in weights]
    usual = concatenate_summaries if statistic.concatenated else blend_summaries
    blend = statistic.blend or usual
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


def has_sums(statistic: statistics.Statistic) -> bool:
    """Returns True if summaries follow from sums over rows, see `sum_rows`."""
    if statistic.critic or (statistic.spatial and not statistic.shifts):
        return False
    if statistic.average:
        return not statistic.directions and statistic.patch == 1
    return bool(statistic.samples)


def sum_rows(
    statistic: statistics.Statistic,
    features: jax.Array,
    sample: Mapping[str, jax.Array],
    place: rows.Rows,
) -> Any:
    """Returns what some rows of a layer add to the sums from which its summary follows.

    Args:
      statistic: one of averages over positions, or of samples.
      features: of the rows, `[h, W, C]`; zeros in those that do not count.
      sample: see `sampling.draw_sample`.
      place: which rows these are.
    """
    count = place.height * features.shape[1]
    positions = sample.get("positions")
    if not statistic.average:
        all_positions = jnp.arange(count) if positions is None else positions
        found = rows.at_positions(features, place, all_positions.reshape(-1))
        return found.reshape(len(all_positions), -1)  # the positions of a patch are joined

    share = place.share
    if positions is not None:
        features = rows.mask_positions(features, place, positions)
        share = share * count / len(positions)
    return jax.tree.map(lambda mean: mean * share, statistic.average(features))


def summarize_sums(
    statistic: statistics.Statistic,
    sums: Mapping[str, Any],
    samples: Mapping[str, Mapping[str, jax.Array]],
) -> dict[str, statistics.Summary]:
    """Summarizes each layer from sums over all of its rows.

    Args:
      statistic: as for `sum_rows`.
      sums: layer -> sum of the results of `sum_rows`.
      samples: layer -> as for `sum_rows`.

    Returns:
      layer -> summary.
    """
    if statistic.average:
        return {layer: statistic.from_averages(averages) for layer, averages in sums.items()}
    sampled = {layer: _project(sums[layer][:, None], samples[layer]) for layer in sums}
    return summarize_layers(statistic, sampled)


def _project(vectors: jax.Array, sample: Mapping[str, jax.Array]) -> jax.Array:
    """Projects `[P, 1, C]` on the directions of a draw, if there are any."""
    directions = {name: value for name, value in sample.items() if name == "directions"}
    return sampling.sample(vectors, directions)


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
