"""Weave: two sets of threads that pass over and under each other in turn."""

from typing import NamedTuple

import numpy as np
from drawings.torus import (
    COLUMNS,
    ROWS,
    SIZE,
    Vector,
    blur,
    mix,
    noise,
    pick_colors,
    shade,
)

NUM_THREADS = 20  # of each set
WARP = [
    (0.13, 0.23, 0.36),
    (0.16, 0.30, 0.44),
    (0.10, 0.18, 0.29),
    (0.20, 0.38, 0.48),
    (0.25, 0.43, 0.50),
]
WEFT = [
    (0.78, 0.54, 0.24),
    (0.72, 0.36, 0.20),
    (0.86, 0.72, 0.48),
    (0.62, 0.26, 0.18),
    (0.83, 0.63, 0.34),
]


class Threads(NamedTuple):
    """A set of threads: height in half widths (-2 between threads), and colors."""

    height: np.ndarray
    colors: np.ndarray


def spin_threads(
    rng: np.random.Generator,
    across: np.ndarray,
    along: np.ndarray,
    palette: list[Vector],
    phase: int,
    grain: np.ndarray,
) -> Threads:
    """Makes threads that run along one axis.

    Args:
      rng: random generator.
      across: coordinate across the threads, in pixels.
      along: coordinate along them, in pixels.
      palette: colors.
      phase: 0 or 1; sets of different phase pass over each other.
      grain: noise of the fibers.
    """
    pitch = SIZE / NUM_THREADS
    thread = np.floor(across / pitch).astype(int) % NUM_THREADS
    side = (2 * (across / pitch % 1) - 1) / rng.uniform(0.9, 1, NUM_THREADS)[thread]
    wave = 0.45 * np.cos(np.pi * (along / pitch - 0.5 + phase + thread % 2))
    twist = 2 * np.pi * (1.5 * along / pitch + 0.7 * side)
    plies = np.sin(twist + rng.uniform(0, 7, NUM_THREADS)[thread])
    height = wave + np.sqrt(np.clip(1 - side**2, 0, 1)) + 0.035 * plies + 0.012 * grain
    tone = 1 + 0.1 * plies + 0.1 * grain + 0.04 * noise(rng, 60)
    colors = pick_colors(rng, palette, NUM_THREADS)[thread] * tone[..., None]
    return Threads(np.where(np.abs(side) < 1, height, -2), colors)


def draw(rng: np.random.Generator) -> np.ndarray:
    """Draws coarse cloth of blue warp and warm weft."""
    rows = ROWS + 2 * noise(rng, 130, 2.6) + 0.3 * noise(rng, 25, 2)
    columns = COLUMNS + 2 * noise(rng, 130, 2.6) + 0.3 * noise(rng, 25, 2)
    warp_grain = noise(rng, 5, 1.5, (8, 1))
    warp = spin_threads(rng, columns, rows, WARP, 0, warp_grain)
    weft_grain = noise(rng, 5, 1.5, (1, 8))
    weft = spin_threads(rng, rows, columns, WEFT, 1, weft_grain)

    height = blur(np.maximum(np.maximum(warp.height, weft.height), -0.7), 1)
    light = shade(8 * height, light=(-0.65, -0.5, 0.9))
    open_sky = np.clip(0.62 + 0.5 * height - 0.3 * blur(height, 7), 0.1, 1.1)
    warp_above = 1 / (1 + np.exp(30 * (weft.height - warp.height)))
    cloth = mix(weft.colors, warp.colors, warp_above)
    return cloth * ((0.38 + 0.85 * light) * open_sky)[..., None] + 0.03 * (light**30)[..., None]
