"""Mixtures of styles in the regions of a result: masks, or a map from one style to the next."""

import os
from collections.abc import Callable, Sequence

import numpy as np

from jaxtex import errors, images
from jaxtex.losses import regions
from jaxtex.synthesis import settings as choices

STEPS = 4  # bands from one exemplar to the next

# Name -> map of a height and width: 0 where the first exemplar is, 1 where the last one is.
DIRECTIONS: dict[str, Callable[[int, int], np.ndarray]] = {
    "right": lambda height, width: _ramp(width)[None].repeat(height, 0),
    "left": lambda height, width: 1 - _ramp(width)[None].repeat(height, 0),
    "down": lambda height, width: _ramp(height)[:, None].repeat(width, 1),
    "up": lambda height, width: 1 - _ramp(height)[:, None].repeat(width, 1),
}


def _ramp(length: int) -> np.ndarray:
    """Returns numbers from 0 to 1, `[length]`."""
    return np.linspace(0, 1, length, dtype=np.float32)


def load_regions(
    settings: choices.Settings, weights: Sequence[float], height: int, width: int
) -> tuple[list[np.ndarray] | None, list[list[float]]]:
    """Returns the regions of the result, and how the styles are mixed in each.

    Args:
      settings: `masks` or `mix`.
      weights: one for each style.
      height: of the result, in pixels.
      width: of the result, in pixels.

    Returns:
      A mask `[H, W]` for each region, or None for one region; the weight of each style in each.

    Raises:
      UserError: a mask or map cannot be used, or a choice does not go with `mix`.
    """
    if settings.config.mix:
        return _build_bands(settings, len(weights), height, width)
    if not settings.masks:
        return None, [list(weights)]
    masks = regions.load_masks("masks", settings.masks, [(height, width)] * len(weights))
    return masks, np.diag(weights).tolist()


def _build_bands(
    settings: choices.Settings, count: int, height: int, width: int
) -> tuple[list[np.ndarray], list[list[float]]]:
    """Divides the result into overlapping bands of similar gray, and mixes the styles for each.

    With two styles, five bands aim at 0, 1/4, 1/2, 3/4 and 1 of the second one. Each pixel between
    two of these is in both bands. Bands without pixels are left out.
    """
    given = f"--mix={settings.config.mix}"
    for flag in ("masks", "guide", "style_weights", "maps", "augment"):
        if getattr(settings.config, flag):
            raise errors.UserError(f"--mix and --{flag} exclude each other")
    if count < 2:
        raise errors.UserError(f"{given} needs two or more styles: --style=first.png,second.png")

    place = (count - 1) * _load_map(settings, height, width)  # 0, 1, ... at each style
    masks, mixtures = [], []
    for band in np.linspace(0, count - 1, STEPS * (count - 1) + 1):
        inside = np.abs(place - band) < 1 / STEPS
        if inside.any():
            masks.append(inside.astype(np.float32))
            mixtures.append(np.maximum(0, 1 - np.abs(band - np.arange(count))).tolist())
    return masks, mixtures


def _load_map(settings: choices.Settings, height: int, width: int) -> np.ndarray:
    """Returns the map of a mix, `[H, W]` in [0, 1]."""
    mix = settings.mix
    if not isinstance(mix, str):
        regions.check_proportions("mix", "an array", mix.shape, (height, width))
        return mix
    if mix in DIRECTIONS:
        return DIRECTIONS[mix](height, width)
    if mix.isidentifier() and not os.path.exists(mix):
        raise errors.unknown("--mix", mix, list(DIRECTIONS))
    loaded = images.load(mix).mean(-1)
    regions.check_proportions("mix", f"'{mix}'", loaded.shape, (height, width))
    return loaded
