"""Names -> a network with its weights."""

import re

import jax

from jaxtex import errors, networks
from jaxtex.networks import convolutions, padding_pooling
from jaxtex.synthesis import config as configs
from jaxtex.weights import hdf5, locations, random_init


def load_network(
    config: configs.Config, layers: tuple[str, ...], maps: int = 1
) -> tuple[networks.Pyramid, dict]:
    """The network with its layers chosen and norms folded, and its variables.

    Args:
      config: the choices.
      layers: wanted of the network.
      maps: as in `networks.pyramid`.

    Raises:
      UserError: a name is unknown, the weights do not fit, or they end before a layer that is wanted.
    """
    network = errors.choose("network", config.network, networks.NETWORKS)
    loaded = load_weights(config)
    pooling = config.pooling or loaded.pooling
    errors.choose("pooling", pooling, padding_pooling.POOLINGS)
    for part in padding_pooling.split_padding(config.padding):
        errors.choose("padding", part, padding_pooling.PADDINGS)
    network = with_precision(
        network.clone(pooling=pooling, padding=config.padding), config.precision
    )
    network = networks.select_layers(network, layers)
    require_layers(network, loaded)
    network, variables = networks.fold_batch_norm(network, loaded.variables)
    variables = {
        **variables,
        "params": round_parameters(variables.get("params", {}), config.precision),
    }
    return networks.pyramid(network, config.octaves, maps), jax.device_put(variables)


def round_parameters(params: dict, precision: str) -> dict:
    """The weights of convolutions as their products take them: not to be rounded at every step. On CPU they are not."""
    if jax.default_backend() == "cpu":
        return params
    kind = convolutions.PRECISIONS[precision].kind
    round_all = lambda leaves: {
        name: leaf.astype(kind, copy=False) for name, leaf in leaves.items()
    }
    return {
        layer: round_all(leaves) if layer.startswith("conv") else leaves
        for layer, leaves in params.items()
    }


def with_precision(network: networks.Network, precision: str) -> networks.Network:
    """The network in this precision.

    Raises:
      UserError: there is no such precision, or the network has but one.
    """
    errors.choose("precision", precision, convolutions.PRECISIONS)
    if isinstance(network, networks.VGG):
        return network.clone(precision=precision)
    if precision != "float32":
        raise errors.UserError(f"--precision={precision}: fixed filters are computed in float32")
    return network


def available_layers(config: configs.Config) -> tuple[str, ...]:
    """The layers of the network that its weights have the numbers for.

    Raises:
      UserError: as `load_network`.
    """
    network = errors.choose("network", config.network, networks.NETWORKS)
    return networks.available_layers(network, load_weights(config).variables)


def load_weights(config: configs.Config) -> hdf5.Weights:
    """From the file that is named or where it is usually kept; drawn if so named, or if nobody trained the network.

    Raises:
      UserError: the file is not there, cannot be used, or does not fit the network.
    """
    network = networks.NETWORKS[config.network]
    wanted = config.weights or ("" if config.network in networks.TRAINED else "random")
    if drawn := re.fullmatch(r"random(?::(\d{1,9}))?", wanted):
        return random_init.random_weights(
            config.network, network.shapes(), network.pooling, int(drawn[1] or 0)
        )
    loaded = hdf5.load(wanted or locations.require_file(config.network))
    hdf5.check_shapes(loaded, network.shapes())
    return loaded


def require_layers(network: networks.Network, loaded: hdf5.Weights) -> None:
    """Raises:
    UserError: the network runs through a layer that the weights have no numbers for.
    """
    folded = loaded.about.get("norm") == "folded"
    for name in network.layers if folded else ():
        if name.startswith("conv"):
            norm = name.replace("conv", "bn")
            raise errors.UserError(
                f"these weights have the norms folded in: there is '{norm}', but no '{name}' before it"
            )
    for name in networks.evaluated_layers(network.clone(folded=folded) if folded else network):
        if name.startswith(("conv", "bn")) and name not in loaded.variables["params"]:
            last = list(loaded.variables["params"])[-1]
            raise errors.UserError(
                f"the weights of '{loaded.network}' end at '{last}'; '{network.layers[-1]}' needs '{name}'"
            )
