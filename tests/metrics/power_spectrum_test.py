"""Tests of power spectra: known values in decibels, and the bands of known waves."""

import numpy as np
import pytest

from jaxtex import images, metrics
from jaxtex.metrics import power_spectrum


def test_doubled_contrast_is_six_decibels():
    noise = np.random.default_rng(0).uniform(0.35, 0.65, (96, 64, 3)).astype(np.float32)
    louder = 0.5 + 2 * (noise - 0.5)
    assert metrics.spectrum(noise, louder) == pytest.approx(20 * np.log10(2), abs=0.1)


def test_mean_colors_do_not_matter():
    noise = np.random.default_rng(0).uniform(0.35, 0.65, (96, 64, 3)).astype(np.float32)
    assert metrics.spectrum(noise, noise + 0.2) < 1e-3


def test_spectra_of_noise_are_flat_and_do_not_depend_on_size():
    small, large = (
        np.random.default_rng(0).uniform(0, 1, (side, side, 3)).astype(np.float32)
        for side in (64, 200)
    )
    for image in (small, large):
        powers = power_spectrum.band_powers(image)[4 * 6 :]  # bands of many coefficients
        variance = 1 / 12  # of a uniform distribution
        assert powers.mean() == pytest.approx(10 * np.log10(variance), abs=0.3)
        assert powers.std() < 1.5

    enlarged = images.resize(small, 200, 200)
    assert metrics.spectrum(large, small) < 0.5 * metrics.spectrum(large, enlarged)


def test_a_wave_is_in_the_band_of_its_length_and_direction():
    indices = power_spectrum.band_indices(32, 64)
    assert indices[0, 0] == -1  # the mean
    # 4 pixels per wave along a row: two half octaves below the finest.
    assert indices[0, 16] == indices[0, -16] == 6 * 6
    assert indices[8, 0] == 6 * 6 + 3  # along a column: 90 degrees
    assert indices[8, 16] in (7 * 6 + 1, 7 * 6 + 2)  # 45 degrees are between two orientations
