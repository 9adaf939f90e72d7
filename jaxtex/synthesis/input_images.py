"""What goes into a synthesis besides names: pictures, their weights and masks, checked and of the size they are used in."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.images import color_transfer, texture_maps
from jaxtex.synthesis import config as configs

MISSING = "--style is missing: the path of an exemplar, or one that is here, such as --style=pebbles (--list=exemplars)"
PROPORTION = 0.02  # by which a mask's may differ from its picture's


class Inputs(NamedTuple):
    """Pictures and how they are used. All are float RGB in [0, 1], masks `[H, W]`; a style of k maps is `[H, W, 3 k]`."""

    styles: list[np.ndarray]
    weights: list[float]  # of the styles
    style_masks: list[np.ndarray | None]  # where each style is looked at
    masks: (
        list[np.ndarray] | None
    )  # where the result follows each style; None: they are blended everywhere
    content: np.ndarray | None  # of the result's size
    height: int  # of the result
    width: int
    keeper: str  # a row of `colours.KEEPERS`
    material: texture_maps.Material = texture_maps.Material()  # the maps of the style
    alpha: np.ndarray | None = None  # transparency of the content, [H, W, 1], of the result's size

    @property
    def shortest(self) -> int:
        """The shortest side of all pictures, in pixels."""
        return min(
            self.height, self.width, *(side for style in self.styles for side in style.shape[:2])
        )

    def finish(self, result: np.ndarray) -> np.ndarray:
        """What is done to the result: the content's colours and transparency, the contrast of the maps."""
        if self.content is None:
            return texture_maps.restore_maps(result, self.material)
        kept = color_transfer.PRESERVE_COLOR[self.keeper][1](result, self.content)
        return kept if self.alpha is None else np.concatenate([kept, self.alpha], -1)


def build_inputs(
    styles: Sequence[np.ndarray], content: np.ndarray | None, config: configs.Config
) -> Inputs:
    """Checks the pictures and brings them to size.

    Raises:
      UserError: a picture or mask cannot be used, or they do not go together.
    """
    before, _ = errors.choose(
        "preserve_color", config.preserve_color, color_transfer.PRESERVE_COLOR
    )
    if config.preserve_color != "none" and content is None:
        raise errors.UserError(
            f"--preserve_color={config.preserve_color} wants --content, whose colours it keeps"
        )
    styles, material = _add_maps([images.validate(style) for style in styles], config, content)
    styles = [resize_input(style, config.size) for style in styles]
    base, alpha = styles[0] if styles else None, None
    if content is not None:
        base, alpha = _split_alpha(images.validate(content), config.size)
    if base is None:
        raise errors.UserError(MISSING)
    height, width = config.height or base.shape[0], config.width or base.shape[1]
    if content is not None:
        content = images.resize(base, height, width)
        alpha = alpha if alpha is None else images.resize(alpha, height, width)
        styles = [before(style, content) for style in styles]
    weights = configs.parse_weights(config.style_weights, len(styles))
    style_masks = read_masks(
        "style_masks", config.style_masks, [style.shape for style in styles]
    ) or [None] * len(styles)
    masks = read_masks("masks", config.masks, [(height, width)] * len(styles))
    return Inputs(
        styles,
        weights,
        style_masks,
        masks,
        content,
        height,
        width,
        config.preserve_color,
        material,
        alpha,
    )


def read_content(config: configs.Config) -> np.ndarray | None:
    """The content that is named, if one is, with its transparency, if that is kept."""
    return images.load(config.content, config.alpha == "keep") if config.content else None


def read_style(path: str, config: configs.Config) -> np.ndarray:
    """A style; beside a content its transparency is over white."""
    return images.load(path, config.alpha == "keep" and not config.content)


def _add_maps(
    styles: Sequence[np.ndarray], config: configs.Config, content: np.ndarray | None
) -> tuple[Sequence[np.ndarray], texture_maps.Material]:
    """The styles with the maps that go with them."""
    if config.maps:
        styles = [texture_maps.join_maps(style, split_paths(config.maps)) for style in styles]
    if all(style.shape[-1] == 3 for style in styles):
        return styles, texture_maps.Material()
    if len(styles) > 1 or content is not None:
        what = "--content" if content is not None else "other styles"
        raise errors.UserError(f"maps and transparency are of a style alone, without {what}")
    image, material = texture_maps.normalize_maps(styles[0])
    return [image], material


def _split_alpha(content: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Colours, and transparency if there is such, as used."""
    if content.shape[-1] > 4:
        raise errors.UserError(f"a content is [H, W, 3], or [H, W, 4], not {list(content.shape)}")
    if content.shape[-1] == 3:
        return resize_input(content, size), None
    solid = texture_maps.extend_colors(content[..., :3], content[..., 3])
    return resize_input(solid, size), images.resize_shorter_side(content[..., 3:], size)


def resize_input(image: np.ndarray, size: int) -> np.ndarray:
    """Checked, and with `size` pixels on the shorter side."""
    return images.resize_shorter_side(images.validate(image), size)


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
