"""Inputs of a synthesis: images, weights and masks, validated and at the size they are used in."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.images import arrays, color_transfer, texture_maps
from jaxtex.losses import regions, temporal
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.canvas import extension, holes, kept_pixels, sizes
from jaxtex.synthesis.shorthands import augmentation, guides, mixes

MISSING = (
    "--style is missing: the path of an exemplar, or the name of a built-in one, such as "
    "--style=pebbles (--list=exemplars)"
)


class Inputs(NamedTuple):
    """Images and how they are used; RGB in [0, 1].

    Attributes:
      styles: exemplars `[H, W, 3]`; a style of k maps is `[H, W, 3 k]`.
      weights: one for each style.
      style_masks: for each style where it is used, `[H, W]`; None: everywhere.
      masks: where the result follows each of its mixtures, `[H, W]`; None: one mixture everywhere.
      mixtures: for each mask, or once, the weight of each style.
      content: `[height, width, 3]`, with the colors of `config.content_color`; None without one.
      height: rows of the result, in pixels.
      width: columns of the result, in pixels.
      color: added to the result, `[height, width, 3]`: what the content differs from its luminance.
      gray: where each of k maps of the result is gray, `[height or 1, width or 1, k]` in [0, 1];
        None: nowhere.
      material: how the maps of the style are restored.
      alpha: transparency of the content, `[height, width, 1]`; None: opaque.
      init: initial image, `[H, W, 3]` of any size; None: as `config.init` says.
      kept: pixels of a picture that do not change; None without any.
      unchanged: see `temporal.unchanged_share`; None without the content of a frame before.
    """

    styles: list[np.ndarray]
    weights: list[float]
    style_masks: list[np.ndarray | None]
    masks: list[np.ndarray] | None
    mixtures: list[list[float]]
    content: np.ndarray | None
    height: int
    width: int
    color: np.ndarray | None = None
    gray: np.ndarray | None = None
    material: texture_maps.Material = texture_maps.Material()
    alpha: np.ndarray | None = None
    init: np.ndarray | None = None
    unchanged: np.ndarray | None = None
    kept: kept_pixels.Kept | None = None

    @property
    def shortest_side(self) -> int:
        """Shortest side of the exemplars and the result, in pixels."""
        sides = [side for style in self.styles for side in style.shape[:2]]
        return min(self.height, self.width, *sides)

    def is_transfer(self, config: configs.Config) -> bool:
        """Returns True if both a style and a content decide the result."""
        content = self.content is not None and config.content_weight
        return bool(content and self.styles and config.texture_weight)

    def gray_at(self, height: int, width: int) -> np.ndarray | None:
        """Returns `gray` at a size of the result."""
        if self.gray is None or self.gray.shape[:2] == (1, 1):
            return self.gray
        return images.resize(self.gray, height, width)

    def given_at(self, height: int, width: int) -> dict[str, Any]:
        """Returns what decides pixels at a size of the result, see `losses.compose`."""
        kept = self.kept and self.kept.at(height, width)
        return {"gray": self.gray_at(height, width), "kept": kept}

    def with_seed(self, seed: int) -> "Inputs":
        """Returns the inputs with the hole filled by another seed."""
        if self.kept is None:
            return self
        kept, _ = holes.begin(self.kept, self.styles, self.style_masks, seed)
        return self._replace(kept=kept)

    def extended(self, canvas: tuple[int, int], tile: str) -> "Inputs":
        """Returns the inputs with masks, gray and kept pixels as `extension.extend` does it."""
        place = (self.height, self.width), canvas, tile
        masks = self.masks and [extension.extend(mask, *place) for mask in self.masks]
        gray = None if self.gray is None else extension.extend(self.gray, *place)
        return self._replace(masks=masks, gray=gray, kept=self.kept and self.kept.extended(canvas))

    def finish(self, result: np.ndarray) -> np.ndarray:
        """Restores kept pixels, the content's colors and transparency, or the style's maps."""
        if self.kept is not None:
            return self.kept.restore(result)
        if self.content is None:
            return texture_maps.restore_maps(result, self.material)
        if self.color is not None:
            result = np.clip(result + self.color, 0, 1)
        return result if self.alpha is None else np.concatenate([result, self.alpha], -1)


def load_inputs(style_paths: Sequence[str], settings: choices.Settings) -> Inputs:
    """Opens every image of a synthesis.

    Args:
      style_paths: paths or built-in names of the exemplars; may be empty with a content.
      settings: name all other files.

    Raises:
      UserError: a file cannot be read, or the images do not go together.
    """
    # Beside a content, transparent parts of a style are shown over white.
    alpha = settings.config.alpha == "keep" and not settings.config.content
    styles = [images.load(path, alpha) for path in style_paths]
    return build_inputs(styles, None, settings)


def build_inputs(
    styles: Sequence[np.ndarray], content: np.ndarray | None, settings: choices.Settings
) -> Inputs:
    """Validates images and resizes them. Opens the files that the settings name.

    Args:
      styles: exemplars, `[H, W, 3 k]` in [0, 1], or `[H, W, 3 k + 1]` with transparency.
      content: `[H, W, 3]` or `[H, W, 4]`; None for the file of `config.content`, if there is one.
      settings: sizes, masks and maps.

    Raises:
      UserError: an image or mask cannot be used, or they do not go together.
    """
    styles, content, settings = _open(styles, content, settings)
    config = settings.config
    canvas = holes.build_canvas(styles, content, settings)
    if canvas is not None and canvas.exemplar is not None:
        styles = [canvas.exemplar]
    styles, material = _add_maps(styles, content, settings)
    base = styles[0] if content is None else content
    styles = [resize_style(style, config) for style in styles]
    height, width = canvas.kept.hole.shape if canvas else sizes.result_size(config, base)
    alpha = color = unchanged = None
    if content is not None:
        sizes.warn_if_stretched("content", base.shape[:2], height, width)
        content, alpha = _split_alpha(base, height, width)
        unchanged = temporal.compare(base, settings.previous_content, height, width)
        styles, content, color = _preserve_color(styles, content, config.preserve_color)

    style_masks = holes.style_masks(canvas, styles, settings)
    kept = canvas and canvas.kept
    if kept is not None:
        kept, style_masks = holes.begin(kept, styles, style_masks, config.seed)
    weights = _style_weights(settings, len(styles))
    masks, mixtures = mixes.load_regions(settings, weights, height, width)
    uses_styles = styles and (config.texture_weight or config.spectrum_weight)
    if uses_styles and content is not None and config.preserve_color in ("none", "gray"):
        pixels = list(map(regions.inside, styles, style_masks))
        shares = regions.blend_shares(mixtures, masks, height, width)
        content = color_transfer.CONTENT_COLORS[config.content_color](content, pixels, shares)
    if uses_styles or content is None:
        gray_maps = [each.gray for each in material.maps]
        gray = color_transfer.gray_share(styles, None if config.mix else masks, gray_maps)
    else:
        gray = color_transfer.gray_share([content])
    return Inputs(
        styles=styles,
        weights=weights,
        style_masks=style_masks,
        masks=masks,
        mixtures=mixtures,
        content=content,
        height=height,
        width=width,
        color=color,
        gray=gray,
        material=material,
        alpha=alpha,
        init=settings.init,
        unchanged=unchanged,
        kept=kept,
    )


def _open(
    styles: Sequence[np.ndarray], content: np.ndarray | None, settings: choices.Settings
) -> tuple[Sequence[np.ndarray], np.ndarray | None, choices.Settings]:
    """Opens and validates content and styles; replaces guides and variants by styles and masks."""
    config = settings.config
    if content is None and config.content:
        content = images.load(config.content, config.alpha == "keep")
    if content is not None:
        content = images.validate(content, arrays.RGB_OR_RGBA, "a content")
    elif config.preserve_color != "none":
        raise errors.UserError(f"--preserve_color={config.preserve_color} needs --content")
    styles = [images.validate(style) for style in styles]
    styles, settings = guides.expand(styles, settings, content is None)
    styles, settings = augmentation.expand(styles, settings)
    return styles, content, settings


def _preserve_color(
    styles: Sequence[np.ndarray], content: np.ndarray, kind: str
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray | None]:
    """Returns styles, content, and the color that the result gets back, for `--preserve_color`."""
    styles = [color_transfer.PRESERVE_COLOR[kind](style, content) for style in styles]
    if kind == "luminance":
        return styles, *color_transfer.split_color(content)
    return styles, color_transfer.to_gray(content) if kind == "gray" else content, None


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
    if content is None and not styles:
        raise errors.UserError(MISSING)
    if all(style.shape[-1] == 3 for style in styles):
        return [color_transfer.snap_gray(style) for style in styles], texture_maps.Material()
    if len(styles) > 1 or content is not None:
        other = "--content" if content is not None else "other styles"
        raise errors.UserError(f"maps and transparency need a single style, without {other}")
    image, material = texture_maps.normalize_maps(styles[0])
    return [image], material


def _split_alpha(
    content: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns colors and transparency of a content, resized; None if it has no transparency."""
    if content.shape[-1] == 3:
        return color_transfer.snap_gray(images.resize(content, height, width)), None
    opaque = texture_maps.extend_colors(content[..., :3], content[..., 3])
    alpha = images.resize(content[..., 3:], height, width)
    return color_transfer.snap_gray(images.resize(opaque, height, width)), alpha


def resize_input(image: np.ndarray, size: int) -> np.ndarray:
    """Validates an image and resizes its shorter side.

    Args:
      image: `[H, W, C]` in [0, 1].
      size: pixels of the shorter side; 0 keeps the size.

    Raises:
      UserError: the image cannot be used.
    """
    return images.resize_shorter_side(images.validate(image), size)


def resize_style(image: np.ndarray, config: configs.Config) -> np.ndarray:
    """Validates a style and resizes its shorter side to `size` pixels times `style_scale`.

    Args:
      image: `[H, W, C]` in [0, 1].
      config: `size`, where 0 keeps the image's own, and `style_scale`.

    Raises:
      UserError: the image cannot be used, or not at that size.
    """
    if config.style_scale == 1:
        return resize_input(image, config.size)
    image = images.validate(image)
    rows, columns = image.shape[:2]
    shorter = "height" if rows <= columns else "width"
    side = style_side(config, min(rows, columns))
    height, width = sizes.in_proportion((rows, columns), **{shorter: side})
    if side < images.MIN_SIDE or height * width > images.MAX_PIXELS:
        raise errors.UserError(
            f"--style_scale={config.style_scale:g}: a style of {columns} x {rows} pixels would be "
            f"seen with {width} x {height}; must be at least {images.MIN_SIDE} on each side and at "
            f"most {images.MAX_PIXELS:,} in total: another --style_scale or --size"
        )
    return images.resize(image, height, width)


def style_side(config: configs.Config, side: int) -> int:
    """Returns the pixels of the shorter side of a style as it is seen; its own is `side`.

    Args:
      config: `size` and `style_scale`.
      side: shorter side of the file, in pixels.
    """
    return round((config.size or side) * config.style_scale)
