"""Visibility of the outline of a hole that was filled, or of any region."""

import numpy as np

from jaxtex import errors
from jaxtex.images import arrays

NEAR = 24  # pixels from the outline within which lines are compared with it
APART = 2  # pixels: nearer lines may belong to the outline
MIN_SIDE = 4  # pixels: one line with a step before and after it
EPSILON = 1e-5  # keeps the ratio of an image of one color finite


def outline(mask: np.ndarray, image: np.ndarray) -> float:
    """Returns how visible the outline of a region is.

    At each line between two pixels, the step across is compared with the mean of the steps before
    and after it, as in `seam`. The value is the root mean square along the outline divided by that
    of the lines within 24 pixels of it, on both sides.

    Cannot see shapes that are cut in half at the outline, if the colors on both sides are alike.

    Args:
      mask: the region, `[H, W]` in [0, 1], white from 0.5 on.
      image: `[H, W, 3]`, sRGB in [0, 1].

    Returns:
      0 and up. About 1 where nothing is seen; a paler patch of a smooth image is far above.

    Raises:
      UserError: mask and image have different sizes or are too small, or the mask has no outline,
        or nothing beside it.

    References:
      The definition is our own.
    """
    region = arrays.check_mask(mask) >= 0.5
    image = arrays.check(image)
    if region.shape != image.shape[:2]:
        sizes = [f"{array.shape[1]} x {array.shape[0]}" for array in (region, image)]
        raise errors.UserError(
            f"outline: mask and image must have one size, got {' and '.join(sizes)} pixels"
        )
    if min(region.shape) < MIN_SIDE:
        size = f"{region.shape[1]} x {region.shape[0]} pixels"
        raise errors.UserError(f"outline: {size}; must be at least {MIN_SIDE} on each side")
    lines = [_lines(region, image), _lines(region.T, image.swapaxes(0, 1))]
    along, near = (np.concatenate(parts) for parts in zip(*lines, strict=True))
    if not along.size:
        raise errors.UserError("outline: the mask has no outline inside the image")
    if not near.size:
        raise errors.UserError("outline: the mask has its outline everywhere, nothing beside it")
    return float(np.sqrt(along.mean()) / (np.sqrt(near.mean()) + EPSILON))


def _lines(region: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the squared bends at vertical lines between pixels: along the outline, and near it.

    Args:
      region: bool `[H, W]`.
      image: `[H, W, 3]`.
    """
    steps = np.diff(image.astype(np.float64), axis=1)
    bends = steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2
    squares = np.mean(bends**2, -1)
    along = (region[:, 1:] != region[:, :-1])[:, 1:-1]
    near = _within(along, NEAR) & ~_within(along, APART)
    return squares[along], squares[near]


def _within(lines: np.ndarray, distance: int) -> np.ndarray:
    """Returns all lines of a row within a distance of given ones, bool `[H, W]`."""
    padded = np.pad(lines, ((0, 0), (distance, distance)))
    return np.any(np.lib.stride_tricks.sliding_window_view(padded, 2 * distance + 1, 1), -1)
