"""Levels of a pyramid: a picture with a hole, exemplars, and patches of both.

A place is a row and a column of the picture. A patch of the exemplars is given by the index of its
center in their pixels, row after row.
"""

from typing import NamedTuple

import numpy as np

from jaxtex.synthesis.canvas import kept_pixels

RADIUS = 3  # pixels from the center of a patch to its sides
FADE = 1.3  # a pixel counts that many times less with each pixel from kept ones
FAR = 12  # pixels from kept ones beyond which all count alike
CHUNK = 2**15  # patches that are compared at once
# Rows and columns of a patch's pixels from its center, `[P, 2]`.
OFFSETS = np.argwhere(np.ones((2 * RADIUS + 1, 2 * RADIUS + 1))) - RADIUS


class Level(NamedTuple):
    """Picture and exemplars at one size.

    Attributes:
      picture: `[H, W, 3]`.
      hole: bool `[H, W]`.
      tile: axes along which the picture is periodic.
      source: the exemplars in one image, `[h, w, 3]`.
      used: where it is used, bool `[h, w]`.
    """

    picture: np.ndarray
    hole: np.ndarray
    tile: str
    source: np.ndarray
    used: np.ndarray


def patches_of(
    level: Level, places: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns patches of the picture, `[T, P, 3]`, and how much each pixel counts, `[T, P]`.

    Args:
      level: the picture at one size.
      places: centers of the patches, row and column, `[T, 2]`.
      weights: how much each pixel counts, `[H, W]`.
    """
    pixels, inside = wrap(places[:, None] + OFFSETS, level)
    rows, columns = pixels[..., 0], pixels[..., 1]
    return level.picture[rows, columns], weights[rows, columns] * inside


def source_patches(level: Level, centers: np.ndarray) -> np.ndarray:
    """Returns patches of the source at centers given as indices, `[T, P, 3]`.

    Args:
      level: the source at one size.
      centers: indices into the flat source, `[T]`.
    """
    moves = OFFSETS[:, 0] * level.used.shape[1] + OFFSETS[:, 1]
    return level.source.reshape(-1, 3)[centers[:, None] + moves]


def wrap(places: np.ndarray, level: Level) -> tuple[np.ndarray, np.ndarray]:
    """Returns places at the opposite border, where the picture is periodic.

    Args:
      places: row and column, `[..., 2]`, inside or outside.
      level: the picture at one size.

    Returns:
      Places in the picture; and which were inside or are periodic, bool `[...]`.
    """
    sides = np.array(level.hole.shape)
    wrapped = places % sides
    periodic = np.array(["y" in level.tile, "x" in level.tile])
    return wrapped, np.all(periodic | (wrapped == places), -1)


def certainty(level: Level) -> np.ndarray:
    """Returns how much each pixel counts: 1 if it is kept, less inside the hole, `[H, W]`."""
    weights = np.ones(level.hole.shape, np.float32)
    known = ~level.hole
    for _ in range(FAR):
        weights[~known] /= FADE
        known = around(known, 1, level.tile)
    return weights


def around(region: np.ndarray, radius: int, tile: str) -> np.ndarray:
    """Returns all pixels within a distance of a region, also across periodic borders.

    Args:
      region: bool `[H, W]`.
      radius: the distance, in pixels.
      tile: axes along which the picture is periodic.
    """
    for axis, name in enumerate("yx"):
        widths = [(0, 0), (0, 0)]
        widths[axis] = (radius, radius)
        region = np.pad(region, widths, "wrap" if name in tile else "edge")
    inner = slice(radius, -radius)
    return kept_pixels.dilate(region, radius)[inner, inner]


def centers_of(used: np.ndarray) -> np.ndarray:
    """Returns where patches lie inside a region: their centers, bool `[h, w]`."""
    outside = np.pad(~used, RADIUS, constant_values=True)
    return ~kept_pixels.dilate(outside, RADIUS)[RADIUS:-RADIUS, RADIUS:-RADIUS]


def halved(level: Level) -> Level:
    """Returns the level at half the size; what is partly hole is hole, or is not used."""
    rows, columns = (side % 2 for side in level.hole.shape)
    picture = np.pad(level.picture, ((0, rows), (0, columns), (0, 0)), "edge")
    hole = np.pad(level.hole, ((0, rows), (0, columns)), "edge")
    height, width = (side // 2 * 2 for side in level.used.shape)
    return level._replace(
        picture=_cells(picture).mean((1, 3)),
        hole=np.asarray(_cells(hole).any((1, 3))),
        source=_cells(level.source[:height, :width]).mean((1, 3)),
        used=np.asarray(_cells(level.used[:height, :width]).all((1, 3))),
    )


def _cells(plane: np.ndarray) -> np.ndarray:
    """Returns the cells of 2 x 2 pixels of a plane, `[H / 2, 2, W / 2, 2, ...]`."""
    height, width = (side // 2 for side in plane.shape[:2])
    return plane.reshape(height, 2, width, 2, *plane.shape[2:])


def enlarge(coarse: np.ndarray, level: Level) -> np.ndarray:
    """Returns the patches that those of the coarser level stand for, `[H, W]`.

    Args:
      coarse: the patch at each place of the coarser level.
      level: to which they are enlarged.
    """
    rows, columns = np.indices(level.hole.shape)
    found = coarse[rows // 2, columns // 2]
    coarse_rows, coarse_columns = np.divmod(found, level.used.shape[1] // 2)
    return (2 * coarse_rows + rows % 2) * level.used.shape[1] + 2 * coarse_columns + columns % 2
