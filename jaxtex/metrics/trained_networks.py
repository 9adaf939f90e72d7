"""Trained networks whose features metrics compare."""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jax

from jaxtex import errors, networks, weights
from jaxtex.weights import locations


class Source(NamedTuple):
    """A network and its weight file; equal only while both are the same, so it is a cache key."""

    name: str
    network: networks.Network
    path: pathlib.Path
    modified: int  # nanoseconds
    size: int  # bytes


def find(name: str) -> Source:
    """Finds a network and its weight file.

    Args:
      name: in `networks.NETWORKS`; its weights are installed.

    Raises:
      UserError: the network is unknown, or its weights are not installed.
    """
    network = networks.choose_network(name)
    path = locations.require_file(name)
    status = os.stat(path)
    return Source(name, network, path.absolute(), status.st_mtime_ns, status.st_size)


def load(source: Source, layers: Sequence[str]) -> tuple[networks.Network, dict]:
    """Loads a network without the artifacts of zeros beyond the border.

    Args:
      source: the network and its weight file.
      layers: to return; those that the network or its weights lack are left out, and the deep
        blocks of the built-in network: they know photographs, not noise, and transfers use them.

    Returns:
      The network, padded by reflection, and its variables.

    Raises:
      UserError: the file is damaged, or the network has none of the layers.
    """
    name, network = source.name, source.network
    variables = weights.load(source.path).variables

    available = networks.available_layers(network, variables)
    if name == locations.BUILT_IN:
        available = available[: available.index("pool3") + 1]
    found = tuple(layer for layer in layers if layer in available)
    if not found:
        raise errors.UserError(f"network '{name}': has none of the layers {', '.join(layers)}")
    algorithms = networks.algorithms_for(jax.default_backend())
    selected = networks.select_layers(network, found)
    return selected.clone(padding="reflect", algorithms=algorithms), variables
