"""Trained networks whose features metrics compare."""

from collections.abc import Sequence

import jax

from jaxtex import errors, networks, weights
from jaxtex.weights import locations


def load(name: str, layers: Sequence[str]) -> tuple[networks.Network, dict]:
    """Loads a network without the artifacts of zeros beyond the border.

    Args:
      name: in `networks.NETWORKS`; its weights are installed.
      layers: to return; those that the network or its weights lack are left out, and the deep
        blocks of the built-in network: they know photographs, not noise, and transfers use them.

    Returns:
      The network, padded by reflection, and its variables.

    Raises:
      UserError: the network is unknown, its weights are not installed, or it has none of the
        layers.
    """
    network = errors.choose("network", name, networks.NETWORKS)
    variables = weights.load(locations.require_file(name)).variables

    available = networks.available_layers(network, variables)
    if name == locations.BUILT_IN:
        available = available[: available.index("pool3") + 1]
    found = tuple(layer for layer in layers if layer in available)
    if not found:
        raise errors.UserError(f"network '{name}': has none of the layers {', '.join(layers)}")
    algorithms = networks.algorithms_for(jax.default_backend())
    selected = networks.select_layers(network, found)
    return selected.clone(padding="reflect", algorithms=algorithms), variables
