"""Bricks: a running bond of boxes with rounded corners, each a little displaced."""

import numpy as np
from drawings.torus import COLUMNS, ROWS, SIZE, blur, mix, noise, pick_colors, shade

MORTAR = np.array([0.72, 0.68, 0.61])
LIME = (0.78, 0.7, 0.62)
BRICKS = [
    (0.64, 0.29, 0.19),
    (0.57, 0.25, 0.18),
    (0.70, 0.37, 0.24),
    (0.50, 0.23, 0.18),
    (0.61, 0.34, 0.25),
    (0.73, 0.45, 0.30),
    (0.43, 0.23, 0.20),
    (0.66, 0.31, 0.18),
    (0.54, 0.31, 0.23),
]


def lay_bricks(
    rng: np.random.Generator, courses: int = 10, per_course: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Lays the bricks.

    Args:
      rng: random generator.
      courses: rows of bricks.
      per_course: bricks of a row.

    Returns:
      Index of the brick of each position, and the distance to its edge in pixels, negative in the
      mortar.
    """
    height = SIZE / courses
    width = SIZE / per_course
    count = courses * per_course
    rows = ROWS + 1.8 * noise(rng, 90, 2) + 0.5 * noise(rng, 8)
    columns = COLUMNS + 1.8 * noise(rng, 90, 2) + 0.5 * noise(rng, 8)
    course = np.floor(rows / height).astype(int) % courses
    columns = columns + (course % 2) * width / 2 + rng.uniform(-6, 6, courses)[course]
    owner = course * per_course + np.floor(columns / width).astype(int) % per_course

    # Offset from the brick's center, displaced and tilted.
    right = columns % width - width / 2 + rng.uniform(-2.5, 2.5, count)[owner]
    down = rows % height - height / 2 + rng.uniform(-1.5, 1.5, count)[owner]
    down = down + right * rng.normal(0, 0.014, count)[owner]

    # Distance to a box with rounded corners.
    right = np.abs(right) - width / 2 + rng.uniform(10, 13, count)[owner]
    down = np.abs(down) - height / 2 + rng.uniform(9.5, 11.5, count)[owner]
    outside = np.hypot(np.maximum(right, 0), np.maximum(down, 0))
    inside = np.minimum(np.maximum(right, down), 0)
    return owner, 5 - outside - inside + 0.8 * noise(rng, 16, 1.4)


def brick_colors(rng: np.random.Generator, owner: np.ndarray) -> np.ndarray:
    """Colors fired clay: uneven, burnt dark in places, with some lime on it."""
    count = owner.max() + 1
    burnt = 0.5 / (1 + np.exp(3 * (rng.uniform(0.4, 3, count)[owner] - noise(rng, 50, 2))))
    tone = (1 + 0.07 * noise(rng, 70) + 0.06 * noise(rng, 6, 1)) * (1 - burnt)
    clay = pick_colors(rng, BRICKS, count)[owner] * tone[..., None]
    return mix(clay, LIME, 0.45 * np.clip(noise(rng, 40, 1.3) - 1.5, 0, 1))


def draw(rng: np.random.Generator) -> np.ndarray:
    """Draws a wall of old bricks in sandy mortar."""
    owner, edge = lay_bricks(rng)
    is_brick = np.clip(edge + 0.5, 0, 1)
    pits = np.clip(noise(rng, 10, 1.7) - 1.6, 0, 1.5)
    clay = brick_colors(rng, owner) * (1 - 0.3 * np.clip(pits, 0, 1))[..., None]
    grain = 1 + 0.05 * noise(rng, 4, 0.8) + 0.05 * noise(rng, 60)
    mortar = MORTAR * grain[..., None]

    face = 4.5 * (1 - np.exp(-np.maximum(edge, 0) / 3)) + 0.3 * noise(rng, 14, 1.5) - 1.4 * pits
    joint = 0.45 * noise(rng, 8, 1.3) - 0.8
    light = shade(joint + is_brick * (face - joint), light=(-0.6, -0.45, 1))
    shadow = 1 - 0.4 * blur(np.roll(is_brick, (5, 4), (0, 1)), 3) * (1 - is_brick)
    return mix(mortar, clay, is_brick) * ((0.34 + 0.93 * light) * shadow)[..., None]
