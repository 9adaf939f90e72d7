"""Applies the function of one layer to all layers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

MAX_STACKED = 2**16  # numbers per array, the covariance of 256 channels: copying more costs time


def map_layers(function: Callable[..., Any], *arguments: dict[str, Any]) -> dict[str, Any]:
    """Applies a function of one layer to each layer, vmapped over layers of equal shapes.

    Fewer calls make smaller programs, which compile faster. Layers with arrays of more than
    `MAX_STACKED` numbers are computed one by one.

    Args:
      function: takes one value (a pytree of arrays) from each of `arguments`, for the same layer.
      *arguments: dicts with the same layers as keys.

    Returns:
      layer -> result of the function, in the order of the first argument.
    """
    results: dict[str, Any] = {}
    for names in _group_by_shape(arguments):
        results |= _map_group(function, names, arguments)
    return {name: results[name] for name in arguments[0]}


def _group_by_shape(arguments: tuple[dict[str, Any], ...]) -> list[list[str]]:
    """Returns the layers, grouped by the structure and shapes of their values."""
    groups: dict[Any, list[str]] = {}
    for name in arguments[0]:
        leaves, structure = jax.tree.flatten([argument[name] for argument in arguments])
        large = any(leaf.size > MAX_STACKED for leaf in leaves)
        # The name in the key makes a large layer a group of its own.
        key = (name if large else None, structure, *(leaf.shape for leaf in leaves))
        groups.setdefault(key, []).append(name)
    return list(groups.values())


def _map_group(
    function: Callable[..., Any], names: list[str], arguments: tuple[dict[str, Any], ...]
) -> dict[str, Any]:
    """Applies the function to layers of equal shapes."""
    if len(names) == 1:
        (name,) = names
        return {name: function(*(argument[name] for argument in arguments))}

    stacked = [_stack([argument[name] for name in names]) for argument in arguments]
    results = jax.vmap(function)(*stacked)
    return {name: _take(results, index) for index, name in enumerate(names)}


def _stack(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _take(tree: Any, index: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)
