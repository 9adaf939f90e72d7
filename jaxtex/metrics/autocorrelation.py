"""Arrangement of a texture: whether its elements stand in the rows and courses of its exemplar."""

import numpy as np

from jaxtex.images import color_transfer
from jaxtex.metrics import patch_extraction
from jaxtex.statistics import autocovariance

LEAST, MOST = 3 / 64, 7 / 16  # lags, in shorter sides of the smaller image: 12 to 112 of 256 pixels
EPSILON = 1e-8  # added to variances: a flat image correlates with nothing


@patch_extraction.takes_images
def arrangement(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns the error of an image's autocorrelation at long lags.

    The autocorrelation is that of brightness, and of the strength of edges; the value is the mean
    of the two errors. An error is the root of the sum of squared differences over all lags of 3/64
    to 7/16 of the shorter side of the smaller image, over the root of the exemplar's sum of
    squares. Each lag is averaged over the pixels that have a partner at it (the unbiased
    estimate), so images of different sizes compare.

    It says something of regular exemplars, such as tiles, weaves and bricks. Irregular ones have
    an autocorrelation of chance, and other images of theirs a value of about 1 to 1.5.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      A number, 0 or more: 0 for the exemplar, 1 for an image whose elements stand anywhere.

    References:
      Gonthier, Gousseau and Ladjal, "High-Resolution Neural Texture Synthesis with Long-Range
      Constraints", JMIV 2022, https://arxiv.org/abs/2008.01808, match autocorrelations. The
      definition is our own.
    """
    side = min(*exemplar.shape[:2], *image.shape[:2])
    found = []
    for expected, actual in zip(_signals(exemplar), _signals(image), strict=True):
        target, other = (at_lags(each, LEAST * side, MOST * side) for each in (expected, actual))
        energy = np.sum(target**2) + EPSILON
        found.append(np.sqrt(np.sum((target - other) ** 2) / energy))
    return float(np.mean(found))


def at_lags(signal: np.ndarray, least: float, most: float) -> np.ndarray:
    """Returns the unbiased autocorrelation at the lags of a ring, one of each pair of opposites.

    Args:
      signal: `[H, W]`.
      least: length of the shortest lag, in pixels.
      most: length of the longest lag, less than both sides.

    Returns:
      `[N]`; 1 is the correlation at lag 0.
    """
    centered = (signal - signal.mean())[..., None]
    far = int(most)
    found = autocovariance.at_lags(centered, far, far)[..., 0]
    rows, columns = np.arange(far + 1)[:, None], np.arange(-far, far + 1)
    lengths = np.hypot(rows, columns)
    ring = (lengths >= least) & (lengths <= most) & ((columns > 0) | (rows > 0))
    return found[ring] / (centered.var() + EPSILON)


def _signals(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the brightness and the strength of its edges, `[H, W]` each, float64."""
    brightness = np.asarray(image, np.float64) @ np.asarray(color_transfer.LUMINANCE)
    return brightness, np.hypot(*np.gradient(brightness))
