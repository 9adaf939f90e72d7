"""An image looked at through windows and in octaves; what was found in one is remembered."""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from jaxtex import images

OCTAVES = (1, 2, 4)  # by which an image is reduced
OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt(
    [[3], [2], [6]]
)  # brightness and two colours
CACHED_IMAGES = 16  # images
SAMPLES = 8192  # positions that are looked at; all of them change a distance by hundredths, see docs/metrics.md


def cached_by_image(function: Callable) -> Callable:
    """Keeps the last results of a function of an image (and hashable options), by what the image holds."""

    @functools.lru_cache(CACHED_IMAGES)
    def kept(pixels: bytes, shape: tuple[int, ...], *options):
        return function(np.frombuffer(pixels, np.float32).reshape(shape), *options)

    return lambda image, *options: kept(
        np.asarray(image, np.float32).tobytes(), image.shape, *options
    )


def octaves(image: np.ndarray, smallest: int) -> Iterator[np.ndarray]:
    """The image at full, half and quarter size, as long as its shorter side has `smallest` pixels."""
    for factor in OCTAVES:
        height, width = image.shape[0] // factor, image.shape[1] // factor
        if min(height, width) >= smallest:
            yield images.resize(image, height, width)


def windows(image: np.ndarray, size: int, at: np.ndarray | None = None) -> np.ndarray:
    """The patches of `size` x `size` pixels, all or those at some positions: `[N, size * size * 3]`."""
    seen = np.lib.stride_tricks.sliding_window_view(image, (size, size), (0, 1)).transpose(
        0, 1, 3, 4, 2
    )
    seen = seen if at is None else seen[np.divmod(at, seen.shape[1])]
    return seen.reshape(-1, size * size * 3)


def sample_windows(image: np.ndarray, size: int) -> np.ndarray:
    """`windows` at `SAMPLES` positions, the same ones in every image of this size."""
    positions = (image.shape[0] - size + 1) * (image.shape[1] - size + 1)
    chosen = np.random.default_rng(0).choice(positions, min(SAMPLES, positions), replace=False)
    return windows(image, size, np.sort(chosen))
