"""What the flags ask for, as a loss: terms by name, and the network that they look at."""

import functools
from collections.abc import Sequence

from jaxtex import errors, losses, networks, statistics
from jaxtex.losses import targets, terms
from jaxtex.networks import padding_pooling
from jaxtex.statistics import parser
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images
from jaxtex.weights import kernel_transforms, loading


def build_loss(
    scene: input_images.Inputs, config: configs.Config, sizes: Sequence[tuple[int, int]]
) -> targets.LossSpec:
    """The terms that the flags ask for, and the network with just the layers that they look at.

    Args:
      scene: the pictures.
      config: the choices.
      sizes: height and width of the images that kernels get their form for, see `preparation`.

    Raises:
      UserError: a name is unknown, terms and pictures do not go together, or nothing is asked for.
    """
    network = errors.choose("network", config.network, networks.NETWORKS)
    weights_of = configs.parse_layers(config.layers) or dict.fromkeys(network.defaults(), 1.0)
    parts, content_of = _parts(scene, config), _content(scene, config, network)
    layers = lambda part: tuple(part.layers or weights_of)
    wanted = [layer for part in parts for layer in layers(part)]
    excited = (
        [configs.parse_feature_map(config.excite)[0]]
        if config.excite and config.excite_weight
        else []
    )
    seen = tuple(dict.fromkeys([*wanted, *content_of, *excited]))
    network, variables = loading.load_network(config, seen, 1 + len(scene.material.maps))
    prepared = functools.cache(
        lambda: kernel_transforms.transform_kernels(network, variables, sizes)
    )
    sources = [
        source for part in parts for source in _sources(part, layers(part), scene, config.octaves)
    ]
    named = {source.name: _texture(source, weights_of, scene, config) for source in sources}
    named |= _image_terms(scene, config, content_of)
    if not named:
        raise errors.UserError(
            "nothing to do: --style or --content is wanted, with a weight above 0"
        )
    return targets.LossSpec(
        _tiling(network, config.tile), network, variables, prepared, sources, named
    )


def _parts(scene: input_images.Inputs, config: configs.Config) -> list[parser.StatisticTerm]:
    """The statistics that are matched; none without an exemplar."""
    parts = parser.parse(config.statistic) if scene.styles and config.texture_weight else []
    if scene.material.maps and all(part.statistic.channelwise for part in parts):
        raise errors.UserError(
            f"--statistic={config.statistic} sees each channel by itself: maps would not stay aligned"
        )
    return parts


def _content(
    scene: input_images.Inputs, config: configs.Config, network: networks.Network
) -> dict[str, float]:
    """The layers in which the content's features are kept, with their weights."""
    if scene.content is None or not config.content_weight:
        return {}
    return configs.parse_layers(config.content_layers, "content_layers") or {
        network.defaults()[-1]: 1.0
    }


def _tiling(network: networks.Pyramid, tile: str) -> networks.Pyramid:
    """The network with what lies beyond the border taken from the other side, along the axes of `tile`."""
    rows, columns = padding_pooling.split_padding(network.network.padding)
    padding = f"{'wrap' if 'y' in tile else rows}/{'wrap' if 'x' in tile else columns}"
    return network.clone(network=network.network.clone(padding=padding)) if tile else network


def _sources(
    part: parser.StatisticTerm, layers: tuple[str, ...], scene: input_images.Inputs, octaves: int
) -> list[targets.TextureTerm]:
    """One term for all styles, or, where the result has a mask for each, one for each style."""
    seen = tuple(
        networks.octave_name(layer, octave) for octave in range(octaves) for layer in layers
    )
    everything = tuple(range(len(scene.styles)))
    if scene.masks is None:
        sources = [
            targets.TextureTerm(part.name, part, seen, everything, tuple(scene.weights), None)
        ]
    else:
        sources = [
            targets.TextureTerm(f"{part.name}.{i}", part, seen, (i,), (1.0,), scene.masks[i])
            for i in everything
        ]
    if part.statistic.critic and scene.masks is None and len(scene.styles) > 1:
        raise errors.UserError(f"--statistic={part.name} learns one style; several want --masks")
    if part.statistic.spatial and (
        scene.masks or any(mask is not None for mask in scene.style_masks)
    ):
        raise errors.UserError(
            f"--statistic={part.name} compares neighbours, and cannot be had with masks"
        )
    return sources


def _texture(
    source: targets.TextureTerm,
    weights_of: dict,
    scene: input_images.Inputs,
    config: configs.Config,
) -> losses.Term:
    weights = {layer: weights_of.get(layer.partition("/")[0], 1.0) for layer in source.layers}
    share = sum(scene.weights[i] for i in source.styles) / sum(scene.weights)
    return losses.texture(
        source.part.statistic, weights, config.texture_weight * source.part.weight * share
    )


def _image_terms(
    scene: input_images.Inputs, config: configs.Config, content_of: dict[str, float]
) -> dict[str, losses.Term]:
    errors.choose("content_norm", config.content_norm, statistics.NORMS)
    wanted = {}
    if content_of:
        wanted["content"] = terms.content(content_of, config.content_weight, config.content_norm)
    if config.excite and config.excite_weight:
        wanted["excitement"] = terms.activation(
            *configs.parse_feature_map(config.excite), config.excite_weight
        )
    if config.tv_weight:
        wanted["total_variation"] = terms.total_variation(config.tv_weight, config.tile)
    if config.spectrum_weight and scene.styles:
        wanted["spectrum"] = terms.spectrum(config.spectrum_weight)
    return wanted


def count_statistics(loss: targets.LossSpec, scene: input_images.Inputs) -> int:
    """How many numbers of the exemplars the statistics look at, at full size."""
    of_styles = [networks.feature_shapes(loss.network, *style.shape[:2]) for style in scene.styles]
    each = lambda source, shape: source.part.statistic.statistic_size(shape[2], shape[0] * shape[1])
    return sum(
        each(s, of_styles[i][layer]) for s in loss.sources for i in s.styles for layer in s.layers
    )
