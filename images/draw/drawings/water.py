"""Water: light that waves on the surface gather on the floor of a pool."""

import numpy as np
from drawings.torus import SIZE, blurred, filtered, mixed, slopes
from PIL import Image


def enlarged(image, factor):
    """Bicubic, on the torus."""
    border = 4
    padded = Image.fromarray(np.pad(image, border, mode="wrap").astype(np.float32))
    size = factor * (SIZE + 2 * border)
    inside = slice(factor * border, -factor * border)
    return np.array(padded.resize((size, size), Image.BICUBIC))[inside, inside]


def swell(frequency):
    """How high waves of each frequency are: mostly those of some 80 pixels, none of more than 150."""
    return (
        np.exp(-((0.0072 / np.maximum(frequency, 1e-9)) ** 4)) / np.maximum(frequency, 0.012) ** 3.5
    )


def caustics(waves, depth, factor=6):
    """Brightness of the floor: every ray is bent by the slope of the waves where it enters."""
    down, right = (enlarged(slope, factor) for slope in slopes(waves))
    start = np.arange(factor * SIZE) / factor
    rows = np.floor(start[:, None] - depth * down).astype(int) % SIZE
    columns = np.floor(start[None, :] - depth * right).astype(int) % SIZE
    rays = np.bincount((rows * SIZE + columns).ravel(), minlength=SIZE**2).reshape(SIZE, SIZE)
    return blurred(rays / factor**2, 0.8)


def draw(rng):
    """A sunlit pool. Red, green and blue are bent unlike, which gives the bright lines coloured rims."""
    waves = filtered(rng.standard_normal((SIZE, SIZE)), swell)
    waves /= np.sqrt(sum(np.mean(slope**2) for slope in slopes(waves)))
    floor = np.stack([caustics(waves, depth) for depth in (7.7, 8.0, 8.3)], axis=-1)
    light = floor / (floor + 1.6)
    colours = mixed(np.array([0.0, 0.21, 0.37]), np.array([0.16, 0.90, 0.98]), light[..., 1])
    colours = colours + np.clip(light - 0.42, 0, 1) * np.array([1.2, 1.1, 0.95])
    return colours * (1 - 0.1 * slopes(waves)[0])[..., None]
