"""The loss that the settings ask for: named terms, and the network whose features they compare."""

import functools
from collections.abc import Sequence

import numpy as np

from jaxtex import errors, losses, networks, weights
from jaxtex.losses import arrangement, content, diversity, regions, targets, temporal, terms
from jaxtex.networks import padding_pooling
from jaxtex.statistics import parser
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.objectives import layer_choice, learners
from jaxtex.weights import kernel_transforms

SHAPES_WEIGHT = 1.0  # of what filled a hole
LAST_SHARE = 0.01  # of the weight of the arrangement, at the last of several scales


def build_loss(
    inputs: input_images.Inputs, settings: choices.Settings, sizes: Sequence[tuple[int, int]]
) -> targets.LossSpec:
    """Builds the terms, and the network with just the layers that they compare.

    Args:
      inputs: the images.
      settings: the choices, with the layers of `layer_choice.choose_layers` and the weights of
        `texture_choice.choose_weights`.
      sizes: height and width of the images that kernels are transformed for, see
        `kernel_transforms`.

    Raises:
      UserError: terms and images do not go together, a layer is unknown, or there is no term.
    """
    config = settings.config
    summands = _summands(inputs, settings)
    activation = settings.activation if config.excite_weight else None

    names = [layer for summand in summands for layer in summand.layers or settings.layers]
    names += [layer.partition("/")[0] for layer in layer_choice.content_layers(settings)]
    names += [activation.layer] if activation else []
    names += _diversity_layers(settings)
    maps = 1 + len(inputs.material.maps)
    network, variables = weights.load_network(settings.network, tuple(dict.fromkeys(names)), maps)
    network = network.clone(octaves=_octaves(network.octaves, settings))
    if activation:
        _validate_channel(network, activation)

    texture_terms = [
        term for summand in summands for term in _texture_terms(summand, inputs, settings)
    ]
    compared = [layer for term in texture_terms for layer in term.layers]
    compared += layer_choice.content_layers(settings)
    compared += [activation.layer] if activation else []
    compared += _diversity_layers(settings)
    network = network.clone(chosen=tuple(dict.fromkeys(compared)))

    named = {term.name: _texture_loss(term, inputs, settings) for term in texture_terms}
    if settings.content_layers:
        named["content"] = content.content(
            settings.content_layers, config.content_weight, config.content_norm
        )
    if settings.structure_layers:
        named["structure"] = content.content(
            settings.structure_layers, config.structure_weight, "self_similarity"
        )
    named |= _further_terms(inputs, settings)
    if not named:
        raise errors.UserError("nothing to do: give --style or --content with a weight above 0")

    @functools.cache
    def step_variables() -> dict:
        return kernel_transforms.transform_kernels(network, variables, sizes)

    return targets.LossSpec(
        network=_periodic(network, config.tile),
        exemplar_network=network,
        variables=variables,
        step_variables=step_variables,
        texture_terms=texture_terms,
        terms=named,
    )


def _further_terms(
    inputs: input_images.Inputs, settings: choices.Settings
) -> dict[str, losses.Term]:
    """Returns the terms that are neither texture terms nor compare layers of the content."""
    config, activation = settings.config, settings.activation
    named = {}
    if activation and config.excite_weight:
        named["excitement"] = terms.activation(
            activation.layer, activation.channel, config.excite_weight
        )
    if inputs.unchanged is not None and config.temporal_weight:
        named["temporal"] = temporal.temporal(config.temporal_weight)
    if config.tv_weight:
        named["total_variation"] = terms.total_variation(config.tv_weight, config.tile)
    if config.spectrum_weight and inputs.styles:
        named["spectrum"] = terms.spectrum(config.spectrum_weight)
    if settings.arrangement_weight:
        named["arrangement"] = arrangement.arrangement(settings.arrangement_weight, config.tile)
    if inputs.kept is not None and config.init not in configs.INITS:
        named["shapes"] = terms.shapes_in_hole(SHAPES_WEIGHT)
    if settings.detail_weight:
        detail = terms.detail if inputs.kept is None else terms.detail_in_hole
        named["detail"] = detail(settings.detail_weight, config.tile)
    for layer in _diversity_layers(settings):
        named[diversity.NAME] = diversity.diversity(layer, config.diversity)
    return named


def _diversity_layers(settings: choices.Settings) -> list[str]:
    """Returns the layer at which the images of a batch are compared; none without the term."""
    return [learners.diversity_layer(settings)] if settings.config.diversity else []


def limit_octaves(
    spec: targets.LossSpec, octaves: int, inputs: input_images.Inputs, settings: choices.Settings
) -> targets.LossSpec:
    """Returns a loss without its coarsest octaves.

    Args:
      spec: result of `build_loss`.
      octaves: number of octaves that stay.
      inputs: as for `build_loss`.
      settings: as for `build_loss`.
    """
    if octaves >= spec.network.octaves:
        return spec
    texture_terms = []
    for term in spec.texture_terms:
        layers = [layer for layer in term.layers if networks.octave_of(layer) < octaves]
        texture_terms.append(term._replace(layers=tuple(layers)))
    named = {term.name: _texture_loss(term, inputs, settings) for term in texture_terms}
    octaves = _octaves(octaves, settings)
    return spec._replace(
        network=spec.network.clone(octaves=octaves),
        exemplar_network=spec.exemplar_network.clone(octaves=octaves),
        texture_terms=texture_terms,
        terms={**spec.terms, **named},
    )


def of_last_scale(spec: targets.LossSpec) -> targets.LossSpec:
    """Returns a loss with little arrangement, for the last of several scales.

    What is where is decided before, but for the finest patterns.

    Args:
      spec: result of `build_loss` or `limit_octaves`.
    """
    named = dict(spec.terms)
    if "arrangement" in named:
        weight = LAST_SHARE * named["arrangement"].weight
        named["arrangement"] = named["arrangement"]._replace(weight=weight)
    return spec._replace(terms=named)


def _octaves(octaves: int, settings: choices.Settings) -> int:
    """Returns the octaves that the network computes: those of the styles and of the content."""
    content_layers = layer_choice.content_layers(settings)
    return max([octaves, *(networks.octave_of(layer) + 1 for layer in content_layers)])


def _summands(
    inputs: input_images.Inputs, settings: choices.Settings
) -> Sequence[parser.StatisticTerm]:
    """Returns the statistics that are matched; none without an exemplar."""
    if not inputs.styles or not settings.config.texture_weight:
        return []
    channelwise = all(summand.statistic.channelwise for summand in settings.statistic)
    if inputs.material.maps and channelwise:
        raise errors.UserError(
            f"--statistic={settings.config.statistic} compares each channel separately: maps would "
            "not stay aligned"
        )
    return settings.statistic


def _validate_channel(network: networks.Pyramid, activation: choices.FeatureMap) -> None:
    """Validates that a layer has the channel of `--excite`."""
    layer, channel = activation
    channels = networks.feature_shapes(network, 2**10, 2**10)[layer][2]
    if channel >= channels:
        raise errors.UserError(
            f"--excite={layer}:{channel}: must be one of the channels 0 to {channels - 1}"
        )


def _periodic(network: networks.Pyramid, tile: str) -> networks.Pyramid:
    """Returns the network with padding that wraps around along the axes of `tile`."""
    if not tile:
        return network
    rows, columns = padding_pooling.split_padding(network.network.padding)
    rows = "wrap" if "y" in tile else rows
    columns = "wrap" if "x" in tile else columns
    return network.clone(network=network.network.clone(padding=f"{rows}/{columns}"))


def _texture_terms(
    summand: parser.StatisticTerm, inputs: input_images.Inputs, settings: choices.Settings
) -> list[targets.TextureTerm]:
    """Returns one term for all styles, or one for each mask if the result has masks."""
    statistic = summand.statistic
    several = any(np.count_nonzero(mixture) > 1 for mixture in inputs.mixtures)
    if statistic.critic and several:
        raise errors.UserError(
            f"--statistic={summand.name} learns a single style; several styles need --masks"
        )
    has_style_masks = any(mask is not None for mask in inputs.style_masks)
    if statistic.spatial and (inputs.masks or has_style_masks or inputs.kept):
        raise errors.UserError(
            f"--statistic={summand.name} compares neighboring positions and cannot be used with "
            "masks, --fill or --grow"
        )

    octaves = range(settings.config.octaves)
    layers = summand.layers or settings.layers
    names = tuple(networks.octave_name(layer, octave) for octave in octaves for layer in layers)
    term = functools.partial(
        targets.TextureTerm, statistic=statistic, weight=summand.weight, layers=names
    )
    if inputs.masks is None:
        kept = inputs.kept
        return [
            term(
                name=summand.name,
                styles=tuple(range(len(inputs.styles))),
                style_weights=tuple(inputs.weights),
                mask=None if kept is None else kept.hole.astype(np.float32),
                least=regions.INSIDE if kept is None else regions.TOUCHED,
            )
        ]
    return [
        term(
            name=f"{summand.name}.{number}",
            styles=tuple(int(style) for style in np.flatnonzero(mixture)),
            style_weights=tuple(weight for weight in mixture if weight),
            mask=mask,
            least=regions.MIXED if settings.config.mix else regions.INSIDE,
        )
        for number, (mask, mixture) in enumerate(zip(inputs.masks, inputs.mixtures, strict=True))
    ]


def _texture_loss(
    term: targets.TextureTerm, inputs: input_images.Inputs, settings: choices.Settings
) -> losses.Term:
    """Returns the loss of a texture term with its share of the whole."""
    layer_weights = {
        layer: settings.layers.get(layer.partition("/")[0], 1.0) for layer in term.layers
    }
    if settings.balanced:
        layer_weights = layer_choice.balance(layer_weights, settings)
    share = sum(term.style_weights) / sum(map(sum, inputs.mixtures))
    weight = settings.config.texture_weight * term.weight * share
    return losses.texture(term.statistic, layer_weights, weight)


def count_statistics(spec: targets.LossSpec, inputs: input_images.Inputs) -> int:
    """Returns how many numbers of the exemplars the statistics compare, at full size.

    Args:
      spec: the loss.
      inputs: the exemplars.
    """
    shapes = [networks.feature_shapes(spec.network, *style.shape[:2]) for style in inputs.styles]
    count = 0
    for term in spec.texture_terms:
        for style in term.styles:
            for layer in term.layers:
                height, width, channels = shapes[style][layer]
                count += term.statistic.statistic_size(channels, height * width)
    return count
