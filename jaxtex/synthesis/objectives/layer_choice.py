"""Layers that a loss compares: those of the user, or defaults that depend on images and weights."""

import dataclasses
from collections.abc import Mapping

from jaxtex import networks, weights
from jaxtex.synthesis import input_images, scales
from jaxtex.synthesis import settings as choices

CONTENT = {"relu2_2": 1.0, "relu3_1": 0.5}  # default layers of the content term, with weights
STRUCTURE = ("relu4_1", "relu5_1")  # default layers of the structure term
MIN_CELLS = 4  # of deep layers along the shortest side, at the coarsest scale
POOLED = 1 / 2  # of the weight of a layer: that of a layer one pooling deeper
REDUCED = 1 / 8  # of the weight of a layer: that of the same layer one octave coarser


def choose_layers(inputs: input_images.Inputs, settings: choices.Settings) -> choices.Settings:
    """Returns the settings with the layers of each term; a term without layers does not exist.

    Layers that the user has not chosen depend on the images and on the weights.

    Args:
      inputs: the images.
      settings: the choices.

    Raises:
      UserError: as `weights.available_layers`.
    """
    return dataclasses.replace(
        settings,
        content_layers=_content_layers(inputs, settings),
        structure_layers=_structure_layers(inputs, settings),
    )


def content_layers(settings: choices.Settings) -> list[str]:
    """Returns the layers that are compared with the content."""
    return [*settings.content_layers, *settings.structure_layers]


def balance(layers: Mapping[str, float], settings: choices.Settings) -> dict[str, float]:
    """Returns weights that fall with the number of positions of each layer.

    With equal weights fine layers converge late, see docs/defaults.md. The rule is our own.

    Args:
      layers: layer, with its octave -> weight.
      settings: the choices, with the network.
    """
    network = networks.NETWORKS[settings.config.network]
    return {
        layer: weight
        * POOLED ** _halvings(network, layer.partition("/")[0])
        * REDUCED ** networks.octave_of(layer)
        for layer, weight in layers.items()
    }


def _content_layers(inputs: input_images.Inputs, settings: choices.Settings) -> Mapping[str, float]:
    """Returns the layers of the content term with their weights; none without the term.

    By default a style transfer compares fine layers, of networks that have them: they keep outlines
    and light. A content without a style is reconstructed from the deepest layer alone.
    """
    config = settings.config
    if inputs.content is None or not config.content_weight:
        return {}
    if settings.content_layers:
        return settings.content_layers

    network = networks.NETWORKS[config.network]
    if not inputs.is_transfer(config) or not CONTENT.keys() <= set(networks.layer_names(network)):
        return {network.defaults()[-1]: 1.0}
    return CONTENT


def _structure_layers(
    inputs: input_images.Inputs, settings: choices.Settings
) -> Mapping[str, float]:
    """Returns the layers of the structure term with their weights; none without the term.

    By default these are deep layers that the weights have, and that have positions enough at each
    scale.
    """
    if inputs.content is None or not settings.config.structure_weight:
        return {}
    if settings.structure_layers:
        return settings.structure_layers
    if not inputs.is_transfer(settings.config):
        return {}
    network = networks.NETWORKS[settings.config.network]
    named = [layer for layer in STRUCTURE if layer in networks.layer_names(network)]
    available = weights.available_layers(settings.network) if named else ()
    side = _coarsest(inputs.shortest_side, inputs, settings)
    return {
        layer: 1.0
        for layer in named
        if layer in available and side >> _halvings(network, layer) >= MIN_CELLS
    }


def _halvings(network: networks.Network, layer: str) -> int:
    """Returns the number of poolings up to a layer."""
    return networks.select_layers(network, (layer,)).halvings()


def _coarsest(side: int, inputs: input_images.Inputs, settings: choices.Settings) -> int:
    """Returns a side at the coarsest scale, in pixels."""
    return side // scales.scale_factors(inputs.shortest_side, settings.config.scales)[0]
