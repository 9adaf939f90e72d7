"""Named terms of the loss. A term prepares its target from the exemplar once and is evaluated at every step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxtex import layers, networks, statistics

Terms = dict[str, jax.Array]  # name -> scalar


class Term(NamedTuple):
    """One summand of the loss."""

    prepare: Callable[[networks.Features], Any]  # the exemplar's features -> target
    evaluate: Callable[[networks.Features, Any], jax.Array]  # (features, target) -> scalar


def texture(statistic: statistics.Statistic, weights: dict[str, float]) -> Term:
    """The distance of the statistics, as a weighted mean over layers.

    Args:
      statistic: what is matched at each layer.
      weights: layer -> weight, positive; only their ratios matter.

    Returns:
      A term that is 0 where all statistics agree and about 1 for an image without structure.
    """
    total = sum(weights.values())

    def prepare(features: networks.Features) -> dict:
        return layers.map_layers(statistic.summarise, features)

    def evaluate(features: networks.Features, target: dict) -> jax.Array:
        distances = layers.map_layers(statistic.distance, target, prepare(features))
        return sum(weights[layer] / total * distance for layer, distance in distances.items())

    return Term(prepare, evaluate)


def total(terms: dict[str, Term], features: networks.Features, targets: dict[str, Any]) -> tuple[jax.Array, Terms]:
    """The sum of the terms, and each under its name."""
    values = {name: term.evaluate(features, targets[name]) for name, term in terms.items()}
    return sum(values.values()), values
