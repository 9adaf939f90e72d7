"""The loss at an image: whole, or in strips; and what critics learn from it."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jaxtex import networks
from jaxtex.losses import base, row_strips, targets
from jaxtex.synthesis import stepping


def build_loss_fn(loss: targets.LossSpec, strip: int) -> stepping.LossFn:
    """The function that a step evaluates, `(image, data, critics) -> (sum, (terms, what the critics see))`.

    Args:
      loss: terms, and the network that they look at. Its variables are not kept: they come as data.
      strip: rows that are taken at once; 0: all.
    """
    loss = loss._replace(variables={}, prepared=dict)
    return functools.partial(_in_strips, loss, strip) if strip else functools.partial(_whole, loss)


def _in_strips(loss: targets.LossSpec, strip: int, image: jax.Array, data: dict, critics: tuple):
    """`_whole` for terms that look at averages over positions, and at the image itself."""
    looked = {source.name: {} for source in loss.sources}
    for octave, reduced in enumerate(networks.octave_images(loss.network, image)):
        averages = row_strips.averages(
            loss.network.network, functools.partial(_averages, loss), strip
        )
        for name, found in averages(data["variables"], reduced).items():
            complete = next(
                source.part.statistic.from_averages
                for source in loss.sources
                if source.name == name
            )
            looked[name] |= {
                networks.octave_name(layer, octave): complete(each) for layer, each in found.items()
            }
    value, terms = base.total(loss.terms, image, {}, data["targets"], looked)
    return value, (terms, {})


def _averages(loss: targets.LossSpec, features: networks.Features) -> dict[str, dict[str, Any]]:
    """Term -> layer -> what its statistic averages over the positions."""
    layers = lambda source: [layer for layer in features if layer in source.layers]
    return {
        s.name: {layer: s.part.statistic.average(features[layer]) for layer in layers(s)}
        for s in loss.sources
    }


def _whole(loss: targets.LossSpec, image: jax.Array, data: dict, critics: dict | tuple):
    """The loss, its terms, and what the critics see; `()` is no critics."""
    critics = critics or {}
    features = loss.network.apply(data["variables"], image)
    aims = {**data["targets"]}
    for name, states in critics.items():
        informed = lambda layer, parts, states=states: {
            **parts,
            "target": {**parts["target"], "critic": states[layer]},
        }
        aims[name] = {layer: informed(layer, parts) for layer, parts in aims[name].items()}
    look = lambda target: {
        layer: base.sample(features[layer], parts["sample"]).astype(jnp.float32)
        for layer, parts in target.items()
    }
    value, terms = base.total(loss.terms, image, features, aims)
    return value, (terms, {name: look(aims[name]) for name in critics})


def update_critics(learners: dict, critics: dict, data: dict, seen: dict, step: jax.Array) -> dict:
    """The critics a step further: `stepping.Problem.update_critic`, once it knows the learners by their terms."""
    return {
        name: learners[name].update(states, data["targets"][name], seen[name], step)
        for name, states in critics.items()
    }
