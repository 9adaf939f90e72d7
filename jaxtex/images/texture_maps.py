"""Maps of one material, made together so that they stay aligned: colours, normals, heights, and transparency.

A set of maps is one image, `[H, W, 3 k]`: three channels of each of k maps, and one more, `[H, W, 3 k + 1]`, where the
first is transparent in places. The network looks at each map by itself, and its features lie side by side: a statistic of
pairs of channels then holds what goes with what.
"""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxtex import errors
from jaxtex.images import io

LEVELS = np.linspace(0, 1, 1025)  # of those quantiles
GREY = 2 / 255  # what channels of a grey map may differ by
UNIT, MOST = (
    0.05,
    0.8,
)  # by which the length of a normal may differ from 1, and the share of those that are so exact


class MapStatistics(NamedTuple):
    """What a map beyond the first had to be changed by, and what it is to be again."""

    mean: np.ndarray  # [3]
    gain: float
    grey: bool  # all of its channels are one
    normals: bool  # its colours are directions: vectors of length 1


class Material(NamedTuple):
    """How the result is brought back to what was given."""

    maps: tuple[MapStatistics, ...] = ()  # those beyond the first
    alpha: np.ndarray | None = (
        None  # the quantiles of the transparency, which then is the last of them
    )


def join_maps(first: np.ndarray, paths: Sequence[str]) -> np.ndarray:
    """A map, or several, and the maps of these files: `[H, W, C]` -> `[H, W, C + 3 n]`.

    Raises:
      UserError: a file cannot be used, or is of another size; or there are too many, or two of one name.
    """
    names = [pathlib.Path(path).stem for path in paths]
    if len(set(names)) < len(names) or len(names) >= io.MAX_MAPS:
        raise errors.UserError(
            f"--maps={','.join(paths)}: at most {io.MAX_MAPS - 1}, each with a name of its own, please"
        )
    found = [first] if first.shape[-1] % 3 == 0 else [first[..., :-1], first[..., -1:]]
    for at, path in enumerate(paths, 1):
        image = io.load(path)
        if image.shape[:2] != first.shape[:2]:
            sizes = [f"{width} x {height}" for height, width in (image.shape[:2], first.shape[:2])]
            raise errors.UserError(
                f"--maps: '{path}' has {sizes[0]} pixels, its style {sizes[1]}: pixel for pixel, please"
            )
        found.insert(at, image)
    return np.concatenate(found, -1)


def normalize_maps(image: np.ndarray) -> tuple[np.ndarray, Material]:
    """Every map with three channels and as much contrast as the first: faint ones would count for nothing.

    Args:
      image: `[H, W, C]` in [0, 1].

    Returns:
      `[H, W, 3 k]`, and how `restored` brings such an image back.
    """
    if image.shape[-1] == 3:
        return image, Material()
    alpha = image.shape[-1] % 3 == 1
    maps = split_maps(
        np.concatenate([image, image[..., -1:], image[..., -1:]], -1) if alpha else image
    )
    first = extend_colors(maps[0], image[..., -1]) if alpha else maps[0]
    known = tuple(_measure_map(each, first.std((0, 1)).mean()) for each in maps[1:])
    levelled = [
        0.5 + (each - about.mean) * about.gain for each, about in zip(maps[1:], known, strict=True)
    ]
    quantiles = np.quantile(image[..., -1], LEVELS) if alpha else None
    return np.concatenate([first, *levelled], -1).astype(np.float32), Material(known, quantiles)


def _measure_map(image: np.ndarray, contrast: float) -> MapStatistics:
    mean = image.mean((0, 1))
    away = image - mean
    gain = min(contrast / max(away.std((0, 1)).mean(), 1e-6), 0.5 / max(np.abs(away).max(), 1e-6))
    lengths = np.linalg.norm(2 * image - 1, axis=-1)
    return MapStatistics(
        mean,
        float(gain),
        np.ptp(image, -1).max() <= GREY,
        np.mean(np.abs(lengths - 1) < UNIT) > MOST,
    )


def restore_maps(image: np.ndarray, material: Material) -> np.ndarray:
    """`[H, W, 3 k]` -> as given to `prepared`: contrast as it was, grey what was grey, normals of length 1.

    As much is transparent, and as clearly: a haze between what is there and what is not would be seen on any ground.
    """
    if not material.maps:
        return image
    maps = split_maps(image)
    maps[1:] = [
        _restore_map(each, about) for each, about in zip(maps[1:], material.maps, strict=True)
    ]
    if material.alpha is not None:
        ranks = np.argsort(np.argsort(maps[-1][..., 0], axis=None)) / (maps[-1][..., 0].size - 1)
        maps[-1] = np.interp(ranks, LEVELS, material.alpha).reshape(*image.shape[:2], 1)
    return np.concatenate(maps, -1).astype(np.float32)


def _restore_map(image: np.ndarray, about: MapStatistics) -> np.ndarray:
    image = (image - 0.5) / about.gain + about.mean
    if about.grey:
        image = np.repeat(image.mean(-1, keepdims=True), 3, -1)
    elif about.normals:
        vectors = 2 * image - 1
        image = 0.5 + 0.5 * vectors / np.maximum(
            np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6
        )
    return np.clip(image, 0, 1)


def split_maps(image: np.ndarray) -> list[np.ndarray]:
    """`[H, W, C]` -> the maps, `[H, W, 3]` each; the first has four channels if there is transparency."""
    parts = [image[..., at : at + 3] for at in range(0, image.shape[-1] // 3 * 3, 3)]
    if image.shape[-1] % 3:
        parts[0] = np.concatenate([parts[0], image[..., -1:]], -1)
    return parts


def extend_colors(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours under what is transparent, from those around it: `[H, W, 3]`, `[H, W]` -> `[H, W, 3]`.

    What a file has there is anything, and on white there would be a border that no one sees.
    """
    if min(alpha.shape) == 1 or alpha.min() > 0 or not alpha.any():
        return colours
    height, width = ((side + 1) // 2 for side in alpha.shape)
    weight = _resized(alpha, height, width)
    sums = np.stack([_resized(colours[..., c] * alpha, height, width) for c in range(3)], -1)
    coarse = extend_colors(sums / np.maximum(weight, 1e-6)[..., None], weight)
    around = np.stack(
        [_resized(coarse[..., c], *alpha.shape, Image.Resampling.BILINEAR) for c in range(3)], -1
    )
    return np.where(alpha[..., None] > 0, colours, around).astype(np.float32)


def _resized(
    plane: np.ndarray, height: int, width: int, how: Image.Resampling = Image.Resampling.BOX
) -> np.ndarray:
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize((width, height), how))


def side_by_side(image: np.ndarray) -> np.ndarray:
    """All maps side by side, `[H, k W, 3]`; transparency as grey, at the end."""
    grey = [np.repeat(image[..., -1:], 3, -1)] if image.shape[-1] % 3 else []
    return np.concatenate([*(each[..., :3] for each in split_maps(image)), *grey], 1)
