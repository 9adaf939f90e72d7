"""Votes: the colors that patches give to a hole, without a step at its outline.

Around a hole, patches also show colors of kept pixels, and there it is known by how much they are
too bright or too red. That difference is added inside, where it fades from each side to the others.

References:
  Farbman, Fattal and Lischinski, "Convolution Pyramids", ACM TOG 30, 2011, section 5.2: seamless
  cloning as a quotient of two convolutions. Departure: they are computed by Fourier transforms.
"""

import numpy as np

from jaxtex.synthesis.canvas import levels

SHARPNESS = 1.0  # pixels from its center at which a patch counts by exp(-1/2) of what it does there
LEAST = 1e-6  # share of a patch that agrees with nothing around it
NOTHING = 1e-12  # keeps quotients finite


def vote(
    level: levels.Level, places: np.ndarray, matches: np.ndarray, weights: np.ndarray
) -> levels.Level:
    """Returns the level with the mean of what patches show in its hole.

    Args:
      level: the pictures.
      places: that touch the hole, `[T, 2]`.
      matches: the patch at each place, `[H, W]`.
      weights: how much each pixel counts, `[H, W]`.
    """
    height, width = level.hole.shape
    patches = matches[tuple(places.T)]
    shares = _shares(level, places, patches, weights)
    colors = level.source.reshape(-1, 3)
    sums = np.zeros((height, width, 4))
    for offset in levels.OFFSETS:
        pixels, inside = levels.wrap(places + offset, level)
        shown = patches[inside] + offset[0] * level.used.shape[1] + offset[1]
        counts = shares[inside, None] * np.exp(-(offset @ offset) / (2 * SHARPNESS**2))
        # No two patches have the same pixel at one offset.
        sums[tuple(pixels[inside].T)] += np.concatenate([colors[shown] * counts, counts], 1)

    found = sums[..., :3] / np.maximum(sums[..., 3:], NOTHING)
    outline = levels.around(level.hole, 1, level.tile) & ~level.hole
    difference = np.where(outline[..., None], level.picture - found, 0)
    found = np.clip(found + _spread(difference, outline, level.tile), 0, 1)
    picture = np.where(level.hole[..., None], found, level.picture)
    return level._replace(picture=picture.astype(np.float32))


def _shares(
    level: levels.Level, places: np.ndarray, patches: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Returns how much each patch counts, `[T]`: more if it is similar and its center certain."""
    costs = []
    for start in range(0, len(places), levels.CHUNK):
        ours, counts = levels.patches_of(level, places[start : start + levels.CHUNK], weights)
        theirs = levels.source_patches(level, patches[start : start + levels.CHUNK])
        squares = np.sum(counts * np.sum((ours - theirs) ** 2, -1), -1)
        costs.append(squares / counts.sum(-1))
    found = np.concatenate(costs)
    similar = np.exp(-found / (np.quantile(found, 0.75) + NOTHING))
    return similar * weights[tuple(places.T)] + LEAST


def _spread(values: np.ndarray, where: np.ndarray, tile: str) -> np.ndarray:
    """Returns everywhere the mean of values, weighted by the inverse cube of the distance.

    Args:
      values: `[H, W, 3]`, 0 where there is none.
      where: there is a value, bool `[H, W]`.
      tile: axes along which the picture is periodic.
    """
    height, width = where.shape
    sizes = [
        side if name in tile else 2 * side for name, side in zip("yx", where.shape, strict=True)
    ]
    rows, columns = (np.minimum(np.arange(size), size - np.arange(size)) for size in sizes)
    kernel = (rows[:, None] ** 2 + columns**2 + 0.25) ** -1.5
    transformed = np.fft.rfft2(kernel)[..., None]
    both = np.concatenate([values, where[..., None]], -1)
    spread = np.fft.irfft2(np.fft.rfft2(both, sizes, (0, 1)) * transformed, sizes, (0, 1))
    spread = spread[:height, :width]
    return spread[..., :3] / np.maximum(spread[..., 3:], NOTHING)
