"""Texture maps of one material, synthesized together so that they stay aligned.

A set of k maps (colors, normals, heights) is one image, `[H, W, 3 k]`: three channels per map. If
the first map has transparency, its alpha is one more channel, `[H, W, 3 k + 1]`. The network is
applied to each map by itself, and the features of all maps are concatenated: a statistic of pairs
of channels then captures which features of different maps occur together.
"""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxtex import errors
from jaxtex.images import arrays, color_transfer, io

QUANTILES = np.linspace(0, 1, 1025)  # at which the distribution of alpha is kept
UNIT_TOLERANCE = 0.05  # deviation from length 1 of a normal, which 8 bits round
UNIT_SHARE = 0.8  # of the pixels of a normal map that are within the tolerance
FLAT = 1 / 255  # contrast below which the first map is flat; the others then have `PLAIN`
PLAIN = 0.1
SMALLEST = 1e-6  # lower bound of divisors


class MapStatistics(NamedTuple):
    """Statistics of a map beyond the first, with which `restore_maps` undoes its normalization."""

    mean: np.ndarray  # [3]
    gain: float  # factor of its contrast
    gray: bool  # all three channels are equal
    normals: bool  # colors are directions: vectors of length 1


class Material(NamedTuple):
    """Statistics of a set of maps, with which `restore_maps` undoes `normalize_maps`."""

    maps: tuple[MapStatistics, ...] = ()  # of the maps beyond the first, alpha as the last
    alpha: np.ndarray | None = None  # alpha at `QUANTILES`; None if opaque


def join_maps(first: np.ndarray, others: Sequence[str | np.ndarray]) -> np.ndarray:
    """Appends maps to an image.

    Args:
      first: one map or several, `[H, W, C]` in [0, 1].
      others: n further maps with the same height and width: paths, or `[H, W, 3]` in [0, 1].

    Returns:
      `[H, W, C + 3 n]`; alpha stays the last channel.

    Raises:
      UserError: a file cannot be read or has another size, two files have equal names, or there are
        too many.
    """
    first = arrays.check(first, io.MAPS)
    paths = [other for other in others if isinstance(other, str)]
    names = [pathlib.Path(path).stem for path in paths]
    if len(set(names)) < len(names) or len(others) >= io.MAX_MAPS:
        text = f"must be at most {io.MAX_MAPS - 1} files, each with a name of its own"
        raise errors.UserError(f"--maps={','.join(paths)}: {text}")

    transparent = first.shape[-1] % 3 != 0
    maps = [first[..., :-1] if transparent else first]
    for number, other in enumerate(others, 1):
        if isinstance(other, str):
            name, image = f"'{other}'", io.load(other)
        else:
            name = f"map {number}"
            image = arrays.check(other, what=f"--maps: {name}")
        if image.shape[:2] != first.shape[:2]:
            size = f"{image.shape[1]} x {image.shape[0]} pixels"
            style_size = f"{first.shape[1]} x {first.shape[0]}"
            text = f"{name} has {size}; must have the size of its style, {style_size}"
            raise errors.UserError(f"--maps: {text}")
        maps.append(image)
    if transparent:
        maps.append(first[..., -1:])
    return np.concatenate(maps, -1)


def normalize_maps(image: np.ndarray) -> tuple[np.ndarray, Material]:
    """Gives each map three channels and the contrast of the first, unless that one is flat.

    Without this, a statistic would ignore faint maps.

    Args:
      image: `[H, W, C]` in [0, 1].

    Returns:
      `[H, W, 3 k]`, and the statistics that `restore_maps` needs.
    """
    image = arrays.check(image, io.MAPS)
    if image.shape[-1] == 3:
        return image, Material()

    transparent = image.shape[-1] % 3 == 1
    if transparent:
        alpha = image[..., -1]
        gray_alpha = np.concatenate([image, image[..., -1:], image[..., -1:]], -1)
        maps = split_maps(gray_alpha)
        first = extend_colors(maps[0], alpha)
        quantiles = np.quantile(alpha, QUANTILES)
    else:
        maps = split_maps(image)
        first = maps[0]
        quantiles = None

    contrast = first.std((0, 1)).mean()
    if contrast < FLAT:
        contrast = PLAIN
    measured = tuple(_measure_map(each, contrast) for each in maps[1:])
    normalized = [first]
    for each, stats in zip(maps[1:], measured, strict=True):
        normalized.append(0.5 + (each - stats.mean) * stats.gain)
    return np.concatenate(normalized, -1).astype(np.float32), Material(measured, quantiles)


def restore_maps(image: np.ndarray, material: Material) -> np.ndarray:
    """Undoes `normalize_maps` on an image with similar statistics, such as a synthesis of it.

    The contrast is as before, gray maps are gray, normals have length 1. Alpha has the distribution
    that it had, by rank: halfway alpha where there was none would show on any background.

    Args:
      image: `[H, W, 3 k]`.
      material: from `normalize_maps`.

    Returns:
      `[H, W, C]` as was given to `normalize_maps`, float32 in [0, 1].
    """
    image = arrays.check(image, arrays.ANY)
    if not material.maps:
        return image

    maps = split_maps(image)
    restored = [maps[0]]
    for each, stats in zip(maps[1:], material.maps, strict=True):
        restored.append(_restore_map(each, stats))

    if material.alpha is not None:
        alpha = restored[-1][..., 0]
        ranks = np.argsort(np.argsort(alpha, axis=None)) / (alpha.size - 1)
        matched = np.interp(ranks, QUANTILES, material.alpha)
        restored[-1] = matched.reshape(*image.shape[:2], 1)
    return np.concatenate(restored, -1).astype(np.float32)


def split_maps(image: np.ndarray) -> list[np.ndarray]:
    """Splits `[H, W, C]` into maps, `[H, W, 3]` each; with alpha the first is `[H, W, 4]`."""
    image = arrays.check(image, arrays.ANY)
    maps = [image[..., at : at + 3] for at in range(0, image.shape[-1] // 3 * 3, 3)]
    if image.shape[-1] % 3:
        maps[0] = np.concatenate([maps[0], image[..., -1:]], -1)
    return maps


def side_by_side(image: np.ndarray) -> np.ndarray:
    """Places all maps of `[H, W, C]` side by side, `[H, k W, 3]`; alpha as gray at the right."""
    image = arrays.check(image, arrays.ANY)
    views = [each[..., :3] for each in split_maps(image)]
    if image.shape[-1] % 3:
        views.append(np.repeat(image[..., -1:], 3, -1))
    return np.concatenate(views, 1)


def extend_colors(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Fills transparent pixels with the colors around them.

    The colors that a file stores there are arbitrary, and a white fill would add an edge that
    nobody sees in the image. The fill comes from a pyramid, each level of which averages the
    visible colors of the one below.

    Args:
      colors: `[H, W, 3]`.
      alpha: `[H, W]` in [0, 1].

    Returns:
      `[H, W, 3]`, unchanged where alpha is above 0.
    """
    return _extend_colors(arrays.check(colors), arrays.check_mask(alpha, "alpha"))


def _extend_colors(colors: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Fills transparent pixels at one level of the pyramid."""
    if min(alpha.shape) == 1 or alpha.min() > 0 or not alpha.any():
        return colors

    height, width = ((side + 1) // 2 for side in alpha.shape)
    weight = _resize_plane(alpha, height, width)
    sums = _resize_planes(colors * alpha[..., None], height, width)
    coarse = _extend_colors(sums / np.maximum(weight, SMALLEST)[..., None], weight)

    rows, columns = alpha.shape
    around = _resize_planes(coarse, rows, columns, Image.Resampling.BILINEAR)
    return np.where(alpha[..., None] > 0, colors, around).astype(np.float32)


def _measure_map(image: np.ndarray, contrast: float) -> MapStatistics:
    """Measures one map, `[H, W, 3]`, and the gain that gives it a contrast within [0, 1]."""
    mean = image.mean((0, 1))
    deviation = image - mean
    gain = min(
        contrast / max(deviation.std((0, 1)).mean(), SMALLEST),
        0.5 / max(np.abs(deviation).max(), SMALLEST),
    )
    lengths = np.linalg.norm(2 * image - 1, axis=-1)
    return MapStatistics(
        mean,
        float(gain),
        gray=np.ptp(image, -1).max() <= color_transfer.GRAY,
        normals=np.mean(np.abs(lengths - 1) < UNIT_TOLERANCE) > UNIT_SHARE,
    )


def _restore_map(image: np.ndarray, stats: MapStatistics) -> np.ndarray:
    """Undoes the normalization of one map, `[H, W, 3]`."""
    image = (image - 0.5) / stats.gain + stats.mean
    if stats.gray:
        image = np.repeat(image.mean(-1, keepdims=True), 3, -1)
    elif stats.normals:
        vectors = 2 * image - 1
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        image = 0.5 + 0.5 * vectors / np.maximum(lengths, SMALLEST)
    return np.clip(image, 0, 1)


def _resize_planes(
    image: np.ndarray, height: int, width: int, how: Image.Resampling = Image.Resampling.BOX
) -> np.ndarray:
    """Resizes each channel of `[H, W, C]` without clipping."""
    planes = [_resize_plane(image[..., c], height, width, how) for c in range(image.shape[-1])]
    return np.stack(planes, -1)


def _resize_plane(
    plane: np.ndarray, height: int, width: int, how: Image.Resampling = Image.Resampling.BOX
) -> np.ndarray:
    """Resizes one channel, `[H, W]`, without clipping."""
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize((width, height), how))
