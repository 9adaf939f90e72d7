"""What goes into a synthesis besides names: pictures, their weights and masks, checked and of the size they are used in."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import colours, errors, images
from jaxtex import config as configs

MISSING = "--style is missing: the path of an exemplar, or one that is here, such as --style=pebbles (--list=exemplars)"
PROPORTION = 0.02  # by which a mask's may differ from its picture's


class Scene(NamedTuple):
    """Pictures and how they are used. All are float RGB in [0, 1], masks `[H, W]`."""

    styles: list[np.ndarray]
    weights: list[float]  # of the styles
    style_masks: list[np.ndarray | None]  # where each style is looked at
    masks: list[np.ndarray] | None  # where the result follows each style; None: they are blended everywhere
    content: np.ndarray | None  # of the result's size
    height: int  # of the result
    width: int
    keeper: str  # a row of `colours.KEEPERS`

    @property
    def shortest(self) -> int:
        """The shortest side of all pictures, in pixels."""
        return min(self.height, self.width, *(side for style in self.styles for side in style.shape[:2]))

    def finish(self, result: np.ndarray) -> np.ndarray:
        """What is done to the colours of the result."""
        return result if self.content is None else colours.KEEPERS[self.keeper][1](result, self.content)


def build(styles: Sequence[np.ndarray], content: np.ndarray | None, config: configs.Config) -> Scene:
    """Checks the pictures and brings them to size.

    Raises:
      UserError: a picture or mask cannot be used, or they do not go together.
    """
    before, _ = errors.choose("preserve_color", config.preserve_color, colours.KEEPERS)
    if config.preserve_color != "none" and content is None:
        raise errors.UserError(f"--preserve_color={config.preserve_color} wants --content, whose colours it keeps")
    styles = [as_used(style, config.size) for style in styles]
    base = as_used(content, config.size) if content is not None else styles[0] if styles else None
    if base is None:
        raise errors.UserError(MISSING)
    height, width = config.height or base.shape[0], config.width or base.shape[1]
    if content is not None:
        content = images.resize(base, height, width)
        styles = [before(style, content) for style in styles]
    weights = configs.parse_weights(config.style_weights, len(styles))
    style_masks = read_masks("style_masks", config.style_masks, [style.shape for style in styles]) or [None] * len(styles)
    masks = read_masks("masks", config.masks, [(height, width)] * len(styles))
    return Scene(styles, weights, style_masks, masks, content, height, width, config.preserve_color)


def as_used(image: np.ndarray, size: int) -> np.ndarray:
    """Checked, and with `size` pixels on the shorter side."""
    return images.shorter_side(images.check(image), size)


def read_masks(flag: str, text: str, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray] | None:
    """The masks of a flag, `[H, W]` in [0, 1], one for each picture; none, if the flag is empty.

    Raises:
      UserError: not as many as pictures, or of other proportions.
    """
    if not text:
        return None
    paths = split_paths(text)
    if len(paths) != len(shapes):
        raise errors.UserError(f"--{flag}={text}: {len(paths)} masks for {len(shapes)} styles")
    return [_read_mask(flag, path, shape) for path, shape in zip(paths, shapes, strict=True)]


def _read_mask(flag: str, path: str, shape: tuple[int, ...]) -> np.ndarray:
    mask = images.load(path).mean(-1)
    if abs(mask.shape[0] * shape[1] / (mask.shape[1] * shape[0]) - 1) > PROPORTION:
        raise errors.UserError(
            f"--{flag}: '{path}' has {mask.shape[1]} x {mask.shape[0]} pixels, its picture {shape[1]} x {shape[0]}: "
            "the same proportions, please"
        )
    return mask


def split_paths(text: str) -> list[str]:
    """`"a.png,b.png"` -> two paths; the name of a file that is there is one path, whatever is in it."""
    return [text] if os.path.exists(text) else [part for part in text.split(",") if part]
