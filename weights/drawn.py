"""Drawn training images: what an image passes through during synthesis, and what photographs lack.

Every function takes a NumPy generator and a size and returns `[size, size, 3]`, float32 in [0, 1].

References:
  Lee, Mumford and Huang, "Occlusion models for natural images", IJCV 2001 (dead leaves).
  Baradad et al., "Learning to see by looking at noise", NeurIPS 2021,
  https://arxiv.org/abs/2106.05963.
"""

import numpy as np


def draw(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws an image of a random kind."""
    return PICTURES[rng.integers(len(PICTURES))](rng, size)


def dead_leaves(rng: np.random.Generator, size: int, leaves: int = 150) -> np.ndarray:
    """Draws ellipses and boxes of one color each, later ones in front of earlier ones.

    The density of their radii is proportional to 1 / r^2, from 2 pixels upwards.
    """
    image = np.broadcast_to(rng.random(3, np.float32), (size, size, 3)).copy()
    rows, columns = np.mgrid[:size, :size]
    largest = rng.uniform(0.05, 0.4) * size
    for _ in range(leaves):
        radius = 2 / max(1e-3, 2 / largest + rng.random() * (1 - 2 / largest))
        center_row, center_column = rng.uniform(0, size), rng.uniform(0, size)
        u, v = _rotate(rows - center_row, columns - center_column, rng.uniform(0, np.pi))
        v = v * rng.uniform(1, 4)
        if rng.random() < 0.4:
            inside = np.maximum(abs(u), abs(v)) < radius
        else:
            inside = u * u + v * v < radius * radius
        image[inside] = rng.random(3)
    return image


def noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws Gaussian noise, amplitude spectrum 1 / f^a, a in [0, 2], random colors and contrast."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) + 1 / size
    white = np.fft.rfft2(rng.standard_normal((3, size, size)))
    field = np.fft.irfft2(white * frequency ** -rng.uniform(0, 2), (size, size))
    field = np.moveaxis(field / field.std(), 0, -1) @ _color_matrix(rng)
    return _clip(rng.random(3) + rng.uniform(0.01, 0.4) * field)


def gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draws a smooth blend of two colors, or waves between them, with equal probability."""
    rows, columns = np.mgrid[:size, :size] / size
    u, _ = _rotate(rows, columns, rng.uniform(0, 2 * np.pi))
    t = u if rng.random() < 0.5 else 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(1, size / 4) * u)
    return _clip(rng.random(3) + t[..., None] * rng.uniform(-1, 1, 3))


def _rotate(rows: np.ndarray, columns: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    u = rows * np.cos(angle) - columns * np.sin(angle)
    v = rows * np.sin(angle) + columns * np.cos(angle)
    return u, v


def _color_matrix(rng: np.random.Generator) -> np.ndarray:
    """Returns a random `[3, 3]` matrix that gives white noise colors, from independent to gray."""
    gray = rng.random()
    colored = (1 - gray) * rng.standard_normal((3, 3)) / 1.7
    return colored + gray * rng.standard_normal((1, 3))[[0]] / 1.7


def _clip(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 1).astype(np.float32)


PICTURES = (dead_leaves, noise, gradient)
