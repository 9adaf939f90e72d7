"""How near a texture comes to its exemplar, by what was not optimised."""

import numpy as np

from jaxtex import images


def measure(exemplar: np.ndarray, image: np.ndarray) -> dict[str, float]:
    """Each measure by its name; images are `[H, W, 3]` in [0, 1]."""
    return {"patches": patch_distance(exemplar, image)}


def patch_distance(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Sliced Wasserstein-2 squared between 7x7 patches at full, half and quarter size; noise of the same colours is 1."""
    noise = np.random.default_rng(1).normal(exemplar.mean((0, 1)), exemplar.std((0, 1)), exemplar.shape).clip(0, 1)
    return float(np.mean([_sliced(exemplar, image, f) / _sliced(exemplar, noise, f) for f in (1, 2, 4)]))


def _sliced(a: np.ndarray, b: np.ndarray, factor: int) -> float:
    directions = np.random.default_rng(0).standard_normal((147, 128))
    directions /= np.linalg.norm(directions, axis=0)
    sides = [tuple(side // factor for side in image.shape[:2]) for image in (a, b)]
    quantiles = [_quantiles(images.resize(image, *side), directions) for image, side in zip((a, b), sides, strict=True)]
    return float(np.mean((quantiles[0] - quantiles[1]) ** 2))


def _quantiles(image: np.ndarray, directions: np.ndarray) -> np.ndarray:
    patches = np.lib.stride_tricks.sliding_window_view(image, (7, 7), (0, 1)).reshape(-1, 147)
    return np.quantile(patches @ directions, np.linspace(0, 1, 257), axis=0)
