"""Patches that fill a hole: parts of exemplars whose pixels agree with those around the hole.

Statistics say nothing of what continues across an outline. Patches of 7 x 7 pixels do: each that
touches the hole is compared with those of the exemplars, and the hole takes the mean of what the
most similar ones show. From coarse to fine, shapes are continued first and then their detail.

References:
  Wexler, Shechtman and Irani, "Space-Time Completion of Video", IEEE TPAMI 29, 2007: patches vote
  for the colors of the hole, in a pyramid. Departures: the coarsest level is first filled layer by
  layer, as by Efros and Leung, "Texture Synthesis by Non-parametric Sampling", ICCV 1999; finer
  levels search near the patches of the level before.
  Barnes, Shechtman, Finkelstein and Goldman, "PatchMatch", ACM TOG 28, 2009: this search, here at
  all positions at once.
"""

from collections.abc import Sequence

import numpy as np

from jaxtex.synthesis.canvas import kept_pixels, levels, votes

DEPTH = 6  # pixels from kept ones to the middle of a hole, at the coarsest level
MIN_SIDE = 16  # pixels of the coarsest level
MIN_PATCHES = 64  # of the exemplars at the coarsest level
POOL = 2**14  # patches of the exemplars that all are compared with at the coarsest level
ROUNDS = 2  # of search and vote at each level; more of them blur
SPREAD = 0.2  # of distances in the first layers, by which the seed chooses among similar patches
REACHES = (16, 4, 1)  # pixels around a patch, within which one more is tried
ROWS = 2**9  # patches of the hole that are compared with the whole pool at once
TINY = 1e-12  # squared difference of patches that are the same


def fill(
    picture: np.ndarray,
    hole: np.ndarray,
    tile: str,
    styles: Sequence[np.ndarray],
    used: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Fills a hole with patches of exemplars.

    Args:
      picture: `[H, W, 3]`, of any color in its hole.
      hole: bool `[H, W]`.
      tile: axes along which the picture is periodic.
      styles: the exemplars, `[h, w, 3]`.
      used: where each is used, bool `[h, w]`.
      rng: chooses among similar patches.

    Returns:
      The picture, `[H, W, 3]`; and for each exemplar where the patches lie, bool `[h, w]`. If all
      regions are smaller than a patch, what was given.
    """
    width = max(style.shape[1] for style in styles)
    # Below one another, with a row between that no patch may contain.
    beyond = [((0, 1), (0, width - style.shape[1])) for style in styles]
    sources = [np.pad(style, (*pad, (0, 0))) for style, pad in zip(styles, beyond, strict=True)]
    masks = [np.pad(mask, pad) for mask, pad in zip(used, beyond, strict=True)]
    level = levels.Level(picture, hole, tile, np.concatenate(sources), np.concatenate(masks))
    if not levels.centers_of(level.used).any():
        return picture, list(used)

    filled, matches = _fill(level, rng)
    taken = np.zeros(level.used.size, bool)
    taken[matches[hole]] = True
    taken = kept_pixels.dilate(taken.reshape(level.used.shape), levels.RADIUS)
    first = np.cumsum([0, *(mask.shape[0] for mask in masks[:-1])])
    return filled, [
        taken[row : row + style.shape[0], : style.shape[1]]
        for row, style in zip(first, styles, strict=True)
    ]


def _fill(level: levels.Level, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Fills a level, after the coarser ones.

    Returns:
      The picture; and the index in the source of the patch at each position that touches the hole,
      `[H, W]`.
    """
    touching = np.argwhere(levels.around(level.hole, levels.RADIUS, level.tile))
    coarser = levels.halved(level)
    is_coarsest = (
        min(coarser.hole.shape) < MIN_SIDE
        or levels.centers_of(coarser.used).sum() < MIN_PATCHES
        or levels.around(~level.hole, DEPTH, level.tile).all()
    )
    pool = np.flatnonzero(levels.centers_of(level.used))
    weights = levels.certainty(level)
    if is_coarsest:
        kept = min(len(pool), POOL)
        pool = pool[np.arange(kept) * len(pool) // kept]
        level = _begin(level, pool, rng)
        matches = np.zeros(level.hole.shape, np.int64)
    else:
        matches = levels.enlarge(_fill(coarser, rng)[1], level)
        level = votes.vote(level, touching, matches, weights)

    for _ in range(ROUNDS):
        if is_coarsest:
            found = _search_all(level, touching, pool, weights)
        else:
            found = _search_near(level, touching, matches, weights, rng)
        matches[tuple(touching.T)] = found
        level = votes.vote(level, touching, matches, weights)
    return level.picture, matches


def _begin(level: levels.Level, pool: np.ndarray, rng: np.random.Generator) -> levels.Level:
    """Fills the coarsest level, one layer of pixels after the other from the outline inward."""
    picture, known = level.picture.copy(), ~level.hole
    while not known.all():
        layer = levels.around(known, 1, level.tile) & ~known
        level = level._replace(picture=picture)
        found = _search_all(level, np.argwhere(layer), pool, known.astype(np.float32), rng)
        picture[layer] = level.source.reshape(-1, 3)[found]
        known |= layer
    return level._replace(picture=picture)


def _search_all(
    level: levels.Level,
    places: np.ndarray,
    pool: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Returns for each place `[T, 2]` the most similar patch of a pool, as indices `[T]`.

    Args:
      level: the pictures.
      places: rows and columns of centers in the picture.
      pool: centers in the source, as indices.
      weights: of the picture's pixels, `[H, W]`.
      rng: makes distances uncertain; None: they are exact.
    """
    theirs = levels.source_patches(level, pool).reshape(len(pool), -1)
    found = []
    for start in range(0, len(places), ROWS):
        ours, counts = levels.patches_of(level, places[start : start + ROWS], weights)
        counts = np.repeat(counts, 3, -1)
        ours = ours.reshape(len(ours), -1)
        costs = counts @ (theirs**2).T - 2 * (counts * ours) @ theirs.T
        costs += np.sum(counts * ours**2, -1, keepdims=True)
        if rng is not None:
            costs = np.maximum(costs, 0) + TINY
            costs *= 1 + SPREAD * rng.random(costs.shape, np.float32)
        found.append(pool[np.argmin(costs, 1)])
    return np.concatenate(found)


def _search_near(
    level: levels.Level,
    places: np.ndarray,
    matches: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns for each place the most similar patch of a few: its own one, those beside the ones of
    its neighbors, and some at random near its own one; the arguments are those of `_search_all`.
    """
    height, width = level.used.shape
    centers = levels.centers_of(level.used).ravel()
    own = matches[tuple(places.T)]
    candidates = [own]
    for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        beside, inside = levels.wrap(places + step, level)
        index = matches[tuple(beside.T)] - step[0] * width - step[1]
        candidates.append(np.where(inside, index, own))
    for reach in REACHES:
        rows, columns = np.divmod(own, width)
        moves = rng.integers(-reach, reach + 1, (2, len(own)))
        rows = np.clip(rows + moves[0], 0, height - 1)
        columns = np.clip(columns + moves[1], 0, width - 1)
        candidates.append(rows * width + columns)

    tried = np.stack(candidates, -1)
    tried = np.where((tried >= 0) & (tried < centers.size), tried, own[:, None])
    tried = np.where(centers[tried], tried, own[:, None])
    found = []
    for start in range(0, len(places), levels.CHUNK):
        ours, counts = levels.patches_of(level, places[start : start + levels.CHUNK], weights)
        part = tried[start : start + levels.CHUNK]
        costs = [
            np.sum(counts * np.sum((ours - levels.source_patches(level, each)) ** 2, -1), -1)
            for each in part.T
        ]
        best = np.argmin(costs, 0)
        found.append(np.take_along_axis(part, best[:, None], 1)[:, 0])
    return np.concatenate(found)
