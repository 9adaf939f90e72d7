"""Table of networks, and the selection of their layers."""

import flax.linen as nn

from jaxtex import errors
from jaxtex.networks import pixel_patches, steerable_pyramid, vgg

# Output channels of the convolutions, a tuple for each block.
VGG16 = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
VGG19 = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)
LITE = ((32,) * 2, (80,) * 2, (160,) * 3, (128,) * 3, (128,))

# Networks with trained weights: built in (`vgg_lite`) or published.
TRAINED: dict[str, vgg.Network] = {
    "vgg_lite": vgg.VGG(LITE, batch_norm=True, pooling="avg"),
    "vgg16_bn": vgg.VGG(VGG16, batch_norm=True),
    "vgg16": vgg.VGG(VGG16),
    "vgg19": vgg.VGG(VGG19),
    "vgg19_bn": vgg.VGG(VGG19, batch_norm=True),
}
NETWORKS: dict[str, vgg.Network] = {
    **TRAINED,
    "shallow": vgg.VGG(((128,),), pooling="avg", side=11),
    "steerable": steerable_pyramid.Steerable(),
    "patches": pixel_patches.PixelPatches(),
}


# Of every network, see `vgg`.
ATTRIBUTES = (
    *("padding", "pooling", "layers", "algorithms"),
    *("names", "defaults", "shapes", "halvings", "feature_shapes"),
)


def choose_network(name: str) -> vgg.Network:
    """Returns a row of `NETWORKS`.

    Raises:
      UserError: there is no such row, or it is no network.
    """
    network = errors.choose("network", name, NETWORKS)
    if not isinstance(network, nn.Module):
        kind = getattr(network, "__name__", type(network).__name__)
        raise errors.UserError(
            f"network '{name}': must be an instance of a module of Flax, such as "
            f"networks.VGG(((64, 64),)), got {kind}"
        )
    for attribute in ATTRIBUTES:
        if not hasattr(network, attribute):
            raise errors.UserError(f"network '{name}': must have '{attribute}', see networks.vgg")
    return network


def layer_names(network: vgg.Network) -> tuple[str, ...]:
    """Returns the names of all layers, in the order of evaluation."""
    return network.names()


def available_layers(network: vgg.Network, variables: dict) -> tuple[str, ...]:
    """Returns the layers that can be computed from these variables.

    Args:
      network: a row of `NETWORKS`.
      variables: its weights, which may end at an earlier layer; fixed filters need none.
    """
    params = variables.get("params", {})
    names = layer_names(network)
    for index, name in enumerate(names):
        if name.startswith(("conv", "bn")) and name not in params:
            return names[:index]
    return names


def select_layers(network: vgg.Network, layers: tuple[str, ...]) -> vgg.Network:
    """Returns the network with these layers as its output.

    Args:
      network: a row of `NETWORKS`.
      layers: names of layers.

    Raises:
      UserError: the network has no layer of that name.
    """
    for layer in layers:
        if layer not in layer_names(network):
            raise errors.unknown("layer", layer, layer_names(network))
    return network.clone(layers=tuple(layers))
