"""Tests of the noise that small images start from: its large areas are unlike the exemplar's."""

import numpy as np
import pytest

import jaxtex
from jaxtex import images
from jaxtex.synthesis.starts import spot_noise

SIDE = 64


def blob(row: float, column: float, side: int = SIDE) -> np.ndarray:
    """Returns a dark disc on a bright, noisy ground, `[side, side, 3]`; its center is a share."""
    rows, columns = np.mgrid[:side, :side] / side
    disc = np.hypot(rows - row, columns - column) < 0.3
    noise = np.random.default_rng(1).random((side, side, 3))
    return (np.where(disc, 0.1, 0.7)[..., None] + 0.2 * noise).astype(np.float32)


def clouds() -> np.ndarray:
    """Returns a gray picture with a spectrum of 1/f^3 in power, `[SIDE, SIDE, 3]`."""
    frequencies = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    frequencies[0, 0] = np.inf
    white = np.random.default_rng(3).standard_normal((SIDE, SIDE))
    image = np.fft.irfft2(np.fft.rfft2(white) / frequencies**1.5)
    image = (image - image.min()) / np.ptp(image)
    return np.repeat(image[..., None], 3, 2).astype(np.float32)


def correlation(exemplar: np.ndarray, image: np.ndarray) -> float:
    """Returns the correlation of both in gray, at 16 x 16 pixels."""
    gray = [images.resize(each.mean(-1, keepdims=True), 16, 16) for each in (exemplar, image)]
    return float(np.corrcoef(*(each.ravel() for each in gray))[0, 1])


def draws_of(sources, drawn):
    """Returns the chosen one of some images, and how many were drawn."""
    waiting = iter(drawn)
    calls = []

    def draw():
        calls.append(next(waiting))
        return calls[-1]

    return spot_noise.unlike(sources, draw), len(calls)


def test_the_first_noise_that_is_unlike_is_taken():
    exemplar = blob(0.4, 0.4)
    opposite = 1 - exemplar
    source = spot_noise.source_of(exemplar)
    chosen, number = draws_of([source], [exemplar, blob(0.5, 0.4), opposite, exemplar])
    assert chosen is opposite
    assert number == 3


def test_without_any_that_is_unlike_the_least_similar_is_taken():
    exemplar, far = blob(0.4, 0.4), blob(0.4, 0.55)
    source = spot_noise.source_of(exemplar)
    drawn = [exemplar, far] + [exemplar] * spot_noise.DRAWS
    chosen, number = draws_of([source], drawn)
    assert chosen is far
    assert number == spot_noise.DRAWS + 1


@pytest.mark.parametrize("case", ["no large areas", "large noise", "no exemplar"])
def test_other_noise_is_drawn_once(case):
    side = spot_noise.LARGE if case == "large noise" else SIDE
    exemplar = blob(0.4, 0.4, side)
    if case == "no large areas":
        exemplar = np.random.default_rng(0).random((side, side, 3), np.float32)
    sources = [] if case == "no exemplar" else [spot_noise.source_of(exemplar)]
    chosen, number = draws_of(sources, [exemplar, 1 - exemplar])
    assert chosen is exemplar
    assert number == 1


def test_flat_exemplars_are_no_error():
    flat = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    assert draws_of([spot_noise.source_of(flat)], [flat])[1] == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_small_results_do_not_have_the_layout_of_the_exemplar(seed):
    exemplar = clouds()
    image = jaxtex.synthesize(exemplar, size=SIDE, seed=seed)
    assert correlation(exemplar, np.asarray(image)) < 0.3  # .40 from the first noise of seed 0
