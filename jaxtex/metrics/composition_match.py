"""Composition of a texture: whether large light and dark areas lie as they do in its exemplar."""

import numpy as np

from jaxtex import images
from jaxtex.metrics import patch_extraction

CELLS = 32  # pixels of the shorter side of the exemplar, after both images are reduced
WAVES = 8  # per shorter side: finer waves are left out
PLACES = 16  # of the smaller image in the larger one, along each axis
SURROGATES = 32  # exemplars with random phases
PEAK = 5  # radius of a peak of the correlation, in reduced pixels
EPSILON = 1e-4  # of the root of a sum of squares: a flat image correlates with nothing


@patch_extraction.takes_images
def composition(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns how much of the exemplar's composition an image repeats, at one place or another.

    Both images are reduced by the same factor, and waves shorter than an eighth of the exemplar are
    left out. Of the correlation of the smaller image, at `PLACES` positions in the larger one, at
    every cyclic shift, the maximum `r` counts. What `r` is by chance, `n`, is the larger one of

    * the maximum for 32 images with the exemplar's spectrum and random phases, so that soft
      exemplars do not count more than fine ones;
    * the second peak, so that the rows of a regular pattern do not count.

    The value is `(r - n) / (1 - n)`.

    Cannot see copies that are rotated, mirrored or scaled, nor copies of less than half an image. A
    single large object counts as a copy wherever it is.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      A number in [0, 1]: 1 for the exemplar itself, above 0.5 for most of its crops and shifted
      copies, below 0.15 for most other images of the same texture.

    References:
      Theiler, Eubank, Longtin, Galdrikian and Farmer, "Testing for nonlinearity in time series: the
      method of surrogate data", Physica D 58, 1992, for random phases as a test. The definition is
      our own.
    """
    correlations = _cross_spectra(exemplar, image)
    height, width = _common_size(exemplar, image)
    maps = np.fft.irfft2(correlations, (height, width))
    found = maps.max()
    chance = _second_peak(maps)

    rng = np.random.default_rng(0)
    for _ in range(SURROGATES):
        phases = np.fft.rfft2(rng.standard_normal((height, width)))
        surrogate = np.fft.irfft2(correlations * (phases / np.abs(phases)), (height, width))
        chance = max(chance, surrogate.max())
    return float(max(0.0, found - chance) / (1 - chance))


def _reduced_sizes(exemplar: np.ndarray, image: np.ndarray) -> list[tuple[int, int]]:
    """Returns height and width of both images after the reduction."""
    factor = max(1.0, min(exemplar.shape[:2]) / CELLS)
    return [
        (max(2, round(each.shape[0] / factor)), max(2, round(each.shape[1] / factor)))
        for each in (exemplar, image)
    ]


def _common_size(exemplar: np.ndarray, image: np.ndarray) -> tuple[int, int]:
    """Returns height and width of the largest window that fits into both reduced images."""
    (rows, columns), (other_rows, other_columns) = _reduced_sizes(exemplar, image)
    return min(rows, other_rows), min(columns, other_columns)


def _cross_spectra(exemplar: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns the spectrum of the correlation of each pair of windows, `[N, H, W // 2 + 1]`."""
    size = _common_size(exemplar, image)
    of_exemplar, of_image = (
        _spectra(images.resize(each, *reduced), size)
        for each, reduced in zip((exemplar, image), _reduced_sizes(exemplar, image), strict=True)
    )
    cross = np.einsum("nhwc,mhwc->nmhw", of_image, of_exemplar.conj())
    return cross.reshape(-1, *cross.shape[2:])


def _spectra(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the spectra of windows of an image: long waves only, of unit energy."""
    height, width = size
    windows = np.stack(
        [
            image[row : row + height, column : column + width]
            for row in _places(image.shape[0] - height)
            for column in _places(image.shape[1] - width)
        ]
    )
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    waves = CELLS * np.hypot(rows, columns)
    passed = (waves > 0) & (waves < WAVES)

    spectra = np.fft.rfft2(windows, axes=(1, 2)) * passed[..., None]
    smooth = np.fft.irfft2(spectra, size, (1, 2))
    return spectra / (np.sqrt(np.sum(smooth**2, (1, 2, 3), keepdims=True)) + EPSILON)


def _places(last: int) -> np.ndarray:
    """Returns at most `PLACES` indices from 0 to the last one."""
    return np.unique(np.linspace(0, last, PLACES).round().astype(int))


def _second_peak(maps: np.ndarray) -> float:
    """Returns the largest correlation that is not part of the highest peak.

    Args:
      maps: a correlation at each cyclic shift for each pair of windows, `[N, H, W]`.
    """
    height, width = maps.shape[1:]
    best, row, column = np.unravel_index(maps.argmax(), maps.shape)
    rows = (np.arange(height) - row + height // 2) % height - height // 2
    columns = (np.arange(width) - column + width // 2) % width - width // 2

    outside = np.hypot(rows[:, None], columns) > PEAK
    return float(maps[best][outside].max(initial=0.0))
