"""Named terms of the loss: each is evaluated at every step against a target that was prepared once.

A term's target is an argument of the compiled step. What is drawn at random (positions, directions) is part of it, and
is drawn anew between steps by making another target of the same shapes.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks, statistics
from jaxtex.statistics import map_layers, quantiles

Terms = dict[str, jax.Array]  # name -> scalar
EMPTY: Mapping = types.MappingProxyType({})


class TargetImages(NamedTuple):
    """What a target is made from, at one scale."""

    styles: Sequence[np.ndarray]  # [H, W, 3] in [0, 1]
    weights: Sequence[float]  # of the styles
    content: np.ndarray | None  # of the result's size
    height: int  # of the result
    width: int
    features: Callable[[np.ndarray], networks.Features]  # of a picture


class Term(NamedTuple):
    """One summand of the loss."""

    evaluate: Callable[
        [jax.Array, Any, Any], jax.Array
    ]  # (image, what it looks at, target) -> scalar
    weight: float = 1.0
    make_target: Callable[[TargetImages], Any] = lambda pictures: (
        None
    )  # -> target, where `targets.Targets` does not make it
    extract: Callable[[networks.Features, Any], Any] = lambda features, target: (
        features
    )  # (features, target)


def total(
    terms: dict[str, Term],
    image: jax.Array,
    features: networks.Features,
    targets: dict,
    looked: Mapping = EMPTY,
) -> tuple[jax.Array, Terms]:
    """The weighted sum of the terms, and each (unweighted) under its name.

    Args:
      terms: name -> term.
      image: `[H, W, 3]`.
      features: of the image.
      targets: of each term.
      looked: name -> what a term looks at, where that is known already, without the features.
    """
    look = lambda name: (
        looked[name] if name in looked else terms[name].extract(features, targets[name])
    )
    values = {name: term.evaluate(image, look(name), targets[name]) for name, term in terms.items()}
    return sum(terms[name].weight * value for name, value in values.items()), values


def texture(statistic: statistics.Statistic, weights: dict[str, float], share: float = 1.0) -> Term:
    """The distance of the statistics, as a weighted mean over layers.

    Args:
      statistic: what is matched at each layer.
      weights: layer -> weight, positive; only their ratios matter.
      share: of the whole loss.

    Returns:
      A term that is 0 where all statistics agree and about 1 for an image without structure. Its target is
      `{layer: {"target": ..., "sample": ...}}`, see `view` and `aims`; it looks at summaries.
    """
    whole = sum(weights.values())

    def look(features: networks.Features, target: dict) -> dict[str, statistics.Summary]:
        return _summaries(
            statistic,
            {layer: sample(features[layer], target[layer]["sample"]) for layer in weights},
        )

    def evaluate(
        image: jax.Array, summaries: dict[str, statistics.Summary], target: dict
    ) -> jax.Array:
        del image
        distances = map_layers.map_layers(
            statistic.distance, {layer: target[layer]["target"] for layer in weights}, summaries
        )
        return sum(weights[layer] / whole * distance for layer, distance in distances.items())

    return Term(evaluate, share, extract=look)


def sample(features: jax.Array, drawn: dict[str, jax.Array]) -> jax.Array:
    """What a statistic sees of a layer: all, or some positions (`[P]`, numbers), or projections (`[C, D]`).

    Returns:
      `[H, W, C]` as given, or `[P, 1, D]`.
    """
    if not drawn:
        return features
    rows = features.reshape(-1, features.shape[-1])
    rows = rows[drawn["positions"]] if "positions" in drawn else rows
    rows = (
        jnp.matmul(rows, drawn["directions"], precision="highest")
        if "directions" in drawn
        else rows
    )
    return rows[:, None]


def draw_sample(
    statistic: statistics.Statistic,
    shape: tuple[int, ...],
    inside: np.ndarray | None,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """The view of a layer `[H, W, C]`: positions where a mask `[H, W]` allows or by chance, directions by chance."""
    positions = np.arange(shape[0] * shape[1]) if inside is None else np.flatnonzero(inside)
    drawn = {}
    if statistic.samples and len(positions) > statistic.samples:
        drawn["positions"] = np.sort(
            rng.choice(positions, statistic.samples, replace=False)
        ).astype(np.int32)
    elif inside is not None:
        drawn["positions"] = positions.astype(np.int32)
    if statistic.directions:
        directions = rng.standard_normal((shape[2], statistic.directions))
        drawn["directions"] = (directions / np.linalg.norm(directions, axis=0)).astype(np.float32)
    return drawn


def summarize(
    statistic: statistics.Statistic,
    exemplars: Sequence[networks.Features],
    weights: Sequence[float],
    directions: dict,
) -> dict[str, statistics.Summary]:
    """The average of a statistic over exemplars, of each layer.

    Args:
      statistic: which.
      exemplars: features of one exemplar or several, `[H, W, C]` or `[P, 1, C]`.
      weights: of the exemplars.
      directions: layer -> `[C, D]`, or nothing.
    """
    whole, summaries = sum(weights), []
    for features in exemplars:
        seen = {
            name: sample(x, {"directions": directions[name]} if directions else {})
            for name, x in features.items()
        }
        summaries.append(_summaries(statistic, seen))
    shares = [weight / whole for weight in weights]
    return {
        name: blend_summaries([summary[name] for summary in summaries], shares)
        for name in summaries[0]
    }


def _summaries(
    statistic: statistics.Statistic, viewed: networks.Features
) -> dict[str, statistics.Summary]:
    """Of features in float32, but for statistics that sum in float32 themselves."""
    exact = lambda x: x if statistic.average else x.astype(statistics.accumulation_dtype(x))
    return map_layers.map_layers(lambda x: statistic.summarize(exact(x)), viewed)


def make_targets(
    statistic: statistics.Statistic, summaries: dict[str, statistics.Summary]
) -> dict[str, Any]:
    """What a statistic aims at, of each layer: done once, on arrays that are there, not in a compiled program."""
    return {name: statistic.make_target(summary) for name, summary in summaries.items()}


def blend_summaries(
    summaries: Sequence[statistics.Summary], shares: Sequence[float]
) -> statistics.Summary:
    """The weighted mean of summaries; of sorted lists it is the barycentre of the channels.

    Lists of different lengths are brought to that of the shortest.
    """

    def one(*leaves: jax.Array) -> jax.Array:
        count = min(len(leaf) for leaf in leaves)
        return sum(
            share * quantiles.interpolate_quantiles(leaf, count)
            for share, leaf in zip(shares, leaves, strict=True)
        )

    return summaries[0] if len(summaries) == 1 else jax.tree.map(one, *summaries)
