"""Augmentation: flipped and turned exemplars, which count as further exemplars."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxtex import errors
from jaxtex.losses import regions
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.canvas import holes

# Name -> numbers of quarter turns, and whether each is mirrored, too.
KINDS = {"flip": ((0,), True), "rotate": ((0, 1, 2, 3), False)}


def expand(
    styles: Sequence[np.ndarray], settings: choices.Settings
) -> tuple[Sequence[np.ndarray], choices.Settings]:
    """Adds to each style its mirror images (`flip`), its quarter turns (`rotate`), or both.

    Statistics are averaged over all of them. Together they have the weight of their style. A mask
    of the style is flipped and turned likewise.

    Args:
      styles: exemplars, `[H, W, C]`; the first of those returned is the first of these.
      settings: `augment`, weights and masks of the styles.

    Raises:
      UserError: a name is unknown, or another choice has one picture for each style.
    """
    config = settings.config
    if not config.augment:
        return styles, settings
    turns, mirrored = {0}, False
    for name in config.augment.split(","):
        more, mirrors = errors.choose("augment", name.strip(), KINDS)
        turns, mirrored = turns | set(more), mirrored or mirrors
    for flag in ("guide", "masks", "maps"):
        if getattr(config, flag):
            raise errors.UserError(f"--augment and --{flag} exclude each other")
    if holes.keeps(config):
        raise errors.UserError(f"--augment and --{holes.flag_of(config)} exclude each other")

    def variants(picture: np.ndarray) -> list[np.ndarray]:
        both = [picture, picture[:, ::-1]] if mirrored else [picture]
        return [
            np.ascontiguousarray(np.rot90(each, turn)) for turn in sorted(turns) for each in both
        ]

    count = len(turns) * (1 + mirrored)
    masks = settings.style_masks
    if masks:
        loaded = regions.load_masks("style_masks", masks, [style.shape for style in styles])
        masks = [each for mask in loaded for each in variants(mask)]
    weights = [weight for weight in settings.style_weights for _ in range(count)]
    settings = dataclasses.replace(settings, style_masks=masks, style_weights=weights)
    return [each for style in styles for each in variants(style)], settings
