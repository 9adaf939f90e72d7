"""A network applied to several octaves of an image."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtex.networks import padding_pooling, vgg


class Pyramid(nn.Module):
    """A network applied to an image at full, half, quarter, ... size; see `pyramid`.

    Attributes:
      network: applied to every octave and every map; the pyramid has the same variables.
      octaves: number of sizes.
      maps: number of three-channel images in one of `3 maps` channels.
      chosen: names of the layers to return, such as `relu1_1/2`; empty for all.
    """

    network: vgg.Network
    octaves: int
    maps: int = 1
    chosen: tuple[str, ...] = ()

    def setup(self):
        nn.share_scope(self, self.network)  # the variables of the network, without a prefix

    def __call__(self, image: jax.Array) -> vgg.Features:
        features = {}
        for octave, reduced in enumerate(octave_images(self, image)):
            layers = layers_of(self, octave)
            if not layers:
                continue
            maps = [self.network(one_map, layers) for one_map in jnp.split(reduced, self.maps, -1)]
            for layer in layers:
                activations = [of_map[layer] for of_map in maps]
                joined = activations[0] if self.maps == 1 else jnp.concatenate(activations, -1)
                features[octave_name(layer, octave)] = joined
        return features


def pyramid(network: vgg.Network, octaves: int, maps: int = 1) -> Pyramid:
    """Applies a network to octaves: it sees structures `2 ** (octaves - 1)` times as large.

    Args:
      network: a row of `NETWORKS`.
      octaves: number of sizes, each half of the previous one (`padding_pooling.halve`); with 1 the
        features are those of the network.
      maps: number of three-channel images in one of `[H, W, 3 maps]`. The features of all of them
        are concatenated in each layer.

    Returns:
      A network with the same variables, whose layers are `relu1_1` at full size, `relu1_1/2` at
      half, ...
    """
    return Pyramid(network, octaves, maps)


def layers_of(network: Pyramid, octave: int) -> tuple[str, ...]:
    """Returns the layers that a network returns of an octave, without the octave in their names.

    Args:
      network: all of its octaves.
      octave: how often the image is halved, from 0.
    """
    layers = network.network.layers
    if not network.chosen:
        return layers
    return tuple(layer for layer in layers if octave_name(layer, octave) in network.chosen)


def octave_images(network: Pyramid, image: jax.Array) -> list[jax.Array]:
    """Returns the images that the octaves are computed from, the full size first.

    Args:
      network: its padding is used at the borders.
      image: `[H, W, C]`.
    """
    padding, algorithms = network.network.padding, network.network.algorithms
    images = [image]
    while len(images) < network.octaves:
        images.append(padding_pooling.halve(images[-1], padding, algorithms))
    return images


def feature_shapes(network: Pyramid, height: int, width: int) -> dict[str, tuple[int, int, int]]:
    """Returns the shape `(H', W', C)` of each layer, without tracing the network.

    Args:
      network: its layers selected.
      height: of the image, in pixels.
      width: of the image, in pixels.
    """
    shapes = {}
    for octave in range(network.octaves):
        of_octave = network.network.feature_shapes(height >> octave, width >> octave)
        for layer in layers_of(network, octave):
            high, wide, channels = of_octave[layer]
            shapes[octave_name(layer, octave)] = (high, wide, channels * network.maps)
    return shapes


def octave_of(name: str) -> int:
    """Returns the octave of a layer: 0, 1, 2 for `relu1_1`, `relu1_1/2`, `relu1_1/4`."""
    _, _, factor = name.partition("/")
    return int(factor or 1).bit_length() - 1


def octave_name(layer: str, octave: int) -> str:
    """Returns the name of a layer of an octave: `relu1_1`, `relu1_1/2`, `relu1_1/4` for 0, 1, 2.

    Args:
      layer: its name at full size.
      octave: how often the image is halved, from 0.
    """
    return f"{layer}/{2**octave}" if octave else layer
