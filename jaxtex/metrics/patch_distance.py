"""Sliced Wasserstein distance between the patches of two images, along whitened directions."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxtex.metrics import patch_extraction
from jaxtex.statistics import quantiles

PATCH_SIDE = 7  # pixels
LEVELS = 256  # points of a quantile function, at (i + 1/2) / 256
RIDGE = 1e-3  # of the largest patch variance: bounds the gain of whitening, see performance.md
EPSILON = 1e-6  # a variance below rounding: keeps the ratios of flat images finite


class _Octave(NamedTuple):
    """Exemplar at one size. D is `PATCH_SIDE**2 * 3`, that is 147."""

    directions: np.ndarray  # columns of the whitening matrix, [D, D]
    quantiles: np.ndarray  # of the exemplar's patches along each direction, [D, 256]
    noise: float  # distance of the exemplar's shuffled pixels


@patch_extraction.takes_images
def patches(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns the squared Wasserstein-2 distance between the 7x7 patches of two images.

    Patches are projected onto the 147 columns of the symmetric whitening matrix of the exemplar's
    patches; each column is a pixel minus its prediction from the other pixels. Along each
    direction, the distance is in units of the exemplar's variance. The mean over directions, at
    full, half and quarter size, is divided by the same mean for the exemplar's shuffled pixels.

    Cannot see structures larger than 28 pixels, nor how patches are arranged.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      0 for equal distributions of patches, 1 for noise of the same colors; larger if the image
      varies in ways that the exemplar does not.

    References:
      Heitz, Vanhoey, Chambon and Belcour, "A Sliced Wasserstein Loss for Neural Texture
      Synthesis", CVPR 2021, https://arxiv.org/abs/2006.07229, for network features. Elnekave and
      Weiss, "Generating Natural Images with Direct Patch Distributions Matching", ECCV 2022,
      https://arxiv.org/abs/2203.11862, for patches at several sizes. Departure: whitened
      directions replace random ones, along which images of equal covariance look alike and most
      of the distance is brightness (docs/development/performance.md).
    """
    target = _extract_target(exemplar)
    octaves = patch_extraction.octaves(image, PATCH_SIDE)

    distances = [
        _quantile_distance(octave.quantiles, _project(reduced, octave.directions))
        for octave, reduced in zip(target, octaves, strict=True)
    ]
    noise = sum(octave.noise for octave in target)
    return float(np.sum(distances) / (noise + EPSILON))


@patch_extraction.cached_by_image
def _extract_target(exemplar: np.ndarray) -> list[_Octave]:
    """Returns the directions and quantile functions of an exemplar at each size."""
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(exemplar.reshape(-1, 3)).reshape(exemplar.shape)
    sizes = zip(
        patch_extraction.octaves(exemplar, PATCH_SIDE),
        patch_extraction.octaves(shuffled, PATCH_SIDE),
        strict=True,
    )

    target = []
    for reduced, noise in sizes:
        directions = _whitening_directions(reduced)
        own_quantiles = _project(reduced, directions)
        noise_distance = _quantile_distance(own_quantiles, _project(noise, directions))
        target.append(_Octave(directions, own_quantiles, noise_distance))
    return target


def _whitening_directions(image: np.ndarray) -> np.ndarray:
    """Returns C^-1/2 of the patches, `[D, D]`; `RIDGE` limits the gain of weak directions."""
    covariance = np.cov(patch_extraction.sample_patches(image, PATCH_SIDE), rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    scales = np.sqrt(np.maximum(values, 0) + RIDGE * values[-1] + EPSILON)
    return ((vectors / scales) @ vectors.T).astype(np.float32)


def _project(image: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Returns the quantile functions of the patches along each direction, `[D, 256]`."""
    projections = (patch_extraction.sample_patches(image, PATCH_SIDE) @ directions).T
    ordered = np.sort(np.ascontiguousarray(projections), -1)

    columns = quantiles.interpolate_quantiles(jnp.asarray(ordered.T), LEVELS)  # [256, D]
    return np.asfortranarray(np.asarray(columns).T)  # one layout, for one order of sums


def _quantile_distance(target: np.ndarray, found: np.ndarray) -> float:
    """Returns the mean squared difference in units of the target's variances."""
    squares = np.mean((target - found) ** 2, 1)
    return float(np.mean(squares / (target.var(1) + EPSILON)))
