"""Weights of the terms and layers of a texture: the user's, or what the images ask for."""

import dataclasses
import logging

from jaxtex.losses import arrangement
from jaxtex.synthesis import input_images
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.starts import spot_noise

logger = logging.getLogger(__name__)

REGULAR = 0.35  # regularity from which on an exemplar counts as regular
REGULAR_WEIGHT = 0.1  # of the arrangement of regular exemplars
IRREGULAR_WEIGHT = 0.003  # of the arrangement of others: the distances of spots and clusters


def choose_weights(inputs: input_images.Inputs, settings: choices.Settings) -> choices.Settings:
    """Returns the settings with the weights of arrangement and detail, and the start.

    The weights are 0 beside a content, which decides what is where, and beside masks: both terms
    compare whole images. The arrangement of several exemplars is matched only if the user says so,
    and beside kept pixels never.

    Args:
      inputs: the images.
      settings: the choices, with the layers of `layer_choice.choose_layers`.
    """
    if inputs.kept is not None:
        return dataclasses.replace(settings, arrangement_weight=0.0)
    masked = inputs.masks is not None or any(mask is not None for mask in inputs.style_masks)
    config = settings.config
    is_kept = config.content_weight or settings.structure_layers
    alone = inputs.content is None or not is_kept
    if masked or not alone or not inputs.styles or not config.texture_weight:
        return dataclasses.replace(settings, arrangement_weight=0.0, detail_weight=0.0)
    if len(inputs.styles) > 1:
        weight = settings.arrangement_weight or 0.0
        return dataclasses.replace(settings, arrangement_weight=weight)
    exemplar = inputs.styles[0][..., :3]
    is_composed = spot_noise.is_composed(exemplar)
    if settings.arrangement_weight is not None:
        return choose_start(settings, is_composed)
    regularity = arrangement.regularity(exemplar)
    weight = REGULAR_WEIGHT if regularity >= REGULAR else IRREGULAR_WEIGHT
    settings = choose_start(dataclasses.replace(settings, arrangement_weight=weight), is_composed)
    start = f" --init={settings.config.init}" if settings.config.init else ""
    logger.info(
        "regularity of the exemplar: %.2f; --arrangement_weight=%g%s", regularity, weight, start
    )
    return settings


def choose_start(settings: choices.Settings, is_composed: bool) -> choices.Settings:
    """Returns the settings with shifted copies as the start, if they are the better start.

    They are if the weight of the arrangement is larger than `IRREGULAR_WEIGHT`, unless the exemplar
    consists of a few large areas: the copies would keep its layout. A start that the user has
    chosen stays.

    Args:
      settings: the choices, with the weight of the arrangement.
      is_composed: what `spot_noise.is_composed` returns for the exemplar.
    """
    config = settings.config
    weight = settings.arrangement_weight or 0.0
    if config.init or weight <= IRREGULAR_WEIGHT or is_composed:
        return settings
    return dataclasses.replace(settings, config=dataclasses.replace(config, init="copies"))
