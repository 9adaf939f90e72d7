"""Water: light that waves on the surface focus on the floor of a pool."""

import numpy as np
from drawings.torus import SIZE, blur, filter_frequencies, mix, slopes
from PIL import Image

DEPTHS = (7.7, 8.0, 8.3)  # for red, green and blue, which water refracts differently
DEEP = np.array([0.0, 0.21, 0.37])  # color of the floor in the shade
BRIGHT = np.array([0.16, 0.90, 0.98])  # color of the floor in the light


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """Enlarges a field on the torus by bicubic interpolation."""
    border = 4
    padded = Image.fromarray(np.pad(image, border, mode="wrap").astype(np.float32))
    size = factor * (SIZE + 2 * border)
    inside = slice(factor * border, -factor * border)
    return np.array(padded.resize((size, size), Image.BICUBIC))[inside, inside]


def swell(frequency: np.ndarray) -> np.ndarray:
    """Returns the amplitude of waves: mostly of about 80 pixels, none of more than 150.

    Args:
      frequency: in cycles per pixel.
    """
    long_waves = np.exp(-((0.0072 / np.maximum(frequency, 1e-9)) ** 4))
    return long_waves / np.maximum(frequency, 0.012) ** 3.5


def caustics(waves: np.ndarray, depth: float, factor: int = 6) -> np.ndarray:
    """Returns the light on the floor: the slope of the waves refracts each ray.

    Args:
      waves: height of the surface.
      depth: of the pool; pixels that a slope of 1 displaces a ray by.
      factor: rays per pixel along each axis.
    """
    down, right = (enlarge(slope, factor) for slope in slopes(waves))
    start = np.arange(factor * SIZE) / factor
    rows = np.floor(start[:, None] - depth * down).astype(int) % SIZE
    columns = np.floor(start[None, :] - depth * right).astype(int) % SIZE
    rays = np.bincount((rows * SIZE + columns).ravel(), minlength=SIZE**2).reshape(SIZE, SIZE)
    return blur(rays / factor**2, 0.8)


def draw(rng: np.random.Generator) -> np.ndarray:
    """Draws a sunlit pool, whose bright lines have colored rims."""
    waves = filter_frequencies(rng.standard_normal((SIZE, SIZE)), swell)
    waves /= np.sqrt(sum(np.mean(slope**2) for slope in slopes(waves)))
    floor = np.stack([caustics(waves, depth) for depth in DEPTHS], axis=-1)
    light = floor / (floor + 1.6)
    colors = mix(DEEP, BRIGHT, light[..., 1])
    colors = colors + np.clip(light - 0.42, 0, 1) * np.array([1.2, 1.1, 0.95])
    return colors * (1 - 0.1 * slopes(waves)[0])[..., None]
