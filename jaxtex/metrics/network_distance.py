"""Distances between features of a trained network: self-similarity and Gram matrices."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from jaxtex.metrics import patch_extraction, trained_networks
from jaxtex.runtime import xla_options
from jaxtex.statistics import moments
from jaxtex.weights import locations

POSITIONS = 1024  # of a layer whose features are compared with each other, as in STROTSS
STRUCTURE_LAYERS = ("relu2_1", "relu3_1", "relu4_1")  # what a style recolors is left to block 1
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
EPSILON = 1e-6  # a mean cosine distance below rounding: keeps the ratios of flat images finite
TINY = 1e-12  # a norm: keeps the ratios of features finite that are all 0


class _Summary(NamedTuple):
    """Features of an image, by layer."""

    grids: dict[str, np.ndarray]  # feature vectors at some positions, [N, C]
    grams: dict[str, np.ndarray]  # [C, C]


@patch_extraction.takes_images
def structure(content: np.ndarray, image: np.ndarray, network: str = "") -> float:
    """Returns how much of the content's structure an image has lost, whatever its colors.

    The structure of a picture is which of its places look alike. In each layer, the features at
    positions of a grid are compared with each other: `D[i, j]` is the cosine distance of positions
    i and j, and each column of D is divided by its mean. The value is the mean absolute difference
    of the two matrices, averaged over the first layers of blocks 2 to 4, as far as the network has
    them.

    Values of different networks do not compare, nor do those of images of different sizes.

    Args:
      content: `[H, W, 3]`, sRGB in [0, 1]; resized to the image.
      image: `[H', W', 3]`, sRGB in [0, 1].
      network: name in `networks.NETWORKS` whose weights are installed; the built-in one by default.

    Returns:
      0 for the content itself, 0.2 to 0.5 for an unrelated image and for noise; 1 for an image of
      one color.

    Raises:
      UserError: the network is unknown, or its weights are not installed.

    References:
      Kolkin, Salavon and Shakhnarovich, "Style Transfer by Relaxed Optimal Transport and
      Self-Similarity", CVPR 2019, https://arxiv.org/abs/1904.12785, for the content loss.
      Departures: each layer is compared by itself, not the vector of all layers; positions lie on a
      grid, at most 1024 of them, and are not drawn; columns are divided by their means, not by
      their sums, so that the number of positions does not matter.
    """
    source = trained_networks.find(network or locations.BUILT_IN)
    target, found = (_summarize(each, source) for each in (content, image))
    differences = [
        np.mean(np.abs(_self_similarity(target.grids[layer]) - _self_similarity(features)))
        for layer, features in found.grids.items()
    ]
    return float(np.mean(differences))


@patch_extraction.takes_images
def gram(exemplar: np.ndarray, image: np.ndarray, network: str = "") -> float:
    """Returns the distance between the Gram matrices of the features of two images.

    In the first layer of each block, as far as the network has them, the norm of the difference is
    divided by the norm of the exemplar's matrix; the value is the mean over layers.

    Most style transfers minimize a distance of this kind: in their own network it is small for any
    of them. Cannot see arrangement beyond the reach of the features.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].
      network: as for `structure`.

    Returns:
      0 and up: 0 for equal Gram matrices, 1 if the difference is as large as the exemplar's own.

    Raises:
      UserError: the network is unknown, or its weights are not installed.

    References:
      Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style", 2015,
      https://arxiv.org/abs/1508.06576, for the matrices and the layers. Departure: norms in units
      of the exemplar's, not their squares.
    """
    source = trained_networks.find(network or locations.BUILT_IN)
    target, found = (_summarize(each, source) for each in (exemplar, image))
    distances = [
        np.linalg.norm(matrix - target.grams[layer]) / (np.linalg.norm(target.grams[layer]) + TINY)
        for layer, matrix in found.grams.items()
    ]
    return float(np.mean(distances))


def _self_similarity(features: np.ndarray) -> np.ndarray:
    """Returns cosine distances of feature vectors, each column divided by its mean.

    Args:
      features: `[N, C]`.

    Returns:
      `[N, N]`; zeros if all vectors have one direction.
    """
    features = features.astype(np.float64)  # 1 - cos of nearly equal vectors is below float32
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), TINY)
    distances = np.maximum(1 - unit @ unit.T, 0)
    return distances / (distances.mean(0) + EPSILON)


def _take_grid(features: jax.Array) -> jax.Array:
    """Returns the features at positions of a square grid, `[H, W, C]` -> `[N, C]`, N <= 1024."""
    height, width, channels = features.shape
    step = 1
    while -(-height // step) * -(-width // step) > POSITIONS:
        step += 1
    return features[::step, ::step].reshape(-1, channels)


@patch_extraction.cached_by_image
def _summarize(image: np.ndarray, source: trained_networks.Source) -> _Summary:
    """Returns what both metrics compare, from one evaluation of the network."""
    evaluate, variables = _compile(source)
    return jax.device_get(evaluate(variables, image))


@functools.cache
def _compile(source: trained_networks.Source) -> tuple[Callable[..., _Summary], dict]:
    """Returns the compiled summary of an image, and the variables of the network."""
    layers = dict.fromkeys((*STYLE_LAYERS, *STRUCTURE_LAYERS))
    network, variables = trained_networks.load(source, tuple(layers))

    def summarize(variables: dict, image: jax.Array) -> _Summary:
        features = network.apply(variables, image)
        grids = {
            layer: _take_grid(values)
            for layer, values in features.items()
            if layer in STRUCTURE_LAYERS
        }
        grams = {layer: moments.gram_matrix(features[layer]) for layer in features}
        return _Summary(grids, grams)

    options = xla_options.compiler_options(often=True)
    return jax.jit(summarize, compiler_options=options), variables
