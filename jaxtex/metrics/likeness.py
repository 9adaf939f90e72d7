"""How near a texture comes to its exemplar: by its patches, and by features of no network that is optimised.

Images are `[H, W, 3]` in [0, 1] and need not have the same size. Seeds are fixed.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from jaxtex import errors, networks, weights
from jaxtex.metrics import patch_extraction
from jaxtex.runtime import xla_options
from jaxtex.statistics import map_layers, moments
from jaxtex.weights import locations

PATCH = 7  # pixels
LEVELS = 256  # of the quantile functions: (i + 1/2) / 256
RIDGE = 1e-3  # of the largest variance of patches: what varies less gets no louder; docs/metrics.md has others
FLAT = 1e-6  # a variance that is none
GABOR = 9  # pixels
WAVELENGTH, ORIENTATIONS = 4.0, 6  # pixels


class _Octave(NamedTuple):
    """What `patches` remembers of one size of the exemplar."""

    directions: np.ndarray  # [147, 147]
    quantiles: np.ndarray  # [147, 256]
    noise: float  # the distance of the exemplar's shuffled pixels


def patches(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Wasserstein-2 squared between the 7x7 patches of both, along 147 directions, at full, half and quarter size.

    The directions are the columns of the symmetric whitening of the exemplar's patches (each a pixel less what its
    neighbours tell of it), and along each the unit is the exemplar's variance. The mean over directions and sizes is
    divided by that of the exemplar's shuffled pixels: 1 is noise of the same colours.

    Range: 0 and up; above 1 where the image varies in ways that the exemplar does not. Cannot see what is larger than 28
    pixels, nor how patches are arranged.

    References:
      Heitz, Vanhoey, Chambon and Belcour, "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021,
      https://arxiv.org/abs/2006.07229; there of network features. Elnekave and Weiss, "Generating Natural Images with
      Direct Patch Distributions Matching", ECCV 2022, https://arxiv.org/abs/2203.11862, for patches of several sizes.
      Departure: whitened axes in place of random directions, along which images of equal covariance look alike and most
      of the distance is brightness; docs/metrics.md has the figures.
    """
    target = _patch_target(exemplar)
    sizes = patch_extraction.octaves(image, PATCH)
    found = [
        _quantile_distance(t.quantiles, _quantiles(x, t.directions))
        for t, x in zip(target, sizes, strict=True)
    ]
    return float(np.sum(found) / (sum(t.noise for t in target) + FLAT))


@patch_extraction.cached_by_image
def _patch_target(exemplar: np.ndarray) -> list[_Octave]:
    found, rng = [], np.random.default_rng(0)
    shuffled = rng.permutation(exemplar.reshape(-1, 3)).reshape(exemplar.shape)
    for image, noise in zip(
        patch_extraction.octaves(exemplar, PATCH),
        patch_extraction.octaves(shuffled, PATCH),
        strict=True,
    ):
        directions = _whitening(image)
        quantiles = _quantiles(image, directions)
        found.append(
            _Octave(
                directions, quantiles, _quantile_distance(quantiles, _quantiles(noise, directions))
            )
        )
    return found


def _whitening(image: np.ndarray) -> np.ndarray:
    """C^-1/2 of the patches, `[147, 147]`; directions of little variance are not made louder than `RIDGE` says."""
    values, vectors = np.linalg.eigh(
        np.cov(patch_extraction.sample_windows(image, PATCH), rowvar=False)
    )
    scales = np.sqrt(np.maximum(values, 0) + RIDGE * values[-1] + FLAT)
    return ((vectors / scales) @ vectors.T).astype(np.float32)


def _quantiles(image: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The quantile function of the patches along each direction, `[D, 256]`."""
    ordered = np.sort(
        np.ascontiguousarray((patch_extraction.sample_windows(image, PATCH) @ directions).T), -1
    )
    places = np.clip(
        (np.arange(LEVELS) + 0.5) / LEVELS * ordered.shape[1] - 0.5, 0, ordered.shape[1] - 1
    )
    below = places.astype(int)
    share = (places - below).astype(np.float32)
    return (
        ordered[:, below] * (1 - share)
        + ordered[:, np.minimum(below + 1, ordered.shape[1] - 1)] * share
    )


def _quantile_distance(target: np.ndarray, quantiles: np.ndarray) -> float:
    return float(np.mean(np.mean((target - quantiles) ** 2, 1) / (target.var(1) + FLAT)))


def features(exemplar: np.ndarray, image: np.ndarray, network: str = "") -> float:
    """Difference of means and covariances of local contrasts, or of the pools of a trained network.

    Without a network the features are the square roots of the amplitudes of Gabor filters: six orientations of a wave of
    4 pixels, of brightness and two colours, at full, half and quarter size. Of each size the 18 features are compared by
    `moments.bures`; the sizes are averaged.

    Args:
      exemplar: `[H, W, 3]`.
      image: `[H', W', 3]`.
      network: a row of `NETWORKS` whose weights are here: its first three pools (average pooling) in place of the filters,
        by `moments.mean_and_covariance`.

    Range: 0 and up; an image of one colour is at 1. Cannot see, without a network, colours that do not change within 36
    pixels; nor arrangement beyond the filters' reach.

    Raises:
      UserError: no such network, or no weights for it.

    References:
      Portilla and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex Wavelet Coefficients", IJCV
      40, 2000, for correlations between amplitudes of orientations; theirs go across scales and positions as well.
      Ustyuzhaninov, Brendel, Gatys and Bethge, "Texture Synthesis Using Shallow Convolutional Networks with Random
      Filters", 2016, https://arxiv.org/abs/1606.00021: one layer of untrained filters of many sizes is enough. Random
      filters with ReLU ordered worse here: four of ten exemplars were nearer to their phase-randomised selves than to the
      rest of themselves.
    """
    target, found = (_pools(x, network) if network else _contrasts(x) for x in (exemplar, image))
    distance = _distance("mean_and_covariance" if network else "bures")
    return float(np.mean([distance(target[name], found[name]) for name in target if name in found]))


@functools.cache
def _distance(statistic: str) -> Callable:
    statistic = {"bures": moments.bures, "mean_and_covariance": moments.mean_and_covariance}[
        statistic
    ]()
    compare = lambda target, found: statistic.distance(statistic.make_target(target), found)
    return jax.jit(compare, compiler_options=xla_options.compiler_options(often=False))


def gabors() -> np.ndarray:
    """Waves under a Gaussian that answer nothing to a flat image, `[81, 6]`, complex, of unit norm."""
    rows, columns = np.mgrid[:GABOR, :GABOR] - GABOR // 2
    angles = np.pi / ORIENTATIONS * np.arange(ORIENTATIONS)
    along = columns[..., None] * np.cos(angles) + rows[..., None] * np.sin(angles)
    bell = np.exp(-(rows**2 + columns**2) / (2 * (WAVELENGTH / 2) ** 2))[..., None]
    waves = bell * np.exp(2j * np.pi * along / WAVELENGTH)
    waves -= bell * waves.sum((0, 1)) / bell.sum()
    return (waves / np.sqrt((np.abs(waves) ** 2).sum((0, 1)))).reshape(-1, ORIENTATIONS)


@patch_extraction.cached_by_image
def _contrasts(image: np.ndarray) -> dict[int, dict[str, np.ndarray]]:
    """The moments of the Gabor amplitudes' roots, for each octave."""
    filters = np.einsum("po,dc->pcdo", gabors(), patch_extraction.OPPONENT).reshape(
        GABOR * GABOR * 3, -1
    )
    parts = np.concatenate([filters.real, filters.imag], -1).astype(np.float32)
    found = {}
    for octave, reduced in enumerate(patch_extraction.octaves(image, GABOR + 3)):
        real, imaginary = np.split(patch_extraction.sample_windows(reduced, GABOR) @ parts, 2, -1)
        roots = np.sqrt(np.hypot(real, imaginary)).astype(np.float64)
        found[octave] = {
            "mean": roots.mean(0),
            "covariance": np.cov(roots, rowvar=False, bias=True),
        }
    return found


@patch_extraction.cached_by_image
def _pools(image: np.ndarray, network: str) -> dict[str, dict[str, np.ndarray]]:
    summarise, variables = _network(network)
    return jax.device_get(summarise(variables, image))


@functools.cache
def _network(name: str) -> tuple[Callable, dict]:
    """The moments of the first three pools, compiled, and the weights."""
    network, loaded = (
        errors.choose("network", name, networks.NETWORKS),
        weights.load(locations.require_file(name)),
    )
    there = networks.available_layers(network, loaded.variables)
    pools = tuple(pool for pool in ("pool1", "pool2", "pool3") if pool in there)
    network = networks.select_layers(network, pools).clone(pooling="avg", padding="reflect")
    summarise = lambda variables, image: map_layers.map_layers(
        moments.moments, network.apply(variables, image)
    )
    return jax.jit(
        summarise, compiler_options=xla_options.compiler_options(often=True)
    ), loaded.variables
