"""Pebbles: two layers of stones, each stone a rounded cell of a weighted Voronoi diagram."""

import numpy as np
from drawings.torus import (
    COLUMNS,
    ROWS,
    SIZE,
    blurred,
    lit,
    mixed,
    noise,
    picked,
    slopes,
    window,
    wrapped,
)

RISE = 12  # pixels of the drawing, from the lower layer to the upper
STONES = [
    (0.66, 0.61, 0.55),
    (0.47, 0.46, 0.45),
    (0.76, 0.69, 0.58),
    (0.36, 0.40, 0.46),
    (0.58, 0.44, 0.34),
    (0.84, 0.80, 0.74),
    (0.60, 0.36, 0.28),
    (0.28, 0.27, 0.27),
    (0.51, 0.51, 0.42),
    (0.69, 0.57, 0.45),
    (0.43, 0.49, 0.53),
    (0.77, 0.62, 0.51),
]


def power(stones, i, at):
    """Squared distance from stone `i` less its squared radius, in the window `at`."""
    centres, radii, rows, columns = stones
    return (
        wrapped(rows[at] - centres[i, 0]) ** 2
        + wrapped(columns[at] - centres[i, 1]) ** 2
        - radii[i] ** 2
    )


def nearest_stone(stones, reach):
    """Which stone each position belongs to, and its power there."""
    owner, least = np.zeros((SIZE, SIZE), int), np.full((SIZE, SIZE), np.inf)
    for i, centre in enumerate(stones[0]):
        at = window(centre, reach)
        distance = power(stones, i, at)
        owner[at] = np.where(distance < least[at], i, owner[at])
        least[at] = np.minimum(distance, least[at])
    return owner, least


def scattered_stones(rng, count, reach, rounds=8):
    """Stones of unlike sizes, moved to the middle of their cells until they lie evenly (Lloyd's algorithm)."""
    radii = rng.uniform(0.6, 1.5, count)
    radii *= SIZE / np.sqrt(np.pi * np.sum(radii**2))
    centres = rng.uniform(0, SIZE, (count, 2))
    for _ in range(rounds):
        owner = nearest_stone((centres, radii, ROWS, COLUMNS), reach)[0].ravel()
        area = np.maximum(np.bincount(owner, minlength=count), 1)
        for axis, position in enumerate((ROWS.ravel(), COLUMNS.ravel())):
            shift = np.bincount(owner, wrapped(position - centres[owner, axis]), count) / area
            centres[:, axis] = (centres[:, axis] + shift) % SIZE
    bend = 0.05 * reach / 2
    return (
        centres,
        radii,
        ROWS + bend * noise(rng, reach / 2, 2.5),
        COLUMNS + bend * noise(rng, reach / 2, 2.5),
    )


def distance_to_edge(stones, owner, least, reach):
    """Distance to the border of the cell. A soft minimum over the neighbours rounds the corners."""
    centres, sharpness = stones[0], 18 / reach
    total = np.full((SIZE, SIZE), 1e-12)
    for i, centre in enumerate(centres):
        at = window(centre, reach)
        apart = np.hypot(*wrapped(centres[owner[at]] - centre).transpose(2, 0, 1))
        border = (power(stones, i, at) - least[at]) / np.maximum(2 * apart, 1e-6)
        total[at] += np.where(owner[at] == i, 0, np.exp(-sharpness * border))
    return -np.log(total) / sharpness


def stone_colours(rng, stones, owner):
    """A colour for each stone; some are banded, some carry a vein of quartz, all are speckled."""
    centres, _, rows, columns = stones
    count = len(centres)
    angle, fineness = rng.uniform(0, np.pi, count), rng.uniform(0.15, 0.5, count)
    veined = rng.uniform(size=count) < 0.14
    across = wrapped(rows - centres[owner, 0]) * np.cos(angle)[owner]
    across -= wrapped(columns - centres[owner, 1]) * np.sin(angle)[owner]
    bands = (
        0.3
        * (rng.uniform(size=count) ** 4)[owner]
        * np.sin(fineness[owner] * across + 2.5 * noise(rng, 40, 2))
    )
    speckles = rng.uniform(0.01, 0.07, count)[owner] * noise(rng, 5, 0.8)
    blotches = rng.uniform(0, 0.07, count)[owner] * noise(rng, 60)
    vein = 0.6 * veined[owner] * np.exp(-(((across + 3 * noise(rng, 60, 2)) / 1.6) ** 2))
    stone = picked(rng, STONES, count, spread=0.13) + rng.normal(0, 0.012, (count, 3))
    return mixed(
        stone[owner] * (1 + bands + speckles + blotches)[..., None], (0.9, 0.88, 0.84), vein
    )


def stone_layer(rng, count, gap):
    """Stones under light, where they are, and how high, in pixels."""
    reach = int(2 * SIZE / np.sqrt(count))
    stones = scattered_stones(rng, count, reach)
    owner, least = nearest_stone(stones, reach)
    edge = distance_to_edge(stones, owner, least, reach) - gap * reach
    radius = 0.75 * stones[1][owner]
    dome = radius * np.sqrt(1 - (1 - np.clip(edge / radius, 0, 1)) ** 2)
    light = lit(dome + 0.25 * noise(rng, 20, 1.4))
    open_sky = 0.35 + 0.65 * np.clip(dome / (0.22 * reach), 0, 1)
    brightness = 0.33 * open_sky + light * (0.48 + 0.6 * open_sky)
    shine = 0.12 * light**24
    return (
        stone_colours(rng, stones, owner) * brightness[..., None] + shine[..., None],
        np.clip(edge + 0.5, 0, 1),
        dome,
    )


def draw(rng):
    """River pebbles over smaller ones, which lie in their shadow."""
    below, is_below, _ = stone_layer(rng, 520, gap=0.01)
    above, is_above, _ = stone_layer(rng, 105, gap=0.026)
    shadow = 1 - 0.72 * blurred(np.roll(is_above, (6, 6), (0, 1)), 5)
    return mixed(0.7 * below * (is_below * shadow)[..., None], above, is_above) ** 0.9


def relief(rng):
    """How high the same pebbles are, in pixels."""
    below, above = stone_layer(rng, 520, gap=0.01), stone_layer(rng, 105, gap=0.026)
    return np.where(above[1] > 0.5, above[2] + RISE, 0.8 * below[2])


def height(rng):
    """Their height, as grey: the deepest is black, the highest white."""
    high = relief(rng)
    return np.repeat(((high - high.min()) / np.ptp(high))[..., None], 3, -1)


def normals(rng):
    """Which way their surface faces, right, up and towards us, in red, green and blue; 0.5 is 0."""
    down, right = slopes(blurred(relief(rng), 1.0))
    facing = np.stack([-right, down, np.ones_like(down)], -1)
    return 0.5 + 0.5 * facing / np.linalg.norm(facing, axis=-1, keepdims=True)
