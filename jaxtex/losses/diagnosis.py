"""Diagnosis of a loss or gradient that is not finite: the term, statistic and layer it comes from.

Runs once, after a synthesis has failed.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxtex import networks, statistics
from jaxtex.losses import base, sampling, summaries, targets

TOO_LARGE = "weights of layers or terms are too large, or the network's weights are invalid"


def find_cause(spec: targets.LossSpec, image: jax.Array, data: dict, critics: Any) -> str:
    """Returns why loss or gradient are not finite, as the end of a message; empty if unknown.

    Args:
      spec: the loss, with the algorithms of the step; evaluated on the whole image.
      image: `[H, W, C]` in [0, 1].
      data: the problem's data.
      critics: term -> state of its critic, or of its target.
    """
    image = base.compose(image, data)
    if not _is_finite(image):
        return "the image is not finite"
    features = jax.jit(spec.network.apply)(data["variables"], image)
    for layer, values in features.items():
        if not _is_finite(values):
            return f"the features of layer '{layer}' are not: the network's weights are invalid"

    terms = {term.name: term for term in spec.texture_terms}
    for name, term in spec.terms.items():
        target = data["targets"][name]
        states = (critics or {}).get(name, {})
        if name in terms:
            cause = _cause_in_layers(terms[name], features, target, states)
        else:
            cause = _cause_in_term(name, term, image, features, states or target)
        if cause:
            return cause
    # A distance that is exactly 0 in the step may be a rounding error here.
    causes = [
        _cause_at_target(term, features, data["targets"][name]) for name, term in terms.items()
    ]
    return next(filter(None, causes), "")


def _cause_in_layers(
    term: targets.TextureTerm,
    features: networks.Features,
    target: dict[str, Any],
    critics: Mapping[str, Any],
) -> str:
    """Returns what is not finite in a texture term; empty if all is."""
    statistic = term.statistic
    for layer in term.layers:
        parts = target[layer]
        own_target = parts["target"]
        if not _is_finite(own_target):
            return f"the target of statistic '{term.name}' at layer '{layer}' is not finite"
        if layer in critics:
            own_target = {**own_target, "critic": critics[layer]}

        def distance(values: jax.Array, parts=parts, target=own_target) -> jax.Array:
            return statistic.distance(target, _summarize(statistic, values, parts))

        value, gradient = jax.jit(jax.value_and_grad(distance))(features[layer])
        rows, columns = features[layer].shape[:2]
        where = f"statistic '{term.name}' at layer '{layer}' of {rows} x {columns} positions"
        if not _is_finite(value):
            return f"the distance of {where} is {value}"
        if not _is_finite(gradient):
            return f"the gradient of {where} is not finite"
    return ""


def _cause_at_target(
    term: targets.TextureTerm, features: networks.Features, target: dict[str, Any]
) -> str:
    """Returns a layer where a distance of 0 has no finite gradient; empty if there is none."""
    statistic = term.statistic
    for layer in () if statistic.critic else term.layers:
        parts = target[layer]
        equal = statistic.make_target(_summarize(statistic, features[layer], parts))

        def distance(values: jax.Array, parts=parts, target=equal) -> jax.Array:
            return statistic.distance(target, _summarize(statistic, values, parts))

        if not _is_finite(jax.grad(distance)(features[layer])):
            return (
                f"the gradient of statistic '{term.name}' at layer '{layer}' is not finite where "
                "the distance is 0, as that of a square root"
            )
    return ""


def _summarize(
    statistic: statistics.Statistic, values: jax.Array, parts: dict[str, Any]
) -> statistics.Summary:
    """Returns the summary of the drawn features of one layer."""
    sampled = {"layer": sampling.sample(values, parts["sample"])}
    return summaries.summarize_layers(statistic, sampled)["layer"]


def _cause_in_term(
    name: str, term: base.Term, image: jax.Array, features: networks.Features, target: Any
) -> str:
    """Returns what is not finite in a term without a statistic; empty if all is."""

    def evaluate(image: jax.Array, features: networks.Features) -> jax.Array:
        return term.evaluate(image, term.extract(features, target), target)

    value, gradients = jax.jit(jax.value_and_grad(evaluate, (0, 1)))(image, features)
    if not _is_finite(value):
        return f"the term '{name}' is {value}"
    return "" if _is_finite(gradients) else f"the gradient of the term '{name}' is not finite"


def _is_finite(tree: Any) -> bool:
    """Returns True if all numbers of a tree are finite."""
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))
