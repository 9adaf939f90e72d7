"""Spot noise: Gaussian noise with the mean and spectrum of exemplars."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

TAPER = 8  # the exemplar fades over this fraction of each side


class Source(NamedTuple):
    """The parts of an exemplar that the noise is made from."""

    mean: np.ndarray  # [C]
    spot: np.ndarray  # [H, W, C]: the exemplar without its mean, faded at its borders


def source_of(exemplar: np.ndarray, used: np.ndarray | None = None) -> Source:
    """Returns the source of an exemplar.

    Args:
      exemplar: `[H, W, C]`.
      used: bool `[H, W]`, the pixels that count, at least one; None: all.
    """
    rows, columns = (_taper(side) for side in exemplar.shape[:2])
    window = np.outer(rows, columns)[..., None]
    if used is None:
        mean = exemplar.mean((0, 1))
    else:
        mean = exemplar[used].mean(0)
        window = window * used[..., None] + 1e-6  # not 0 where a mask is white at a corner only
    return Source(mean, (exemplar - mean) * window / np.sqrt(np.sum(window**2)))


def random_phase(
    sources: Sequence[Source],
    weights: Sequence[float],
    size: tuple[int, int],
    contrast: float,
    rng: np.random.Generator,
    tile: str = "",
) -> np.ndarray:
    """Returns Gaussian noise with the mean and spectrum of exemplars.

    Args:
      sources: of the exemplars.
      weights: one for each exemplar.
      size: height and width of the noise, in pixels.
      contrast: of the noise; 1 is the contrast of the exemplars.
      rng: random numbers.
      tile: axes along which the noise is periodic, as in `images.resize`.

    Returns:
      `[*size, C]`, clipped to [0, 1].

    References:
      Galerne, Gousseau and Morel, "Random Phase Textures: Theory and Synthesis", IEEE TIP 20, 2011:
      the asymptotic discrete spot noise. One white field for all colors keeps their correlations.
      Departs from it: the exemplar fades at its border; there it is made periodic.
    """
    shares = np.asarray(weights) / np.sum(weights)
    pairs = list(zip(shares, sources, strict=True))
    image = sum(share * source.mean for share, source in pairs)
    for share, source in pairs:
        image = image + contrast * np.sqrt(share) * _convolve(source.spot, size, rng, tile)
    return np.clip(image, 0, 1).astype(np.float32)


def _convolve(
    spot: np.ndarray, size: tuple[int, int], rng: np.random.Generator, tile: str
) -> np.ndarray:
    """Returns white noise convolved with a spot: `[*size, C]`, of mean 0."""
    for axis, name in enumerate("yx"):
        if name in tile:
            spot = _wrap(spot, axis, size[axis])

    shape = [max(sides) for sides in zip(spot.shape[:2], size, strict=True)]
    white = np.fft.rfft2(rng.standard_normal(shape))[..., None]
    noise = np.fft.irfft2(np.fft.rfft2(spot, shape, (0, 1)) * white, shape, (0, 1))
    return noise[: size[0], : size[1]]


def _wrap(spot: np.ndarray, axis: int, period: int) -> np.ndarray:
    """Adds what lies beyond the period to the beginning of an axis."""
    side = spot.shape[axis]
    parts = [
        spot.take(range(start, min(start + period, side)), axis) for start in range(0, side, period)
    ]
    for part in parts[1:]:
        np.moveaxis(parts[0], axis, 0)[: part.shape[axis]] += np.moveaxis(part, axis, 0)
    return parts[0]


def _taper(side: int) -> np.ndarray:
    """Returns a window that rises from 0 to 1 over a part of the side at both ends, `[side]`."""
    positions = np.arange(side) + 0.5
    from_border = np.minimum(positions, side - positions)
    return np.sin(np.pi / 2 * np.clip(from_border / (side / TAPER), 0, 1))
