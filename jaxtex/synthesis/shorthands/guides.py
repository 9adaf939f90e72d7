"""Guides: two maps of labels, which stand for masks of the exemplar and of the result."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxtex import errors, images
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.canvas import holes

MOST_LABELS = 12  # colors of a map


def expand(
    styles: Sequence[np.ndarray], settings: choices.Settings, resize: bool
) -> tuple[Sequence[np.ndarray], choices.Settings]:
    """Replaces `guide` by masks: the exemplar counts as one style for each label.

    A region of the result takes the texture that the exemplar has where its map has the same color.

    Args:
      styles: the exemplar.
      settings: name the maps.
      resize: gives the result the size of its map, unless the settings have a size.

    Raises:
      UserError: there is not one exemplar, a map cannot be read or has too many colors, or a color
        of the result's map is not in the exemplar's.
    """
    config = settings.config
    paths = configs.split_paths(config.guide)
    if not paths:
        return styles, settings
    given = f"--guide={config.guide}"
    if len(paths) != 2:
        raise errors.UserError(f"{given}: must be two maps, exemplar.png,result.png")
    for flag in ("masks", "style_masks", "style_weights", "maps"):
        if getattr(config, flag):
            raise errors.UserError(f"--guide and --{flag} exclude each other")
    if holes.keeps(config):
        raise errors.UserError(f"--guide and --{holes.flag_of(config)} exclude each other")
    if len(styles) != 1:
        raise errors.UserError(f"{given} needs one --style, not {len(styles)}")

    maps = [np.round(255 * images.load(path)).astype(int) for path in paths]
    exemplar, result = (each @ [1 << 16, 1 << 8, 1] for each in maps)
    known, wanted = (_labels(*each) for each in zip(paths, (exemplar, result), strict=True))
    for label in wanted:
        if label not in known:
            raise errors.UserError(
                f"{given}: the color {_name(label)} of '{paths[1]}' is not in '{paths[0]}', which "
                f"has {', '.join(map(_name, known))}"
            )

    if resize and not config.height and not config.width:
        config = dataclasses.replace(config, height=result.shape[0], width=result.shape[1])
    settings = dataclasses.replace(
        settings,
        config=config,
        style_masks=[(exemplar == label).astype(np.float32) for label in wanted],
        masks=[(result == label).astype(np.float32) for label in wanted],
    )
    return list(styles) * len(wanted), settings


def _labels(path: str, labels: np.ndarray) -> list[int]:
    """Returns the colors of a map."""
    found = np.unique(labels).tolist()
    if len(found) > MOST_LABELS:
        raise errors.UserError(
            f"--guide: '{path}' has {len(found)} colors; must be at most {MOST_LABELS}, in flat "
            "areas without smooth borders"
        )
    return found


def _name(label: int) -> str:
    """Returns a color as `#rrggbb`."""
    return f"#{label:06x}"
