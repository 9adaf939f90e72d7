"""Inputs of a synthesis: images, weights and masks, validated and at the size they are used in."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.images import color_transfer, texture_maps
from jaxtex.synthesis import settings as choices

MISSING = (
    "--style is missing: the path of an exemplar, or the name of a built-in one, such as "
    "--style=pebbles (--list=exemplars)"
)
MAX_PROPORTION_ERROR = 0.02  # by which a mask's proportions may differ from its image's


class Inputs(NamedTuple):
    """Images and how they are used. All are RGB in [0, 1].

    Attributes:
      styles: exemplars `[H, W, 3]`; a style of k maps is `[H, W, 3 k]`.
      weights: one for each style.
      style_masks: for each style where it is used, `[H, W]`; None: everywhere.
      masks: for each style where the result follows it, `[H, W]`; None blends all styles.
      content: `[height, width, 3]`; None without style transfer.
      height: rows of the result, in pixels.
      width: columns of the result, in pixels.
      preserve_color: a row of `color_transfer.PRESERVE_COLOR`.
      material: how the maps of the style are restored.
      alpha: transparency of the content, `[height, width, 1]`; None: opaque.
    """

    styles: list[np.ndarray]
    weights: list[float]
    style_masks: list[np.ndarray | None]
    masks: list[np.ndarray] | None
    content: np.ndarray | None
    height: int
    width: int
    preserve_color: str
    material: texture_maps.Material = texture_maps.Material()
    alpha: np.ndarray | None = None

    @property
    def shortest_side(self) -> int:
        """Shortest side of the exemplars and the result, in pixels."""
        sides = [side for style in self.styles for side in style.shape[:2]]
        return min(self.height, self.width, *sides)

    def finish(self, result: np.ndarray) -> np.ndarray:
        """Restores the content's colors and transparency, or the maps of the style."""
        if self.content is None:
            return texture_maps.restore_maps(result, self.material)
        _, restore = color_transfer.PRESERVE_COLOR[self.preserve_color]
        result = restore(result, self.content)
        return result if self.alpha is None else np.concatenate([result, self.alpha], -1)


def load_inputs(style_paths: Sequence[str], settings: choices.Settings) -> Inputs:
    """Opens every image of a synthesis.

    Args:
      style_paths: paths or built-in names of the exemplars; may be empty with a content.
      settings: name all other files.

    Raises:
      UserError: a file cannot be read, or the images do not go together.
    """
    config = settings.config
    # Beside a content, transparent parts of a style are shown over white.
    alpha = config.alpha == "keep" and not config.content
    styles = [images.load(path, alpha) for path in style_paths]
    return build_inputs(styles, None, settings)


def build_inputs(
    styles: Sequence[np.ndarray], content: np.ndarray | None, settings: choices.Settings
) -> Inputs:
    """Validates images and resizes them. Opens the files that the settings name.

    Args:
      styles: exemplars, `[H, W, 3 k]` in [0, 1], or `[H, W, 3 k + 1]` with transparency.
      content: `[H, W, 3]`, or `[H, W, 4]` with transparency; None for the file of
        `config.content`, if there is one.
      settings: sizes, masks and maps.

    Raises:
      UserError: an image or mask cannot be used, or they do not go together.
    """
    config = settings.config
    if content is None and config.content:
        content = images.load(config.content, config.alpha == "keep")
    if config.preserve_color != "none" and content is None:
        raise errors.UserError(
            f"--preserve_color={config.preserve_color} needs --content, whose colors it preserves"
        )

    styles = [images.validate(style) for style in styles]
    styles, material = _add_maps(styles, content, settings)
    styles = [resize_input(style, config.size) for style in styles]
    alpha = None
    if content is not None:
        base, alpha = _split_alpha(images.validate(content), config.size)
    elif styles:
        base = styles[0]
    else:
        raise errors.UserError(MISSING)

    height = config.height or base.shape[0]
    width = config.width or base.shape[1]
    if content is not None:
        content = images.resize(base, height, width)
        alpha = None if alpha is None else images.resize(alpha, height, width)
        prepare, _ = color_transfer.PRESERVE_COLOR[config.preserve_color]
        styles = [prepare(style, content) for style in styles]

    style_shapes = [style.shape for style in styles]
    style_masks: list[np.ndarray | None] = [None] * len(styles)
    if settings.style_masks:
        style_masks = [*_load_masks("style_masks", settings.style_masks, style_shapes)]
    masks = None
    if settings.masks:
        masks = _load_masks("masks", settings.masks, [(height, width)] * len(styles))
    return Inputs(
        styles=styles,
        weights=_style_weights(settings, len(styles)),
        style_masks=style_masks,
        masks=masks,
        content=content,
        height=height,
        width=width,
        preserve_color=config.preserve_color,
        material=material,
        alpha=alpha,
    )


def _style_weights(settings: choices.Settings, count: int) -> list[float]:
    """Returns a weight for each style."""
    weights = list(settings.style_weights) or [1.0] * count
    if len(weights) != count:
        text = settings.config.style_weights
        raise errors.UserError(f"--style_weights={text}: {len(weights)} weights for {count} styles")
    return weights


def _add_maps(
    styles: Sequence[np.ndarray], content: np.ndarray | None, settings: choices.Settings
) -> tuple[list[np.ndarray], texture_maps.Material]:
    """Adds the maps to a style; returns the styles and how the result's maps are restored."""
    if settings.maps:
        styles = [texture_maps.join_maps(style, settings.maps) for style in styles]
    if all(style.shape[-1] == 3 for style in styles):
        return list(styles), texture_maps.Material()
    if len(styles) > 1 or content is not None:
        other = "--content" if content is not None else "other styles"
        raise errors.UserError(f"maps and transparency need a single style, without {other}")
    image, material = texture_maps.normalize_maps(styles[0])
    return [image], material


def _split_alpha(content: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns colors and transparency of a content, resized; None if it has no transparency."""
    if content.shape[-1] > 4:
        shape = list(content.shape)
        raise errors.UserError(f"a content must be [H, W, 3] or [H, W, 4], got {shape}")
    if content.shape[-1] == 3:
        return resize_input(content, size), None
    opaque = texture_maps.extend_colors(content[..., :3], content[..., 3])
    return resize_input(opaque, size), images.resize_shorter_side(content[..., 3:], size)


def resize_input(image: np.ndarray, size: int) -> np.ndarray:
    """Validates an image and resizes its shorter side.

    Args:
      image: `[H, W, C]` in [0, 1].
      size: pixels of the shorter side; 0 keeps the size.

    Raises:
      UserError: the image cannot be used.
    """
    return images.resize_shorter_side(images.validate(image), size)


def _load_masks(
    flag: str, paths: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> list[np.ndarray]:
    """Loads one mask, `[H, W]` in [0, 1], for each image.

    Raises:
      UserError: the numbers of masks and images differ, or the proportions of one.
    """
    if len(paths) != len(shapes):
        text = ",".join(paths)
        raise errors.UserError(f"--{flag}={text}: {len(paths)} masks for {len(shapes)} styles")
    return [_load_mask(flag, path, shape) for path, shape in zip(paths, shapes, strict=True)]


def _load_mask(flag: str, path: str, shape: tuple[int, ...]) -> np.ndarray:
    """Loads a mask and compares its proportions with those of its image."""
    mask = images.load(path).mean(-1)
    ratio = mask.shape[0] * shape[1] / (mask.shape[1] * shape[0])
    if abs(ratio - 1) > MAX_PROPORTION_ERROR:
        raise errors.UserError(
            f"--{flag}: '{path}' has {mask.shape[1]} x {mask.shape[0]} pixels, its image "
            f"{shape[1]} x {shape[0]}: the proportions must be the same"
        )
    return mask
