"""Noise, light and geometry on a torus, which all drawings share.

Drawings have twice their final size and lie on a torus, so that all except the fur tile. Fields are
`[SIZE, SIZE]`, coordinates `(row, column)` in pixels, colors RGB in [0, 1]. Light comes from the
upper left.
"""

from collections.abc import Callable, Sequence

import numpy as np

SIZE = 512  # pixels of a drawing, before it is halved
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(float)

Vector = tuple[float, float, float]


def filter_frequencies(
    image: np.ndarray,
    transfer: Callable[[np.ndarray], np.ndarray],
    stretch: tuple[float, float] = (1, 1),
) -> np.ndarray:
    """Multiplies the Fourier transform of a field by a function of the frequency.

    Args:
      image: a field.
      transfer: of frequencies in cycles per pixel.
      stretch: larger numbers lengthen the result along rows, or columns.
    """
    rows = np.fft.fftfreq(SIZE)[:, None] * stretch[0]
    columns = np.fft.fftfreq(SIZE)[None, :] * stretch[1]
    return np.fft.ifft2(np.fft.fft2(image) * transfer(np.hypot(rows, columns))).real


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blurs a field by a Gaussian of `sigma` pixels."""
    return filter_frequencies(image, lambda f: np.exp(-2 * (np.pi * sigma * f) ** 2))


def noise(
    rng: np.random.Generator,
    scale: float,
    slope: float = 1.6,
    stretch: tuple[float, float] = (1, 1),
) -> np.ndarray:
    """Draws smooth noise of unit standard deviation.

    Args:
      rng: random generator.
      scale: size of the largest lumps, in pixels.
      slope: of the spectrum; larger numbers have less fine detail.
      stretch: as in `filter_frequencies`.
    """
    low = 1 / scale
    field = filter_frequencies(
        rng.standard_normal((SIZE, SIZE)),
        lambda f: (2 * f >= low) / np.maximum(f, low) ** slope,
        stretch,
    )
    return field / field.std()


def wrap(offset: np.ndarray) -> np.ndarray:
    """Returns the shortest offset around the torus."""
    return (offset + SIZE / 2) % SIZE - SIZE / 2


def window(center: Sequence[float] | np.ndarray, reach: int) -> tuple[np.ndarray, ...]:
    """Returns the indices of a square, which may cross the borders.

    Args:
      center: row and column.
      reach: half its side, in pixels.
    """
    return np.ix_(*[(int(c) + np.arange(-reach, reach)) % SIZE for c in center])


def slopes(height: np.ndarray) -> list[np.ndarray]:
    """Returns central differences of a field along rows and columns."""
    return [(np.roll(height, -1, axis) - np.roll(height, 1, axis)) / 2 for axis in (0, 1)]


def shade(height: np.ndarray, light: Vector = (-0.6, -0.5, 0.7)) -> np.ndarray:
    """Returns the light that a relief reflects, in [0, 1], by Lambert's law.

    Args:
      height: a field, in pixels.
      light: direction to the light: down, right, towards the viewer.
    """
    down, right = slopes(height)
    facing = (light[2] - light[0] * down - light[1] * right) / np.sqrt(1 + down**2 + right**2)
    return np.clip(facing / np.linalg.norm(light), 0, 1)


def mix(first: np.ndarray | Vector, second: np.ndarray | Vector, weight: np.ndarray) -> np.ndarray:
    """Interpolates colors.

    Args:
      first: colors where `weight` is 0, `[..., 3]`, broadcast over positions.
      second: colors where `weight` is 1.
      weight: without the axis of colors.
    """
    return first + np.asarray(weight)[..., None] * (second - np.asarray(first))


def pick_colors(
    rng: np.random.Generator, palette: Sequence[Vector], count: int, spread: float = 0.1
) -> np.ndarray:
    """Draws colors from a palette, each a little brighter or darker.

    Args:
      rng: random generator.
      palette: colors.
      count: number of colors.
      spread: largest relative change of brightness.

    Returns:
      `[count, 3]`.
    """
    colors = np.array(palette)[rng.integers(len(palette), size=count)]
    return colors * rng.uniform(1 - spread, 1 + spread, (count, 1))
