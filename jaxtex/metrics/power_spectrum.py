"""Power spectra of images of any size, compared band by band."""

import numpy as np

from jaxtex.metrics import patch_extraction

BANDS, ORIENTATIONS = 8, 6  # of half an octave below 1/2 cycle a pixel; of 30 degrees
ROUNDING = 255.0**-2  # the power that 8 bits hide


def spectrum(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Root mean square difference of the power spectra in decibels, over bands of half an octave and 30 degrees.

    Bands reach from 32 to 2 pixels a wave, in brightness and two colours, under a Hann window, so sizes may differ and
    nothing has to tile. A power less than 8 bits can hold counts as that.

    Range: 0 and up; 3 is a factor of two in every band. Cannot see phases: an image and its phase-randomised self are one
    to it, so it says nothing about form. Nor mean colours, nor waves longer than 32 pixels.

    References:
      Liu, Gousseau and Xia, "Texture Synthesis Through Convolutional Neural Networks and Spectrum Constraints", ICPR 2016,
      https://arxiv.org/abs/1605.01141, for the spectrum as a complement of features; the bands are our own.
    """
    difference = _decibels(exemplar) - _decibels(image)
    return float(np.sqrt(np.nanmean(difference**2)))


@patch_extraction.cached_by_image
def _decibels(image: np.ndarray) -> np.ndarray:
    """The mean power of each band, `[8 * 6, 3]`; not a number where an image is too small to have the band."""
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in image.shape[:2]))
    centred = (
        image - np.average(image, (0, 1), np.broadcast_to(window[..., None], image.shape))
    ) @ patch_extraction.OPPONENT.T
    power = np.abs(np.fft.fft2(centred * window[..., None], axes=(0, 1))) ** 2 / np.sum(window**2)
    band = bands(*image.shape[:2]).ravel()
    inside, count = band >= 0, BANDS * ORIENTATIONS
    total = [
        np.bincount(band[inside], channel[inside], count) for channel in power.reshape(-1, 3).T
    ]
    number = np.bincount(band[inside], minlength=count)[:, None]
    with np.errstate(invalid="ignore"):
        return 10 * np.log10(np.stack(total, -1) / number + ROUNDING)


def bands(height: int, width: int) -> np.ndarray:
    """The band of each Fourier coefficient, -1 for those without, `[height, width]`."""
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    with np.errstate(divide="ignore"):
        scale = np.floor(
            2 * np.log2(np.hypot(rows, columns)) + 2 + BANDS
        )  # half octaves below 1/2 cycle a pixel
    angle = np.round(np.arctan2(rows, columns) / np.pi * ORIENTATIONS) % ORIENTATIONS
    return np.where((scale >= 0) & (scale < BANDS), scale * ORIENTATIONS + angle, -1).astype(int)
