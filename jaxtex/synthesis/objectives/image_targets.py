"""Targets of the terms that compare the result with whole images, such as the content."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxtex import losses, networks
from jaxtex.losses import evaluation, regions, targets
from jaxtex.synthesis import input_images, memory_budget, scales
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.starts import initialization


def build_image_targets(
    spec: targets.LossSpec,
    inputs: input_images.Inputs,
    settings: choices.Settings,
    styles: Sequence[np.ndarray],
    scale: scales.Scale,
) -> Callable[[], dict[str, Any]]:
    """Returns a cached function that makes the targets of all terms but the texture terms.

    Args:
      spec: the loss.
      inputs: the images.
      settings: the choices.
      styles: exemplars at this scale, `[H, W, 3 k]` of k maps, in [0, 1].
      scale: size of the result and factor by which content and exemplars are reduced.
    """
    target = None if inputs.content is None else scales.reduce_image(inputs.content, scale.factor)

    def features(image: np.ndarray) -> networks.Features:
        options = memory_budget.extraction_options(spec, [image])
        extract = evaluation.build_extract(spec, scale.strip, image.shape[0])
        return jax.jit(extract, compiler_options=options)(spec.variables, image)

    size = (scale.height, scale.width)
    masks = None if target is None or settings.config.mix else inputs.masks
    inside = regions.content_positions(spec.network, masks, *size)
    target_images = losses.TargetImages(styles, inputs.weights, target, *size, features, inside)
    if inputs.unchanged is not None:
        target_images = target_images._replace(
            previous=initialization.initial_image(inputs, settings.config, *size),
            unchanged=scales.reduce_image(inputs.unchanged, scale.factor),
        )

    if inputs.kept is not None:
        pairs = zip(styles, inputs.style_masks, strict=True)
        target_images = target_images._replace(
            used=[
                mask if mask is None else regions.white_pixels(mask, *style.shape[:2])
                for style, mask in pairs
            ],
            compared=inputs.kept.regions_at(*size),
            filled=inputs.kept.at(*size)["picture"],
        )

    @functools.cache
    def make() -> dict[str, Any]:
        return {name: term.make_target(target_images) for name, term in spec.terms.items()}

    return make
