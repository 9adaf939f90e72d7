"""What every drawing needs: noise, light and a torus.

Drawings are made at twice their size and on a torus, so that all but the fur also tile. Coordinates are `(row, column)`
in pixels, colours are RGB in `[0, 1]`, and light falls from the upper left.
"""

import numpy as np

SIZE = 512  # of a drawing before it is halved
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(float)


def filtered(image, transfer, stretch=(1, 1)):
    """Multiplies the Fourier transform of `image` by `transfer(frequency)`; `stretch` lengthens rows or columns."""
    rows, columns = (
        np.fft.fftfreq(SIZE)[:, None] * stretch[0],
        np.fft.fftfreq(SIZE)[None, :] * stretch[1],
    )
    return np.fft.ifft2(np.fft.fft2(image) * transfer(np.hypot(rows, columns))).real


def blurred(image, sigma):
    """Gaussian blur on the torus."""
    return filtered(image, lambda f: np.exp(-2 * (np.pi * sigma * f) ** 2))


def noise(rng, scale, slope=1.6, stretch=(1, 1)):
    """Smooth noise of unit deviation whose largest lumps are `scale` pixels; a steeper slope leaves out fine detail."""
    low = 1 / scale
    field = filtered(
        rng.standard_normal((SIZE, SIZE)),
        lambda f: (2 * f >= low) / np.maximum(f, low) ** slope,
        stretch,
    )
    return field / field.std()


def wrapped(offset):
    """The shortest way round the torus."""
    return (offset + SIZE / 2) % SIZE - SIZE / 2


def window(centre, reach):
    """Indices of the square around `centre`, across the borders where need be."""
    return np.ix_(*[(int(c) + np.arange(-reach, reach)) % SIZE for c in centre])


def slopes(height):
    """Central differences along rows and columns."""
    return [(np.roll(height, -1, axis) - np.roll(height, 1, axis)) / 2 for axis in (0, 1)]


def lit(height, light=(-0.6, -0.5, 0.7)):
    """Lambert's law: how much light a relief catches, in `[0, 1]`."""
    down, right = slopes(height)
    facing = (light[2] - light[0] * down - light[1] * right) / np.sqrt(1 + down**2 + right**2)
    return np.clip(facing / np.linalg.norm(light), 0, 1)


def mixed(first, second, weight):
    """`first` where `weight` is 0, `second` where it is 1; colours are broadcast over positions."""
    return first + np.asarray(weight)[..., None] * (second - first)


def picked(rng, palette, count, spread=0.1):
    """`count` colours from a palette, each a little brighter or darker than there."""
    return np.array(palette)[rng.integers(len(palette), size=count)] * rng.uniform(
        1 - spread, 1 + spread, (count, 1)
    )
