"""Networks by name: an architecture with its weights and numerical options."""

import dataclasses
import re

import jax

from jaxtex import errors, networks
from jaxtex.networks import convolutions, padding_pooling
from jaxtex.weights import hdf5, locations, random_init

RANDOM_WEIGHTS = re.compile(r"random(?::(\d{1,9}))?")  # "random" or "random:SEED"


@dataclasses.dataclass(frozen=True)
class NetworkChoice:
    """A network and how it is evaluated.

    Attributes:
      name: a row of `networks.NETWORKS`.
      weights: path of an HDF5 file, or `"random"` or `"random:SEED"` for untrained weights. Empty:
        the file that `locations.require_file` finds.
      pooling: a row of `padding_pooling.POOLINGS`. Empty: the pooling of the training.
      padding: a row of `padding_pooling.PADDINGS`, or two as `"rows/columns"`.
      octaves: number of image sizes that the network is applied to, each half of the previous one.
      precision: a row of `convolutions.PRECISIONS`.
    """

    name: str = "vgg_lite"
    weights: str = ""
    pooling: str = ""
    padding: str = "reflect"
    octaves: int = 3
    precision: str = "float32"


def load_network(
    choice: NetworkChoice, layers: tuple[str, ...], maps: int = 1
) -> tuple[networks.Pyramid, dict]:
    """Builds a network that returns these layers, and loads its variables onto the device.

    Folds batch norms into convolutions where no requested layer needs the value between them.

    Args:
      choice: the network, its weights and its numerical options.
      layers: names of the layers whose features the network returns.
      maps: number of three-channel images that lie in one input, as in `networks.pyramid`.

    Returns:
      The network and its variables, `{"params", "batch_stats", "preprocessing"}`.

    Raises:
      UserError: a name is unknown, the weights do not fit the network, or they end before a
        requested layer.
    """
    network = networks.choose_network(choice.name)
    weights = load_weights(choice)

    pooling = choice.pooling or weights.pooling
    errors.choose("pooling", pooling, padding_pooling.POOLINGS)
    for part in padding_pooling.split_padding(choice.padding):
        errors.choose("padding", part or choice.padding, padding_pooling.PADDINGS)
    network = network.clone(
        pooling=pooling,
        padding=choice.padding,
        algorithms=networks.algorithms_for(jax.default_backend()),
    )
    network = _with_precision(network, choice.precision)

    network = networks.select_layers(network, layers)
    _require_layers(network, weights)
    network, variables = networks.fold_batch_norm(network, weights.variables)
    params = _cast_kernels(variables.get("params", {}), choice.precision)
    variables = {**variables, "params": params}
    return networks.pyramid(network, choice.octaves, maps), jax.device_put(variables)


def load_weights(choice: NetworkChoice) -> hdf5.Weights:
    """Loads the weights of a network from a file, or draws random ones.

    A network that nobody trained gets random weights unless a file is named.

    Args:
      choice: the network and its weights; the other fields do not matter.

    Raises:
      UserError: the network is unknown, or the file does not exist, is damaged, or does not fit it.
    """
    network = networks.choose_network(choice.name)
    source = choice.weights or ("" if choice.name in networks.TRAINED else "random")
    if random := RANDOM_WEIGHTS.fullmatch(source):
        seed = int(random[1] or 0)
        return random_init.random_weights(choice.name, network.shapes(), network.pooling, seed)

    weights = hdf5.load(source or locations.require_file(choice.name))
    hdf5.check_shapes(weights, network.shapes())
    return weights


def available_layers(choice: NetworkChoice) -> tuple[str, ...]:
    """Returns the layers of a network that its weights suffice for.

    Args:
      choice: the network and its weights; the other fields do not matter.

    Raises:
      UserError: as `load_weights`.
    """
    weights = load_weights(choice)
    return networks.available_layers(networks.NETWORKS[choice.name], weights.variables)


def _with_precision(network: networks.Network, precision: str) -> networks.Network:
    """Returns the network in this precision; raises `UserError` if it does not support it."""
    errors.choose("precision", precision, convolutions.PRECISIONS)
    if isinstance(network, networks.VGG):
        return network.clone(precision=precision)
    if precision != "float32":
        raise errors.UserError(
            f"--precision={precision}: fixed filters and patches are computed in float32"
        )
    return network


def _cast_kernels(params: dict, precision: str) -> dict:
    """Casts the parameters of convolutions to the type that their products use.

    Otherwise every step would cast them again. On CPU nothing is cast: products are in float32.
    """
    if jax.default_backend() == "cpu":
        return params
    dtype = convolutions.PRECISIONS[precision].dtype
    cast = dict(params)
    for layer, leaves in params.items():
        if layer.startswith("conv"):
            cast[layer] = {name: leaf.astype(dtype, copy=False) for name, leaf in leaves.items()}
    return cast


def _require_layers(network: networks.Network, weights: hdf5.Weights) -> None:
    """Raises `UserError` if the network evaluates a layer that the weights have no tensors for."""
    folded = weights.about.get("norm") == "folded"
    for name in network.layers if folded else ():
        if name.startswith("conv"):
            norm = name.replace("conv", "bn")
            raise errors.UserError(
                f"layer '{name}' is not available: in these weights batch norm is folded into the "
                f"convolutions; choose '{norm}'"
            )

    params = weights.variables["params"]
    for name in networks.evaluated_layers(network.clone(folded=folded) if folded else network):
        if name.startswith(("conv", "bn")) and name not in params:
            last = list(params)[-1]
            raise errors.UserError(
                f"layer '{network.layers[-1]}' needs '{name}', but the weights of "
                f"'{weights.network}' end at '{last}'"
            )
