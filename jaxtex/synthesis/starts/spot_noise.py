"""Spot noise: Gaussian noise with the mean and spectrum of exemplars."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import images

TAPER = 8  # the exemplar fades over this fraction of each side
LARGE = 256  # pixels: noise of this side or more may look like the exemplar
CELLS = 8  # rows and columns at which large areas are compared
COMPOSED = 0.5  # share of the variance from which on large areas compose the exemplar
UNLIKE = -0.4  # correlation with the exemplar that is low enough
DRAWS = 128  # at most


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
    window = window_of(*exemplar.shape[:2])[..., None]
    if used is None:
        mean = exemplar.mean((0, 1))
    else:
        mean = exemplar[used].mean(0)
        window = window * used[..., None] + 1e-6  # not 0 where a mask is white at a corner only
    return Source(mean, (exemplar - mean) * window / np.sqrt(np.sum(window**2)))


def window_of(height: int, width: int) -> np.ndarray:
    """Returns the window by which an exemplar fades at its borders, `[height, width]`, up to 1."""
    return np.outer(_taper(height), _taper(width))


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


def unlike(sources: Sequence[Source], draw: Callable[[], np.ndarray]) -> np.ndarray:
    """Returns noise whose large areas are unlike those of the exemplars, if it is small.

    In a small image the statistics determine most of what is where, and a start that happens to
    look like an exemplar becomes a copy of its layout. Where no draw reaches a correlation of
    `UNLIKE`, the lowest is taken. Exemplars without large areas, such as stones, do not count.

    Args:
      sources: of the exemplars, at the scale of the noise.
      draw: returns noise, `[height, width, C]`, other noise in each call.
    """
    chosen = noise = draw()
    spots = [source.spot for source in sources if is_composed(source.spot)]
    if min(noise.shape[:2]) >= LARGE or not spots:
        return noise
    least = np.inf
    for _ in range(DRAWS):
        correlation = max(_correlation(spot, noise) for spot in spots)
        if correlation < least:
            least, chosen = correlation, noise
        if least <= UNLIKE:
            break
        noise = draw()
    return chosen


def is_composed(exemplar: np.ndarray) -> bool:
    """Returns whether large areas compose an exemplar, and not small things such as stones.

    They do if `CELLS` x `CELLS` cells have more than `COMPOSED` of its variance in gray.

    Args:
      exemplar: `[H, W, C]` of any values, such as a spot.
    """
    gray = _gray(exemplar)
    return bool(np.var(images.resize(gray, CELLS, CELLS)) > COMPOSED * (np.var(gray) or 1))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the correlation of large areas that two images have in common, from -1 to 1.

    It is -1 if one of them has no contrast.
    """
    height, width = np.minimum(first.shape[:2], second.shape[:2])
    cells = [
        images.resize(_gray(image[:height, :width]), CELLS, CELLS).ravel()
        for image in (first, second)
    ]
    if min(np.std(each) for each in cells) == 0:
        return -1.0
    return float(np.corrcoef(cells[0], cells[1])[0, 1])


def _gray(image: np.ndarray) -> np.ndarray:
    """Returns an image of any values in gray, `[H, W, 1]`, from 0 to 1."""
    gray = image.mean(-1, keepdims=True)
    return ((gray - gray.min()) / (np.ptp(gray) or 1)).astype(np.float32)


def missing_details(image: np.ndarray, size: tuple[int, int], tile: str) -> np.ndarray:
    """Returns the frequencies of an image that a smaller one of some size cannot hold.

    Args:
      image: `[H, W, C]`.
      size: height and width of the smaller image, in pixels.
      tile: axes along which both are periodic, as in `images.resize`.
    """
    height, width = image.shape[:2]
    smaller = images.resize(image, min(size[0], height), min(size[1], width), tile)
    return image - images.resize(smaller, height, width, tile)


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
