"""Features of all octaves of an image, and sums over their rows, in strips of rows."""

from collections.abc import Collection
from typing import Any

import jax

from jaxtex import networks
from jaxtex.losses import row_strips, rows
from jaxtex.networks import padding_pooling


def sum_octaves(
    network: networks.Pyramid,
    sum_rows: row_strips.SumRows,
    strip: int,
    variables: dict,
    targets: Any,
    image: jax.Array,
) -> dict[str, dict[str, Any]]:
    """Adds up the rows of all octaves of an image; differentiable as `row_strips.sum_strips`.

    Args:
      network: with a VGG network and one map.
      sum_rows: returns name -> layer -> sums; layers have the names of their octaves.
      strip: as for `row_strips.sum_strips`.
      variables: weights of the network.
      targets: for `sum_rows`.
      image: `[H, W, 3]`.

    Returns:
      Name -> layer -> sums over all rows.
    """
    sums: dict[str, dict[str, Any]] = {}
    for octave, reduced in enumerate(networks.octave_images(network, image)):

        def sum_octave(
            features: networks.Features, targets: Any, places: rows.Places, octave: int = octave
        ) -> dict[str, dict[str, Any]]:
            names = {layer: networks.octave_name(layer, octave) for layer in features}
            return sum_rows(
                {names[layer]: values for layer, values in features.items()},
                targets,
                {names[layer]: place for layer, place in places.items()},
            )

        of_octave = row_strips.sum_strips(network.network, sum_octave, strip)(
            variables, targets, reduced
        )
        for name, layers in of_octave.items():
            sums[name] = {**sums.get(name, {}), **layers}
    return sums


def features_of_octaves(
    network: networks.Pyramid,
    layers: Collection[str],
    strip: int,
    variables: dict,
    image: jax.Array,
) -> networks.Features:
    """Computes some layers of an image strip by strip; of the others no more than a strip.

    Args:
      network: as for `sum_octaves`.
      layers: names of layers, with octaves.
      strip: as for `row_strips.sum_strips`.
      variables: weights of the network.
      image: `[H, W, 3]`.

    Returns:
      The features of `network.apply(variables, image)` at these layers.
    """
    features: networks.Features = {}
    for octave, reduced in enumerate(networks.octave_images(network, image)):
        names = {layer: networks.octave_name(layer, octave) for layer in network.network.layers}
        chosen = [layer for layer, name in names.items() if name in layers]
        if chosen:
            found = row_strips.features(network.network, chosen, strip, variables, reduced)
            features |= {names[layer]: values for layer, values in found.items()}
    return features


def divides(network: networks.Pyramid, height: int) -> bool:
    """Returns True if an image can be divided: one that wraps must be a multiple of all poolings.

    Args:
      network: with a VGG network.
      height: rows of the image.
    """
    wraps = padding_pooling.split_padding(network.network.padding)[0] == "wrap"
    factor = 2 ** (network.network.halvings() + network.octaves - 1)
    return not wraps or height % factor == 0
