"""Leaves: fallen on one another, each with its shadow."""

from typing import NamedTuple

import numpy as np
from drawings.torus import SIZE, mix, noise, pick_colors, window

GROUND = (0.10, 0.07, 0.05)
VEINS = (0.3, 0.23, 0.12)
LEAVES = [
    (0.78, 0.34, 0.12),
    (0.85, 0.57, 0.17),
    (0.66, 0.20, 0.12),
    (0.55, 0.31, 0.14),
    (0.88, 0.70, 0.26),
    (0.48, 0.41, 0.16),
    (0.74, 0.45, 0.18),
    (0.58, 0.16, 0.13),
    (0.40, 0.25, 0.14),
    (0.60, 0.57, 0.22),
]
REACH = 56  # half the side of the square in which a leaf is drawn, in pixels
LEAF_ROWS, LEAF_COLUMNS = np.mgrid[-REACH:REACH, -REACH:REACH].astype(float)


class Shape(NamedTuple):
    """Shape of a leaf and its stalk, each field `[2 REACH, 2 REACH]`.

    Attributes:
      coverage: in [0, 1].
      across: position across the blade, from -1 to 1.
      veins: brightness of the veins.
    """

    coverage: np.ndarray
    across: np.ndarray
    veins: np.ndarray


class Relief(NamedTuple):
    """Noise in the square of a leaf, from fine to coarse."""

    fine: np.ndarray
    crinkle: np.ndarray
    blotches: np.ndarray


def leaf_shape(rng: np.random.Generator, angle: float, length: float, crinkle: np.ndarray) -> Shape:
    """Returns the shape of a leaf.

    Args:
      rng: random generator.
      angle: of the midrib, in radians from right to down.
      length: half that of the blade, in pixels.
      crinkle: noise that displaces the teeth of the rim.
    """
    along = (np.cos(angle) * LEAF_COLUMNS + np.sin(angle) * LEAF_ROWS) / length
    across = (np.cos(angle) * LEAF_ROWS - np.sin(angle) * LEAF_COLUMNS) / length
    across = across - rng.uniform(-0.25, 0.25) * (along**2 - 0.4)
    place = np.clip((along + 1) / 2, 0, 1)
    half_width = rng.uniform(0.62, 0.94) * np.sin(np.pi * place**0.8) ** 0.9 * (1 - 0.25 * place)
    half_width *= 1 + 0.05 * np.sin(40 * along + 1.8 * crinkle)

    blade = np.clip(length * (half_width - np.abs(across)) + 0.5, 0, 1)
    stalk = np.clip(length * (0.03 - np.abs(across)) + 0.5, 0, 1) * (np.abs(along + 1.09) < 0.19)
    side_veins = np.exp(-((((5.5 * (along - 1.1 * np.abs(across))) % 1 - 0.5) / 0.09) ** 2))
    veins = np.exp(-((across * length / 1.1) ** 2)) + 0.55 * side_veins
    return Shape(np.maximum(blade, stalk), across / np.maximum(half_width, 1e-3), veins)


def leaf_colors(rng: np.random.Generator, angle: float, shape: Shape, relief: Relief) -> np.ndarray:
    """Colors a leaf from one color at the midrib to another at the rim, with spots.

    One half of the blade faces the light.

    Args:
      rng: random generator.
      angle: of the midrib, in radians.
      shape: of the leaf.
      relief: noise in the square of the leaf.
    """
    midrib, rim = pick_colors(rng, LEAVES, 2, spread=0.13)
    edge = np.clip(np.abs(shape.across), 0, 1)
    blend = rng.uniform(0.2, 0.9) * np.clip(0.5 * edge + 0.25 * relief.blotches - 0.25, 0, 1)
    facing = 0.5 * np.sin(angle) - 0.65 * np.cos(angle)
    tilt = np.sign(shape.across) * np.clip(3 * edge, 0, 1) * facing
    light = 1.1 - 0.1 * edge + rng.uniform(0.1, 0.3) * tilt
    light = light + 0.06 * relief.crinkle + 0.035 * relief.fine

    blade = mix(midrib, rim, blend) * light[..., None]
    blade = blade + 0.15 * shape.veins[..., None] * (0.2 * blade + VEINS)
    spots = np.clip(0.6 * relief.fine + relief.blotches - 1.9, 0, 1)
    return blade * (1 - 0.5 * spots)[..., None]


def cast_shadow(coverage: np.ndarray) -> np.ndarray:
    """Returns the soft shadow of a leaf, in [0, 1]."""
    total = sum(np.roll(coverage, (4 + k, 3 + m), (0, 1)) for k in (-2, 0, 2) for m in (-2, 0, 2))
    return total / 9


def draw(rng: np.random.Generator, count: int = 700) -> np.ndarray:
    """Draws autumn leaves on the ground."""
    canvas = np.full((SIZE, SIZE, 3), GROUND)
    fields = [noise(rng, scale) for scale in (6, 30, 50)]
    for i in range(count):
        at = window(rng.uniform(0, SIZE, 2), REACH)
        angle = rng.uniform(0, 2 * np.pi)
        length = rng.uniform(26, 43)
        relief = Relief(*(field[at] for field in fields))
        shape = leaf_shape(rng, angle, length, relief.crinkle)
        colors = leaf_colors(rng, angle, shape, relief)

        shadow = cast_shadow(shape.coverage)
        depth = 0.35 + 0.65 * (i / count) ** 0.7
        below = canvas[at] * (1 - 0.6 * shadow)[..., None]
        canvas[at] = mix(below, depth * colors, shape.coverage)
    return 1.05 * canvas
