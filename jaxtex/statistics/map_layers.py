"""One layer's function over all layers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def map_layers(function: Callable, *arguments: dict[str, Any]) -> dict[str, Any]:
    """Applies a function of one layer to each, vmapped over layers whose arrays agree in shape.

    Arrays of more than `LARGE` numbers are left where they are and taken one by one: with them stacked a step of the
    built-in network at 192 px took 0.157 s, without 0.131 s (2 CPU cores).

    Args:
      function: takes one value (a pytree of arrays) from each of `arguments`, for the same layer.
      arguments: dicts with the same layers as keys.

    Returns:
      A dict: layer -> what the function returns for it, in the order of the first argument.
    """
    results = {}
    for names in _group_by_shape(arguments):
        results |= _map_group(function, names, arguments)
    return {name: results[name] for name in arguments[0]}


def _group_by_shape(arguments: tuple[dict, ...]) -> list[list[str]]:
    groups: dict[Any, list[str]] = {}
    for name in arguments[0]:
        leaves, structure = jax.tree.flatten([argument[name] for argument in arguments])
        alone = name if any(leaf.size > MAX_STACKED for leaf in leaves) else None
        groups.setdefault((alone, structure, *(leaf.shape for leaf in leaves)), []).append(name)
    return list(groups.values())


def _map_group(function: Callable, names: list[str], arguments: tuple[dict, ...]) -> dict[str, Any]:
    if len(names) == 1:
        return {names[0]: function(*(argument[names[0]] for argument in arguments))}
    stacked = [
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *(argument[name] for name in names))
        for argument in arguments
    ]
    mapped = jax.vmap(function)(*stacked)
    return {name: jax.tree.map(lambda leaf, i=i: leaf[i], mapped) for i, name in enumerate(names)}


MAX_STACKED = 2**16  # numbers in an array: the covariances of 256 channels are still stacked
