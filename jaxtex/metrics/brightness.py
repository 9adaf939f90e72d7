"""Brightness of large areas of an image, compared place by place: light and layout."""

import numpy as np

from jaxtex import images
from jaxtex.images import color_transfer
from jaxtex.metrics import patch_extraction

CELLS = 32  # on the longer side: what is smaller belongs to the strokes, not to the picture
DECIMALS = 5  # of a brightness: the rounding of float32 orders nothing
EPSILON = 1e-9  # of the root of sums of squares: a flat image correlates with nothing


@patch_extraction.takes_images
def light(content: np.ndarray, image: np.ndarray) -> float:
    """Returns how much of the content's light and shade an image has lost.

    Both images are reduced to brightness of at most 32 cells on the longer side. The value is 1
    minus Spearman's rank correlation of the cells, so that a style may be darker, paler or of
    higher contrast, as long as what was brighter stays brighter.

    Cannot see anything smaller than a cell, nor colors.

    Args:
      content: `[H, W, 3]`, sRGB in [0, 1]; resized to the image.
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      A number in [0, 2]: 0 for the content itself, 1 for an unrelated or a flat image, 2 for the
      content's negative.

    References:
      Spearman, "The Proof and Measurement of Association between Two Things", American Journal of
      Psychology 15, 1904, for the correlation of ranks. The definition is our own.
    """
    size = _grid_size(image)
    return 1 - _correlation(_ranks(_cells(content, *size)), _ranks(_cells(image, *size)))


@patch_extraction.takes_images
def layout(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns how much of the exemplar's own layout an image repeats, place by place.

    The exemplar is stretched to the shape of the image, and both are reduced to brightness of at
    most 32 cells on the longer side. The value is the correlation of the cells.

    Pictures that have nothing to do with each other may correlate by 0.4: many have a sky above
    land. The value of a result is therefore to be read beside that of its content. Cannot see a
    layout that is shifted; `composition` can.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      A number in [-1, 1]: 1 for the exemplar itself, 0 for a flat image.

    References:
      The definition is our own.
    """
    size = _grid_size(image)
    return _correlation(_cells(exemplar, *size), _cells(image, *size))


def _grid_size(image: np.ndarray) -> tuple[int, int]:
    """Returns rows and columns of the cells of an image."""
    height, width = image.shape[:2]
    factor = min(1.0, CELLS / max(height, width))
    return max(1, round(factor * height)), max(1, round(factor * width))


def _cells(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Returns the brightness of each cell, `[rows * columns]`, float64."""
    brightness = color_transfer.to_gray(image)[..., :1]
    cells = images.resize(brightness, rows, columns).astype(np.float64)
    return np.round(cells, DECIMALS).ravel()


def _ranks(values: np.ndarray) -> np.ndarray:
    """Returns the rank of each value, `[N]`; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Pearson's correlation of two arrays `[N]`; 0 if one of them is constant."""
    first = first - first.mean()
    second = second - second.mean()
    norms = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / norms) if norms > EPSILON else 0.0
