"""Holes of pictures: where a mask is white, beyond the sides, or along the borders of a tile."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.images import arrays, texture_maps
from jaxtex.losses import regions
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.canvas import kept_pixels, margins, patches, sizes

BAND = 8  # along the borders of a tile, this fraction of a side is made, at each end
LEAST_RING = 64  # pixels around a hole whose texture continues in it, and more for large holes
NEAR = 16  # pixels from the patches that fill a hole, within which statistics are taken
TILE_STEP = 32  # pixels; a tile with sides of a multiple suits the poolings of all octaves


class Canvas(NamedTuple):
    """Picture with a hole, and the exemplar of what fills it.

    Attributes:
      kept: picture and hole at the size of the result.
      exemplar: the picture as it was given, `[h, w, 3]`, with the colors around the hole in it;
        None if the texture comes from other styles.
      ring: where the exemplar is used, `[h', w']` in [0, 1]; None without an exemplar.
    """

    kept: kept_pixels.Kept
    exemplar: np.ndarray | None
    ring: np.ndarray | None


def keeps(config: configs.Config) -> bool:
    """Returns True if a result keeps pixels of a picture."""
    return bool(config.fill or config.grow)


def flag_of(config: configs.Config) -> str:
    """Returns the flag by which a result keeps pixels of a picture, for messages."""
    if config.fill == configs.BORDERS:
        return f"make_tileable (--fill={configs.BORDERS})"
    return "fill" if config.fill else "grow"


def default_style(style: str, chosen: Mapping[str, Any]) -> str:
    """Returns the style of a run: without one, the picture that is filled or grows.

    Args:
      style: paths of the exemplars, separated by commas.
      chosen: fields of `Config` by name.
    """
    init = chosen.get("init") or ""
    fills = chosen.get("fill") or chosen.get("grow")
    return style if style or not fills or init in configs.INITS else str(init)


def build_canvas(
    styles: Sequence[np.ndarray], content: np.ndarray | None, settings: choices.Settings
) -> Canvas | None:
    """Builds the canvas of a result that keeps pixels; None without `--fill` and `--grow`.

    Args:
      styles: exemplars, `[H, W, 3]` in [0, 1]; may be empty.
      content: of the run, which must be None.
      settings: mask, margins, and the picture, which is `--init` or the first style.

    Raises:
      UserError: mask, picture and other choices do not go together.
    """
    config = settings.config
    if not keeps(config):
        return None
    flag = flag_of(config)
    _refuse_others(flag, content, settings)
    picture = _picture(flag, styles, settings)
    own = not styles or (len(styles) == 1 and np.array_equal(picture, styles[0]))

    height, width = sizes.result_size(config, picture)
    sizes.warn_if_stretched(flag, picture.shape[:2], height, width)
    if config.fill == configs.BORDERS:
        exemplar = picture
        resized = images.resize(picture, height, width)
        inner = _cut(resized.shape[:2], config)
        ring = np.zeros(resized.shape[:2], np.float32)
        resized = resized[inner]
        hole = _borders(resized.shape[:2], config.tile)
        ring[inner] = ~hole
    else:
        exemplar, hole = picture, np.zeros(picture.shape[:2], bool)
        if config.fill:
            hole = _load_hole(settings.fill, picture.shape)
            exemplar = texture_maps.extend_colors(picture, 1.0 - hole)
        resized = images.resize(exemplar, height, width)
        hole = regions.white_pixels(hole.astype(np.float32), height, width) & hole.any()
        if hole.all():
            raise errors.UserError(
                f"--fill: at {width} x {height} pixels nothing of the picture is kept; use a "
                "larger --size or a smaller hole"
            )
        known = 1.0 - hole
        resized, hole, ring = _grow(resized, hole, settings.margins)
        if settings.style_masks:  # say where, near to the hole or far from it
            ring = known

    resized = texture_maps.extend_colors(resized, 1.0 - hole)
    return Canvas(
        kept=kept_pixels.Kept(resized, hole, config.tile),
        exemplar=exemplar if own else None,
        ring=ring if own else None,
    )


def begin(
    kept: kept_pixels.Kept,
    styles: Sequence[np.ndarray],
    style_masks: Sequence[np.ndarray | None],
    seed: int,
) -> tuple[kept_pixels.Kept, list[np.ndarray | None]]:
    """Fills a hole with patches of the styles, from which a synthesis starts.

    Args:
      kept: the picture and its hole.
      styles: the exemplars at the size in which they are used, `[H, W, 3]`.
      style_masks: for each where it is used, `[H, W]` in [0, 1]; None: everywhere.
      seed: of the random numbers.

    Returns:
      The picture with its hole filled; and for each style a mask of what is near those patches: the
      statistics in the hole are those of the same things.
    """
    used = [
        np.ones(style.shape[:2], bool)
        if mask is None
        else regions.white_pixels(mask, *style.shape[:2])
        for style, mask in zip(styles, style_masks, strict=True)
    ]
    rng = np.random.default_rng(seed)
    picture, origins = patches.fill(kept.picture, kept.hole, kept.tile, styles, used, rng)
    masks: list[np.ndarray | None] = []
    for mask, where, taken in zip(style_masks, used, origins, strict=True):
        near = (kept_pixels.dilate(taken, NEAR) & where).astype(np.float32)
        masks.append(near if taken.any() else mask)
    return kept._replace(picture=picture), masks


def style_masks(
    canvas: Canvas | None, styles: Sequence[np.ndarray], settings: choices.Settings
) -> list[np.ndarray | None]:
    """Returns for each style where it is used, `[H, W]` in [0, 1]; None: everywhere.

    Args:
      canvas: of the result; None without one.
      styles: `[H, W, C]`, at the size in which they are used.
      settings: `style_masks`.

    Raises:
      UserError: a mask cannot be used, or is white only in the hole of its picture.
    """
    ring = None if canvas is None else canvas.ring
    if not settings.style_masks:
        return [ring] * len(styles)
    shapes = [style.shape for style in styles]
    masks = regions.load_masks("style_masks", settings.style_masks, shapes)
    return [mask if ring is None else _outside(mask, ring) for mask in masks]


def _outside(mask: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Returns a mask of a style without the hole of that picture."""
    left = np.where(regions.white_pixels(ring, *mask.shape), mask, 0)
    if not (left >= regions.WHITE).any():
        raise errors.UserError("--style_masks: white only in the hole, which is not seen")
    return left.astype(np.float32)


def _refuse_others(flag: str, content: np.ndarray | None, settings: choices.Settings) -> None:
    """Raises if a choice does not go with a picture of which pixels are kept."""
    config = settings.config
    others = {
        "content": content is not None,
        "masks": bool(settings.masks),
        "mix": bool(config.mix),
        "maps": bool(settings.maps),
        "alpha=keep": config.alpha == "keep",
    }
    if config.grow:
        sized = {"height": bool(config.height), "width": bool(config.width)}
        others |= {**sized, flag: config.fill == configs.BORDERS}
        flag = "grow"
    for name, given in others.items():
        if given:
            raise errors.UserError(f"--{flag} and --{name} exclude each other")
    if config.fill == configs.BORDERS and not config.tile:
        raise errors.UserError(f"--fill={configs.BORDERS}: needs --tile=x, y or xy")


def _picture(flag: str, styles: Sequence[np.ndarray], settings: choices.Settings) -> np.ndarray:
    """Returns the picture that is filled or grows, `[H, W, 3]`."""
    init = settings.config.init
    if settings.init is not None:
        picture = settings.init
    elif init and init not in configs.INITS:
        picture = images.load(init)
    elif styles:
        picture = styles[0]
    else:
        raise errors.UserError(f"--{flag}: the picture is missing: --init=picture.png")
    return images.validate(picture, arrays.RGB, f"--{flag}: the picture")


def _load_hole(mask: str | np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns where a mask is white, bool `[H, W]`, at the size of its picture."""
    (loaded,) = regions.load_masks("fill", [mask], [shape])
    hole = regions.white_pixels(loaded, *shape[:2])
    if hole.all():
        name = f"'{mask}'" if isinstance(mask, str) else "an array"
        raise errors.UserError(
            f"--fill: {name} is white everywhere: nothing of the picture would be kept"
        )
    return hole


def _grow(
    picture: np.ndarray, hole: np.ndarray, new: margins.Margins
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Adds margins to a picture and its hole.

    Returns:
      Picture and hole with the margins, and the part of the picture without them that is near to
      the hole, `[H, W]` of 0 and 1.
    """
    rows, columns = picture.shape[:2]
    height, width = rows + sum(new.rows), columns + sum(new.columns)
    if max(new) and height * width > images.MAX_PIXELS:
        raise errors.UserError(
            f"--grow: {columns} x {rows} become {width} x {height} pixels; must be at most "
            f"{images.MAX_PIXELS:,} in total"
        )
    larger = np.pad(picture, (new.rows, new.columns, (0, 0)), "edge")
    made = np.pad(hole, (new.rows, new.columns), constant_values=True)
    near = kept_pixels.dilate(made, max(LEAST_RING, round(np.sqrt(made.sum())))) & ~made
    inside = near[new.top : new.top + rows, new.left : new.left + columns]
    return larger, made, inside.astype(np.float32)


def _borders(size: tuple[int, ...], tile: str) -> np.ndarray:
    """Returns the bands along the borders that a tile joins, bool `[height, width]`."""
    height, width = size
    hole = np.zeros((height, width), bool)
    if "y" in tile:
        band = max(1, height // BAND)
        hole[:band] = hole[-band:] = True
    if "x" in tile:
        band = max(1, width // BAND)
        hole[:, :band] = hole[:, -band:] = True
    return hole


def _cut(size: tuple[int, ...], config: configs.Config) -> tuple[slice, slice]:
    """Returns the rows and columns of a picture that stay; a few at its borders may not.

    The sides of a tile become multiples of 32, unless height or width are given.
    """
    sized = config.height or config.width
    cut = [
        side % TILE_STEP if name in config.tile and side > TILE_STEP and not sized else 0
        for name, side in zip("yx", size, strict=True)
    ]
    if any(cut):
        height, width = (side - pixels for side, pixels in zip(size, cut, strict=True))
        errors.warn_once(
            f"--{flag_of(config)}: the picture is cut from {size[1]} x {size[0]} to "
            f"{width} x {height} pixels"
        )
    rows, columns = (
        slice(pixels // 2, side - (pixels - pixels // 2))
        for pixels, side in zip(cut, size, strict=True)
    )
    return rows, columns
