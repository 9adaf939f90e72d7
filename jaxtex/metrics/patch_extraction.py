"""Patches and octaves of images `[H, W, 3]`; the check of images, and a cache of their results."""

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import jax
import numpy as np

from jaxtex import errors, images
from jaxtex.images import arrays

REDUCTIONS = (1, 2, 4)  # factors by which the sides of an image are divided
CACHED_IMAGES = 16  # results kept per function: an exemplar and a grid of its results
SAMPLES = 8192  # patches; all patches change a distance by hundredths, see performance.md
MAX_PROPORTION_ERROR = 0.02  # by which a content may be stretched unsaid
# Parameters of metrics that are images, and how messages call them.
IMAGES = {"exemplar": "an exemplar image", "content": "a content", "image": "an image"}

Result = TypeVar("Result")
Options = ParamSpec("Options")


def takes_images(metric: Callable[Options, float]) -> Callable[Options, float]:
    """Decorates a metric: its images are validated, and a content is resized to the image.

    Args:
      metric: function of two images, `exemplar` or `content` and `image`, and of options.
    """
    signature = inspect.signature(metric)

    @functools.wraps(metric)
    def checked(*args: Options.args, **options: Options.kwargs) -> float:
        given = signature.bind(*args, **options)
        for name, what in IMAGES.items():
            if name in given.arguments:
                given.arguments[name] = images.validate(given.arguments[name], arrays.RGB, what)
        if "content" in given.arguments:
            fitted = fit_content(given.arguments["content"], given.arguments["image"])
            given.arguments["content"] = fitted
        with jax.transfer_guard("allow"):
            return metric(*given.args, **given.kwargs)

    return checked


def fit_content(content: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Resizes a content to the image it is compared with; warns, once, if that stretches it.

    Args:
      content: `[H, W, 3]`.
      image: `[H', W', 3]`.

    Returns:
      `[H', W', 3]`.
    """
    rows, columns = content.shape[:2]
    height, width = image.shape[:2]
    fitting = rows * width / columns
    if abs(fitting - height) > max(1, MAX_PROPORTION_ERROR * height):
        errors.warn_once(
            f"content: {columns} x {rows} pixels are stretched to {width} x {height}, those of the "
            "image that is compared with it"
        )
    return images.resize(content, height, width)


def cached_by_image(function: Callable[..., Result]) -> Callable[..., Result]:
    """Caches a function of an image and hashable options, keyed by the pixels of the image.

    Args:
      function: called as `function(image, *options)`; receives the image as a read-only float32
        array.

    Returns:
      A function of the same arguments that keeps the `CACHED_IMAGES` most recent results.
    """

    @functools.lru_cache(CACHED_IMAGES)
    def compute(pixels: bytes, shape: tuple[int, ...], *options) -> Result:
        return function(np.frombuffer(pixels, np.float32).reshape(shape), *options)

    @functools.wraps(function)
    def cached(image: np.ndarray, *options) -> Result:
        return compute(np.asarray(image, np.float32).tobytes(), image.shape, *options)

    return cached


def octaves(image: np.ndarray, min_side: int) -> Iterator[np.ndarray]:
    """Yields the image at full, half and quarter size.

    Args:
      image: `[H, W, 3]`.
      min_side: pixels; sizes whose shorter side is smaller are left out.

    Yields:
      `[H / factor, W / factor, 3]`, rounded down, from large to small.
    """
    for factor in REDUCTIONS:
        height = image.shape[0] // factor
        width = image.shape[1] // factor
        if min(height, width) >= min_side:
            yield images.resize(image, height, width)


def extract_patches(
    image: np.ndarray, size: int, positions: np.ndarray | None = None
) -> np.ndarray:
    """Returns square patches of an image, each as one row.

    Args:
      image: `[H, W, 3]`.
      size: side of a patch, in pixels.
      positions: indices of patches in row-major order of their top left corners, `[N]`; by
        default all of them.

    Returns:
      `[N, size * size * 3]`.
    """
    grid = np.lib.stride_tricks.sliding_window_view(image, (size, size), (0, 1))
    grid = grid.transpose(0, 1, 3, 4, 2)  # [H', W', size, size, 3]

    if positions is not None:
        grid = grid[np.divmod(positions, grid.shape[1])]
    return grid.reshape(-1, size * size * 3)


def sample_patches(image: np.ndarray, size: int) -> np.ndarray:
    """Returns at most `SAMPLES` patches, at the same positions in every image of one size.

    Args:
      image: `[H, W, 3]`.
      size: side of a patch, in pixels.

    Returns:
      `[N, size * size * 3]`.
    """
    count = (image.shape[0] - size + 1) * (image.shape[1] - size + 1)
    positions = np.random.default_rng(0).choice(count, min(SAMPLES, count), replace=False)
    return extract_patches(image, size, np.sort(positions))
