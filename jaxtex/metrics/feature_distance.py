"""Distance between the features of two images: Gabor amplitudes, or pools of a trained network."""

import functools
from collections.abc import Callable

import jax
import numpy as np

from jaxtex.metrics import patch_extraction, trained_networks
from jaxtex.networks import steerable_pyramid
from jaxtex.runtime import xla_options
from jaxtex.statistics import bures, map_layers, moments

FILTER_SIDE = 9  # pixels
WAVELENGTH = 4.0  # pixels
ORIENTATIONS = 6
MIN_SIDE = FILTER_SIDE + 3  # pixels: at least 16 positions for a covariance
POOLS = ("pool1", "pool2", "pool3")

Summary = dict[str, np.ndarray]  # "mean" and "covariance" of the features of one layer


@patch_extraction.takes_images
def features(exemplar: np.ndarray, image: np.ndarray, network: str = "") -> float:
    """Returns the distance between the means and covariances of the features of two images.

    Without a network, the features are square roots of Gabor amplitudes: six orientations of a
    wave of 4 pixels, in brightness and two opponent colors. The 18 features are compared at full,
    half and quarter size by the Bures distance, and the sizes are averaged.

    Cannot see arrangement beyond the reach of the filters; without a network, nor colors that do
    not change within 36 pixels.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].
      network: name in `networks.NETWORKS` whose weights are installed. Its first three pools, by
        average pooling, replace the filters, and `mean_and_covariance` the Bures distance.

    Returns:
      0 for equal statistics; 1 for an image of one color.

    Raises:
      UserError: the network is unknown, or its weights are not installed.

    References:
      Portilla and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex
      Wavelet Coefficients", IJCV 40, 2000, for correlations between the amplitudes of
      orientations. Departure: theirs also relate scales and positions. Ustyuzhaninov, Brendel,
      Gatys and Bethge, "Texture Synthesis Using Shallow Convolutional Networks with Random
      Filters", 2016, https://arxiv.org/abs/1606.00021, for one layer of untrained filters.
      Departure: Gabor filters replace random ones.
    """
    summaries: list[dict]
    if network:
        source = trained_networks.find(network)
        summaries = [_summarize_pools(each, source) for each in (exemplar, image)]
        distance = _compiled_distance("mean_and_covariance")
    else:
        summaries = [_summarize_amplitudes(each) for each in (exemplar, image)]
        distance = _compiled_distance("bures")

    target, found = summaries
    return float(np.mean([distance(target[key], found[key]) for key in target if key in found]))


@functools.cache
def _compiled_distance(name: str) -> Callable[[Summary, Summary], jax.Array]:
    """Returns the compiled distance of two summaries by one of two statistics."""
    statistics = {"bures": bures.bures, "mean_and_covariance": moments.mean_and_covariance}
    statistic = statistics[name]()

    def compare(target: Summary, found: Summary) -> jax.Array:
        return statistic.distance(statistic.make_target(target), found)

    return jax.jit(compare, compiler_options=xla_options.compiler_options(often=False))


def gabor_filters() -> np.ndarray:
    """Returns complex plane waves under a Gaussian, of zero mean and unit norm, `[81, 6]`."""
    rows, columns = np.mgrid[:FILTER_SIDE, :FILTER_SIDE] - FILTER_SIDE // 2
    angles = np.pi / ORIENTATIONS * np.arange(ORIENTATIONS)
    along = columns[..., None] * np.cos(angles) + rows[..., None] * np.sin(angles)

    envelope = np.exp(-(rows**2 + columns**2) / (2 * (WAVELENGTH / 2) ** 2))[..., None]
    waves = envelope * np.exp(2j * np.pi * along / WAVELENGTH)
    waves -= envelope * waves.sum((0, 1)) / envelope.sum()  # no response to a flat image
    return (waves / np.sqrt((np.abs(waves) ** 2).sum((0, 1)))).reshape(-1, ORIENTATIONS)


@patch_extraction.cached_by_image
def _summarize_amplitudes(image: np.ndarray) -> dict[int, Summary]:
    """Returns the moments of the square roots of Gabor amplitudes, for each octave."""
    colored = np.einsum("po,dc->pcdo", gabor_filters(), steerable_pyramid.COLORS)
    filters = colored.reshape(FILTER_SIDE * FILTER_SIDE * 3, -1)  # [243, 18], complex
    parts = np.concatenate([filters.real, filters.imag], -1).astype(np.float32)

    summaries: dict[int, Summary] = {}
    for octave, reduced in enumerate(patch_extraction.octaves(image, MIN_SIDE)):
        responses = patch_extraction.sample_patches(reduced, FILTER_SIDE) @ parts
        real, imaginary = np.split(responses, 2, -1)
        roots = np.sqrt(np.hypot(real, imaginary)).astype(np.float64)
        covariance = np.cov(roots, rowvar=False, bias=True)
        summaries[octave] = {
            "mean": roots.mean(0).astype(np.float32),
            "covariance": covariance.astype(np.float32),
        }
    return summaries


@patch_extraction.cached_by_image
def _summarize_pools(image: np.ndarray, source: trained_networks.Source) -> dict[str, Summary]:
    """Returns the moments of the first three pools of a network, for each pool."""
    summarize, variables = _load_network(source)
    return jax.device_get(summarize(variables, image))


@functools.cache
def _load_network(source: trained_networks.Source) -> tuple[Callable[..., dict], dict]:
    """Returns the compiled moments of the first three pools, and the variables."""
    network, variables = trained_networks.load(source, POOLS)
    network = network.clone(pooling="avg")

    def summarize(variables: dict, image: jax.Array) -> dict:
        return map_layers.map_layers(moments.moments, network.apply(variables, image))

    options = xla_options.compiler_options(often=True)
    return jax.jit(summarize, compiler_options=options), variables
