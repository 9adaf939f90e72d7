"""Flicker of a sequence: how much results change where their contents do not."""

import itertools
from collections.abc import Iterable

import numpy as np

from jaxtex import errors, images
from jaxtex.images import arrays
from jaxtex.runtime import plain_values

UNCHANGED = 1 / 255  # one level of 8 bits


def flicker(
    contents: Iterable[np.ndarray], results: Iterable[np.ndarray], threshold: float = UNCHANGED
) -> float:
    """Returns the mean absolute change between consecutive results where the content is the same.

    >>> flicker(frames, sequence) / flicker(frames, independent)
    0.02

    Cannot see whether the results look like the style: a sequence of one color has no flicker.

    Args:
      contents: frames before the transfer, at least two, each `[H, W, 3]` in [0, 1], at the size
        of the results.
      results: the same frames after it, each `[H, W, 3]` in [0, 1].
      threshold: a pixel is the same if the mean of its absolute changes over the channels is below.

    Returns:
      A value in [0, 1]: 0 if nothing flickers. Independent white noise has 1/3.

    Raises:
      UserError: the numbers or sizes of the frames differ, no pixel stays the same, or an argument
        is of another type.

    References:
      Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016,
      https://arxiv.org/abs/1604.08610, measure the mean squared difference along the true optical
      flow. Departures: the absolute difference, and only pixels that do not move.
    """
    fits = "must be a list of frames"
    frames = plain_values.convert("contents", contents, list, fits)
    restyled = plain_values.convert("results", results, list, fits)
    threshold = plain_values.convert(
        "threshold", threshold, plain_values.to_float, "must be a number"
    )
    if len(frames) != len(restyled) or len(frames) < 2:
        raise errors.UserError(
            f"flicker: {len(frames)} contents and {len(restyled)} results; must be as many, at "
            "least two"
        )
    frames = [images.validate(frame, arrays.RGB, "a content") for frame in frames]
    restyled = [images.validate(frame, arrays.RGB, "a result") for frame in restyled]
    shapes = {image.shape for image in (*frames, *restyled)}
    if len(shapes) > 1:
        sizes = ", ".join(sorted(f"{width} x {height}" for height, width, _ in shapes))
        raise errors.UserError(f"flicker: all frames must have one size, got {sizes} pixels")

    changes = []
    pairs = zip(itertools.pairwise(frames), itertools.pairwise(restyled), strict=True)
    for (before, after), (result_before, result_after) in pairs:
        # Rounded, so that equal differences of levels are equal.
        same = np.abs(after - before).mean(-1).round(6) < round(threshold, 6)
        changes.append(np.abs(result_after - result_before)[same].ravel())
    changed = np.concatenate(changes)
    if not changed.size:
        raise errors.UserError(
            f"flicker: no pixel of the contents changes by less than {threshold}"
        )
    return float(changed.mean(dtype=np.float64))
