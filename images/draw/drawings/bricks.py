"""Bricks: a running bond of boxes with rounded corners, each a little off its place."""

import numpy as np
from drawings.torus import COLUMNS, ROWS, SIZE, blurred, lit, mixed, noise, picked

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


def brick_layout(rng, courses=10, per_course=4):
    """Which brick each position belongs to, and the distance to that brick's edge (negative in the mortar)."""
    height, width, count = SIZE / courses, SIZE / per_course, courses * per_course
    rows = ROWS + 1.8 * noise(rng, 90, 2) + 0.5 * noise(rng, 8)
    columns = COLUMNS + 1.8 * noise(rng, 90, 2) + 0.5 * noise(rng, 8)
    course = np.floor(rows / height).astype(int) % courses
    columns = columns + (course % 2) * width / 2 + rng.uniform(-6, 6, courses)[course]
    owner = course * per_course + np.floor(columns / width).astype(int) % per_course
    right = columns % width - width / 2 + rng.uniform(-2.5, 2.5, count)[owner]
    down = rows % height - height / 2 + rng.uniform(-1.5, 1.5, count)[owner]
    down = down + right * rng.normal(0, 0.014, count)[owner]  # tilted
    right = np.abs(right) - width / 2 + rng.uniform(10, 13, count)[owner]
    down = np.abs(down) - height / 2 + rng.uniform(9.5, 11.5, count)[owner]
    outside = np.hypot(np.maximum(right, 0), np.maximum(down, 0))
    return owner, 5 - outside - np.minimum(np.maximum(right, down), 0) + 0.8 * noise(rng, 16, 1.4)


def brick_colours(rng, owner):
    """Fired clay: uneven, burnt dark in places, with some lime on it."""
    count = owner.max() + 1
    burnt = 0.5 / (1 + np.exp(3 * (rng.uniform(0.4, 3, count)[owner] - noise(rng, 50, 2))))
    tone = (1 + 0.07 * noise(rng, 70) + 0.06 * noise(rng, 6, 1)) * (1 - burnt)
    clay = picked(rng, BRICKS, count)[owner] * tone[..., None]
    return mixed(clay, (0.78, 0.7, 0.62), 0.45 * np.clip(noise(rng, 40, 1.3) - 1.5, 0, 1))


def draw(rng):
    """A wall of old bricks in sandy mortar."""
    owner, edge = brick_layout(rng)
    is_brick = np.clip(edge + 0.5, 0, 1)
    pits = np.clip(noise(rng, 10, 1.7) - 1.6, 0, 1.5)
    clay = brick_colours(rng, owner) * (1 - 0.3 * np.clip(pits, 0, 1))[..., None]
    mortar = (
        np.array([0.72, 0.68, 0.61])
        * (1 + 0.05 * noise(rng, 4, 0.8) + 0.05 * noise(rng, 60))[..., None]
    )
    face = 4.5 * (1 - np.exp(-np.maximum(edge, 0) / 3)) + 0.3 * noise(rng, 14, 1.5) - 1.4 * pits
    joint = 0.45 * noise(rng, 8, 1.3) - 0.8
    light = lit(joint + is_brick * (face - joint), light=(-0.6, -0.45, 1))
    shadow = 1 - 0.4 * blurred(np.roll(is_brick, (5, 4), (0, 1)), 3) * (1 - is_brick)
    return mixed(mortar, clay, is_brick) * ((0.34 + 0.93 * light) * shadow)[..., None]
