"""Power spectra of images of any size, compared band by band."""

import numpy as np

from jaxtex.metrics import patch_extraction
from jaxtex.networks import steerable_pyramid

BANDS = 8  # half octaves below 1/2 cycle per pixel
ORIENTATIONS = 6  # of 30 degrees each
ROUNDING = 255.0**-2  # power that 8 bits cannot represent


@patch_extraction.takes_images
def spectrum(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns the root mean square difference of two power spectra in decibels.

    The spectra are averaged over bands of half an octave and 30 degrees, for waves of 2 to 32
    pixels, in brightness and two opponent colors. A Hann window makes sizes comparable and needs
    no tiling. A power that 8 bits cannot represent counts as that limit.

    Cannot see phases: an image and its phase-randomized copy are equal, so the value says nothing
    about form. Cannot see mean colors or waves longer than 32 pixels either.

    Args:
      exemplar: `[H, W, 3]`, sRGB in [0, 1].
      image: `[H', W', 3]`, sRGB in [0, 1].

    Returns:
      Decibels, 0 and up; 3 is a factor of two in every band.

    References:
      Liu, Gousseau and Xia, "Texture Synthesis Through Convolutional Neural Networks and Spectrum
      Constraints", ICPR 2016, https://arxiv.org/abs/1605.01141, for the spectrum as a complement
      of features. Departure: the bands are our own.
    """
    difference = band_powers(exemplar) - band_powers(image)
    return float(np.sqrt(np.nanmean(difference**2)))


@patch_extraction.cached_by_image
def band_powers(image: np.ndarray) -> np.ndarray:
    """Returns the mean power of each band in decibels.

    Args:
      image: `[H, W, 3]`, sRGB in [0, 1].

    Returns:
      `[BANDS * ORIENTATIONS, 3]`; NaN if the image is too small for a band.
    """
    height, width = image.shape[:2]
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in (height, width)))

    mean = np.average(image, (0, 1), np.broadcast_to(window[..., None], image.shape))
    colors = (image - mean) @ steerable_pyramid.COLORS.T
    power = np.abs(np.fft.fft2(colors * window[..., None], axes=(0, 1))) ** 2 / np.sum(window**2)

    band = band_indices(height, width).ravel()
    inside = band >= 0
    count = BANDS * ORIENTATIONS
    totals = [
        np.bincount(band[inside], channel[inside], count) for channel in power.reshape(-1, 3).T
    ]
    sizes = np.bincount(band[inside], minlength=count)[:, None]

    with np.errstate(invalid="ignore"):  # 0 / 0 in bands without coefficients
        return 10 * np.log10(np.stack(totals, -1) / sizes + ROUNDING)


def band_indices(height: int, width: int) -> np.ndarray:
    """Returns the band of each Fourier coefficient of an image.

    Args:
      height: of the image, in pixels.
      width: of the image, in pixels.

    Returns:
      `[height, width]`, int: `scale * ORIENTATIONS + orientation`, or -1 outside all bands.
    """
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.fftfreq(width)

    with np.errstate(divide="ignore"):  # log2(0) at the mean
        half_octaves = 2 * np.log2(np.hypot(rows, columns)) + 2  # 0 at 1/2 cycle per pixel
        scale = np.floor(half_octaves + BANDS)

    orientation = np.round(np.arctan2(rows, columns) / np.pi * ORIENTATIONS) % ORIENTATIONS
    band = scale * ORIENTATIONS + orientation
    return np.where((scale >= 0) & (scale < BANDS), band, -1).astype(int)
