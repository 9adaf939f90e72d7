"""Evaluation of the loss at an image: whole, or in strips of rows; and updates of the critics."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtex import networks
from jaxtex.images import color_transfer
from jaxtex.losses import base, row_strips, sampling, targets

Value = tuple[jax.Array, tuple[base.Terms, Any]]  # loss, (terms, features that the critics see)


def build_loss_fn(spec: targets.LossSpec, strip: int, algorithms: str):
    """Builds the function that a step evaluates: `(image, data, critics) -> Value`.

    Args:
      spec: terms, and the network. Its weights are not kept: they are part of the data.
      strip: rows that are evaluated at once; 0 for the whole image.
      algorithms: of the network, see `networks.algorithms_for`.
    """
    spec = with_algorithms(spec, algorithms)
    evaluate = functools.partial(_evaluate_whole, spec)
    if strip:
        evaluate = functools.partial(_evaluate_strips, spec, strip)

    def loss_fn(image: jax.Array, data: dict, critics: Any) -> Value:
        return evaluate(color_transfer.blend_gray(image, data["gray"]), data, critics)

    return loss_fn


def with_algorithms(spec: targets.LossSpec, algorithms: str) -> targets.LossSpec:
    """Returns the loss with a network that uses these algorithms, without the weights."""
    network = spec.network.clone(network=spec.network.network.clone(algorithms=algorithms))
    return spec._replace(network=network, variables={}, step_variables=dict)


def _evaluate_whole(spec: targets.LossSpec, image: jax.Array, data: dict, critics: Any) -> Value:
    """Evaluates all terms on the features of the whole image."""
    critics = critics or {}
    features = spec.network.apply(data["variables"], image)

    # A statistic with a critic finds the critic's parameters in its target.
    term_targets = dict(data["targets"])
    for name, states in critics.items():
        term_targets[name] = _with_critic(term_targets[name], states)

    loss, terms = base.total(spec.terms, image, features, term_targets)
    visible = {name: _sampled_features(features, term_targets[name]) for name in critics}
    return loss, (terms, visible)


def _with_critic(target: dict[str, Any], states: dict[str, Any]) -> dict[str, Any]:
    """Returns the target of a term with the critic of each layer in it."""
    return {
        layer: {**parts, "target": {**parts["target"], "critic": states[layer]}}
        for layer, parts in target.items()
    }


def _sampled_features(features: networks.Features, target: dict[str, Any]) -> networks.Features:
    """Returns the features that a critic learns from, in float32."""
    return {
        layer: sampling.sample(features[layer], parts["sample"]).astype(jnp.float32)
        for layer, parts in target.items()
    }


def _evaluate_strips(
    spec: targets.LossSpec, strip: int, image: jax.Array, data: dict, critics: Any
) -> Value:
    """Evaluates terms of averages over positions strip by strip, and terms of the image itself."""
    del critics
    summaries: dict[str, dict] = {term.name: {} for term in spec.texture_terms}
    from_averages = {term.name: term.statistic.from_averages for term in spec.texture_terms}
    average = functools.partial(_averages, spec)

    for octave, reduced in enumerate(networks.octave_images(spec.network, image)):
        of_strips = row_strips.averages(spec.network.network, average, strip)
        for name, layers in of_strips(data["variables"], reduced).items():
            for layer, averages in layers.items():
                full_name = networks.octave_name(layer, octave)
                summaries[name][full_name] = from_averages[name](averages)

    loss, terms = base.total(spec.terms, image, {}, data["targets"], summaries)
    return loss, (terms, {})


def _averages(spec: targets.LossSpec, features: networks.Features) -> dict[str, dict[str, Any]]:
    """Returns, for each term and layer, what the statistic averages over positions."""
    averages: dict[str, dict[str, Any]] = {}
    for term in spec.texture_terms:
        average = term.statistic.average
        if average is not None:  # as `memory_budget.choose_strip` validates
            layers = [layer for layer in features if layer in term.layers]
            averages[term.name] = {layer: average(features[layer]) for layer in layers}
    return averages


def update_critics(
    learners: dict[str, Any], critics: dict, data: dict, features: dict, step: jax.Array
) -> dict:
    """Returns the critics after one update; `stepping.Problem.update_critics` for given learners.

    Args:
      learners: term -> `adversarial.Critic`.
      critics: term -> state of its critic.
      data: the problem's data.
      features: term -> features that the critic sees.
      step: number of the step.
    """
    return {
        name: learners[name].update(states, data["targets"][name], features[name], step)
        for name, states in critics.items()
    }
