"""Leaves: fallen one on another, each with its shadow."""

import numpy as np
from drawings.torus import SIZE, mixed, noise, picked, window

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
REACH = 56  # of the square in which one leaf is drawn
LEAF_ROWS, LEAF_COLUMNS = np.mgrid[-REACH:REACH, -REACH:REACH].astype(float)


def leaf_shape(rng, angle, length, crinkle):
    """One leaf and its stalk.

    Returns:
      Coverage, the place across (-1 to 1 within the blade) and the brightness of the veins.
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
    return np.maximum(blade, stalk), across / np.maximum(half_width, 1e-3), veins


def leaf_colours(rng, angle, across, veins, fine, crinkle, blotches):
    """From one autumn colour at the midrib to another at the rim, with spots; one half of the blade faces the light."""
    midrib, rim = picked(rng, LEAVES, 2, spread=0.13)
    edge = np.clip(np.abs(across), 0, 1)
    blend = rng.uniform(0.2, 0.9) * np.clip(0.5 * edge + 0.25 * blotches - 0.25, 0, 1)
    tilt = np.sign(across) * np.clip(3 * edge, 0, 1) * (0.5 * np.sin(angle) - 0.65 * np.cos(angle))
    light = 1.1 - 0.1 * edge + rng.uniform(0.1, 0.3) * tilt + 0.06 * crinkle + 0.035 * fine
    blade = mixed(midrib, rim, blend) * light[..., None]
    blade = blade + 0.15 * veins[..., None] * (0.2 * blade + (0.3, 0.23, 0.12))
    return blade * (1 - 0.5 * np.clip(0.6 * fine + blotches - 1.9, 0, 1))[..., None]


def draw(rng, count=700):
    """Autumn leaves on the ground."""
    ground = np.full((SIZE, SIZE, 3), (0.10, 0.07, 0.05))
    fields = [noise(rng, scale) for scale in (6, 30, 50)]
    for i in range(count):
        at = window(rng.uniform(0, SIZE, 2), REACH)
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(26, 43)
        fine, crinkle, blotches = (field[at] for field in fields)
        cover, across, veins = leaf_shape(rng, angle, length, crinkle)
        colours = leaf_colours(rng, angle, across, veins, fine, crinkle, blotches)
        shadow = (
            sum(np.roll(cover, (4 + k, 3 + m), (0, 1)) for k in (-2, 0, 2) for m in (-2, 0, 2)) / 9
        )
        depth = 0.35 + 0.65 * (i / count) ** 0.7
        ground[at] = mixed(ground[at] * (1 - 0.6 * shadow)[..., None], depth * colours, cover)
    return 1.05 * ground
