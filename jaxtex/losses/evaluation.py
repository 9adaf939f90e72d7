"""Evaluation of the loss at an image: whole, or in strips of rows; and updates of the critics."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxtex import networks
from jaxtex.losses import base, diversity, octave_strips, rows, sampling, targets

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
        return evaluate(base.compose(image, data), data, critics)

    return loss_fn


def with_algorithms(spec: targets.LossSpec, algorithms: str) -> targets.LossSpec:
    """Returns the loss with another way to compute convolutions, and without the weights.

    Args:
      spec: the loss.
      algorithms: "cpu" chooses an algorithm by shape, "xla" leaves the choice to XLA.
    """
    network = spec.network.clone(network=spec.network.network.clone(algorithms=algorithms))
    return spec._replace(network=network, variables={}, step_variables=dict)


def build_extract(
    spec: targets.LossSpec, strip: int, height: int
) -> Callable[[dict, jax.Array], networks.Features]:
    """Builds `(variables, image) -> features` for `Term.make_target`.

    Args:
      spec: the loss.
      strip: rows that are evaluated at once, for no layers but those of `target_layers`; 0 for the
        whole image and all layers.
      height: rows of the image.
    """
    if not strip or not octave_strips.divides(spec.network, height):
        return spec.network.apply
    layers = target_layers(spec)
    return functools.partial(octave_strips.features_of_octaves, spec.network, layers, strip)


def target_layers(spec: targets.LossSpec) -> set[str]:
    """Returns the layers that `Term.make_target` reads, of any term."""
    by_rows = [term.row_sums for term in spec.terms.values() if term.row_sums]
    return {layer for term in by_rows for layer in term.layers}


def _evaluate_whole(spec: targets.LossSpec, image: jax.Array, data: dict, critics: Any) -> Value:
    """Evaluates all terms on the features of the whole image."""
    critics = critics or {}
    features = spec.network.apply(data["variables"], image)

    # A statistic with a critic finds the critic's parameters in its target. The state of diversity
    # is its target.
    term_targets = dict(data["targets"])
    for name, states in critics.items():
        known = name == diversity.NAME
        term_targets[name] = states if known else _with_critic(term_targets[name], states)

    loss, terms = base.total(spec.terms, image, features, term_targets)
    visible = {}
    for name, states in critics.items():
        if name == diversity.NAME:
            visible[name] = spec.terms[name].extract(features, states)
        else:
            visible[name] = _sampled_features(features, term_targets[name])
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
    """Evaluates terms of features strip by strip, and terms of the image itself."""
    del critics
    by_rows = {name: term.row_sums for name, term in spec.terms.items() if term.row_sums}
    term_targets = {name: data["targets"][name] for name in by_rows}

    def sum_rows(
        features: networks.Features, given: dict[str, Any], places: rows.Places
    ) -> dict[str, Any]:
        return {
            name: term.sum_rows(features, given[name], places) for name, term in by_rows.items()
        }

    sums = octave_strips.sum_octaves(
        spec.network, sum_rows, strip, data["variables"], term_targets, image
    )
    loss, terms = base.total(spec.terms, image, {}, data["targets"], sums)
    return loss, (terms, {})


def update_critics(
    learners: dict[str, Any], critics: dict, data: dict, features: dict, step: jax.Array
) -> dict:
    """Returns the critics after one update; `stepping.Problem.update_critics` for given learners.

    Args:
      learners: term -> `adversarial.Critic`.
      critics: term -> state of its critic, and the state of `diversity`.
      data: the problem's data.
      features: term -> features that the critic sees.
      step: number of the step.
    """
    updated = {
        name: learner.update(critics[name], data["targets"][name], features[name], step)
        for name, learner in learners.items()
    }
    if diversity.NAME in critics:
        updated[diversity.NAME] = {**critics[diversity.NAME], "own": features[diversity.NAME]}
    return updated
