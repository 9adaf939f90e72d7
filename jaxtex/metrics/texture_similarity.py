"""Structural texture similarity (STSIM-2): subbands of brightness, compared by their moments."""

import itertools
from typing import NamedTuple

import numpy as np

from jaxtex.images import color_transfer
from jaxtex.metrics import patch_extraction
from jaxtex.networks import steerable_pyramid

OCTAVES = 3
STABILIZER = 0.001 / 255**2  # of variances: the usual 0.001 of images in [0, 255]


class Moments(NamedTuple):
    """Moments of the subbands of one image: N bands, M pairs of bands."""

    mean: float  # of brightness
    deviations: np.ndarray  # [N], of each band
    neighbors: np.ndarray  # [2, N], complex: correlations with the pixel below, and on the right
    pairs: np.ndarray  # [M]: correlations of the moduli of two bands


@patch_extraction.takes_images
def stsim(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns 1 less the structural texture similarity STSIM-2 of two images.

    Brightness is split into three octaves of four orientations, what is coarser and what is finer.
    Of each of these 14 bands, contrast and the correlations with the next pixel down and right are
    compared, of the coarsest one the mean as well; of 26 pairs of bands the correlation of their
    moduli: between orientations of an octave, and between octaves of an orientation. The similarity
    is the mean of these 40 comparisons, each of them 1 for equal moments.

    It needs no training, and people's judgment of texture was what it was made for. Cannot see
    colors, nor where something lies. Values are small: at 192 pixels another crop of a texture has
    .01 to .03, a different texture .03 to .2, noise .06 to .21.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      A number from 0 for equal moments to 1.

    References:
      Zujovic, Pappas and Neuhoff, "Structural Texture Similarity Metrics for Image Analysis and
      Retrieval", IEEE TIP 22, 2013, https://doi.org/10.1109/TIP.2013.2251645. Departures: 1 less
      the similarity, so that lower is better as in the other distances; moments of whole images,
      as the paper has them beside those in windows, so that sizes may differ; the bands are those
      of `networks.steerable_pyramid`, the finest one is what halving loses; the means of all bands
      but the coarsest are 0 and are not compared.
    """
    expected, actual = (moments(each) for each in (exemplar, image))
    means, deviations = (
        (2 * a * b + STABILIZER) / (a**2 + b**2 + STABILIZER)
        for a, b in (
            (expected.mean, actual.mean),
            (expected.deviations, actual.deviations),
        )
    )
    down, right = 1 - np.abs(expected.neighbors - actual.neighbors) / 2
    of_bands = deviations * down * right
    of_bands[-1] *= means
    of_pairs = 1 - np.abs(expected.pairs - actual.pairs) / 2
    return float(1 - np.mean([*of_bands**0.25, *of_pairs]))


@patch_extraction.cached_by_image
def moments(image: np.ndarray) -> Moments:
    """Returns the moments of the subbands of an image.

    Args:
      image: `[H, W, 3]`, sRGB in [0, 1].
    """
    brightness = image @ np.asarray(color_transfer.LUMINANCE, np.float32)
    octaves = [np.asarray(brightness, np.float64)]
    while len(octaves) <= OCTAVES:
        octaves.append(halve(octaves[-1]))
    enlarged = double(octaves[1])
    rows, columns = enlarged.shape
    finest = octaves[0][:rows, :columns] - enlarged

    complex_bands = [_filter(octave) for octave in octaves[:OCTAVES]]
    bands = [finest, *itertools.chain(*complex_bands), octaves[-1]]
    neighbors = [
        [correlation(band[:-1], band[1:]) for band in bands],
        [correlation(band[:, :-1], band[:, 1:]) for band in bands],
    ]
    pairs = _correlate_pairs([np.abs(octave) for octave in complex_bands])
    deviations = np.array([np.std(band) for band in bands])
    return Moments(float(brightness.mean()), deviations, np.array(neighbors), np.array(pairs))


def _filter(image: np.ndarray) -> np.ndarray:
    """Returns the complex responses of four orientations, `[4, H, W]`, as `quadrature` has them."""
    angles = np.arange(steerable_pyramid.ORIENTATIONS) * np.pi / steerable_pyramid.ORIENTATIONS
    even, odd = steerable_pyramid.filter_bank(tuple(angles))
    filters = np.moveaxis(even + 1j * odd, -1, 0)[:, ::-1, ::-1]  # products are convolutions

    radius = steerable_pyramid.RADIUS
    padded = np.pad(image, radius, "reflect")
    product = np.fft.fft2(padded) * np.fft.fft2(filters, padded.shape)
    return np.fft.ifft2(product)[:, 2 * radius :, 2 * radius :]


def halve(image: np.ndarray) -> np.ndarray:
    """Returns `padding_pooling.halve` of an image `[H, W]`, in NumPy: it needs no compilation."""
    for _ in range(2):  # rows, then columns
        x = np.pad(image[: len(image) // 2 * 2], ((1, 1), (0, 0)), "reflect")
        image = ((x[:-2:2] + 3 * (x[1:-1:2] + x[2::2]) + x[3::2]) / 8).T
    return image


def double(image: np.ndarray) -> np.ndarray:
    """Returns `padding_pooling.double` of an image `[H, W]`, in NumPy."""
    for _ in range(2):
        x = np.pad(image, ((1, 1), (0, 0)), "reflect")
        pairs = np.stack([x[:-2] + 3 * x[1:-1], 3 * x[1:-1] + x[2:]], 1) / 4
        image = pairs.reshape(-1, image.shape[1]).T
    return image


def _correlate_pairs(moduli: list[np.ndarray]) -> list[float]:
    """Returns the correlations between orientations, and between octaves, of `[4, H, W]` each."""
    found = []
    for octave in moduli:
        for first, second in itertools.combinations(octave, 2):
            found.append(correlation(first, second).real)

    for octave, coarser in itertools.pairwise(moduli):
        for fine, coarse in zip(octave, coarser, strict=True):
            enlarged = double(coarse)
            rows, columns = enlarged.shape
            found.append(correlation(fine[:rows, :columns], enlarged).real)
    return found


def correlation(first: np.ndarray, second: np.ndarray) -> complex:
    """Returns the correlation of two bands of one shape, complex or real; 1 where both are flat.

    Args:
      first: `[H, W]`.
      second: `[H, W]`.
    """
    a, b = (np.asarray(band, np.complex128) - band.mean() for band in (first, second))
    product = np.sqrt(np.mean(np.abs(a) ** 2) * np.mean(np.abs(b) ** 2))
    return complex((np.mean(a * b.conj()) + STABILIZER) / (product + STABILIZER))
