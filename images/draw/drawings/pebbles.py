"""Pebbles: two layers of stones, each stone a rounded cell of a weighted Voronoi diagram."""

from typing import NamedTuple

import numpy as np
from drawings.torus import (
    COLUMNS,
    ROWS,
    SIZE,
    blur,
    mix,
    noise,
    pick_colors,
    shade,
    slopes,
    window,
    wrap,
)

RISE = 12  # pixels from the lower layer to the upper
NUM_BELOW = 520  # stones of the lower layer
NUM_ABOVE = 105
QUARTZ = (0.9, 0.88, 0.84)
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


class Stones(NamedTuple):
    """Stones of one layer.

    Attributes:
      centers: `[n, 2]`, in pixels.
      radii: `[n]`, in pixels.
      rows: row of each position, distorted so that cells have curved borders.
      columns: column of each position, distorted.
    """

    centers: np.ndarray
    radii: np.ndarray
    rows: np.ndarray
    columns: np.ndarray


class Layer(NamedTuple):
    """A drawn layer: colors under light, coverage in [0, 1], and height in pixels."""

    colors: np.ndarray
    coverage: np.ndarray
    height: np.ndarray


def power_distance(stones: Stones, i: int, at: tuple[np.ndarray, ...]) -> np.ndarray:
    """Returns the squared distance from stone `i` minus its squared radius, in the window `at`."""
    return (
        wrap(stones.rows[at] - stones.centers[i, 0]) ** 2
        + wrap(stones.columns[at] - stones.centers[i, 1]) ** 2
        - stones.radii[i] ** 2
    )


def nearest_stone(stones: Stones, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the index of the stone of each position, and its power distance there.

    Args:
      stones: of one layer.
      reach: pixels around a center that its stone can cover.
    """
    owner = np.zeros((SIZE, SIZE), int)
    least = np.full((SIZE, SIZE), np.inf)
    for i, center in enumerate(stones.centers):
        at = window(center, reach)
        distance = power_distance(stones, i, at)
        owner[at] = np.where(distance < least[at], i, owner[at])
        least[at] = np.minimum(distance, least[at])
    return owner, least


def scatter_stones(rng: np.random.Generator, count: int, reach: int, rounds: int = 8) -> Stones:
    """Scatters stones of different sizes evenly, by Lloyd's algorithm.

    Args:
      rng: random generator.
      count: number of stones.
      reach: as in `nearest_stone`.
      rounds: how often each stone moves to the center of its cell.
    """
    radii = rng.uniform(0.6, 1.5, count)
    radii *= SIZE / np.sqrt(np.pi * np.sum(radii**2))
    centers = rng.uniform(0, SIZE, (count, 2))
    for _ in range(rounds):
        owner = nearest_stone(Stones(centers, radii, ROWS, COLUMNS), reach)[0].ravel()
        area = np.maximum(np.bincount(owner, minlength=count), 1)
        for axis, position in enumerate((ROWS.ravel(), COLUMNS.ravel())):
            shift = np.bincount(owner, wrap(position - centers[owner, axis]), count) / area
            centers[:, axis] = (centers[:, axis] + shift) % SIZE

    bend = 0.05 * reach / 2
    rows = ROWS + bend * noise(rng, reach / 2, 2.5)
    columns = COLUMNS + bend * noise(rng, reach / 2, 2.5)
    return Stones(centers, radii, rows, columns)


def distance_to_edge(
    stones: Stones, owner: np.ndarray, least: np.ndarray, reach: int
) -> np.ndarray:
    """Returns the distance to the border of the cell, in pixels.

    A soft minimum over the neighbors rounds the corners.

    Args:
      stones: of one layer.
      owner: index of the stone of each position.
      least: its power distance.
      reach: as in `nearest_stone`.
    """
    centers = stones.centers
    sharpness = 18 / reach
    total = np.full((SIZE, SIZE), 1e-12)
    for i, center in enumerate(centers):
        at = window(center, reach)
        apart = np.hypot(*wrap(centers[owner[at]] - center).transpose(2, 0, 1))
        border = (power_distance(stones, i, at) - least[at]) / np.maximum(2 * apart, 1e-6)
        total[at] += np.where(owner[at] == i, 0, np.exp(-sharpness * border))
    return -np.log(total) / sharpness


def stone_colors(rng: np.random.Generator, stones: Stones, owner: np.ndarray) -> np.ndarray:
    """Colors the stones: some are banded, some have a vein of quartz, all are speckled.

    Args:
      rng: random generator.
      stones: of one layer.
      owner: index of the stone of each position.
    """
    centers = stones.centers
    count = len(centers)
    angle = rng.uniform(0, np.pi, count)
    fineness = rng.uniform(0.15, 0.5, count)
    veined = rng.uniform(size=count) < 0.14
    across = wrap(stones.rows - centers[owner, 0]) * np.cos(angle)[owner]
    across -= wrap(stones.columns - centers[owner, 1]) * np.sin(angle)[owner]

    contrast = 0.3 * (rng.uniform(size=count) ** 4)[owner]
    bands = contrast * np.sin(fineness[owner] * across + 2.5 * noise(rng, 40, 2))
    speckles = rng.uniform(0.01, 0.07, count)[owner] * noise(rng, 5, 0.8)
    blotches = rng.uniform(0, 0.07, count)[owner] * noise(rng, 60)
    vein = 0.6 * veined[owner] * np.exp(-(((across + 3 * noise(rng, 60, 2)) / 1.6) ** 2))
    stone = pick_colors(rng, STONES, count, spread=0.13) + rng.normal(0, 0.012, (count, 3))
    return mix(stone[owner] * (1 + bands + speckles + blotches)[..., None], QUARTZ, vein)


def draw_layer(rng: np.random.Generator, count: int, gap: float) -> Layer:
    """Draws one layer of stones.

    Args:
      rng: random generator.
      count: number of stones.
      gap: half the space between stones, relative to the reach of a stone.
    """
    reach = int(2 * SIZE / np.sqrt(count))
    stones = scatter_stones(rng, count, reach)
    owner, least = nearest_stone(stones, reach)
    edge = distance_to_edge(stones, owner, least, reach) - gap * reach
    radius = 0.75 * stones.radii[owner]
    dome = radius * np.sqrt(1 - (1 - np.clip(edge / radius, 0, 1)) ** 2)

    light = shade(dome + 0.25 * noise(rng, 20, 1.4))
    open_sky = 0.35 + 0.65 * np.clip(dome / (0.22 * reach), 0, 1)
    brightness = 0.33 * open_sky + light * (0.48 + 0.6 * open_sky)
    shine = 0.12 * light**24
    colors = stone_colors(rng, stones, owner) * brightness[..., None] + shine[..., None]
    return Layer(colors, np.clip(edge + 0.5, 0, 1), dome)


def draw_layers(rng: np.random.Generator) -> tuple[Layer, Layer]:
    """Draws the lower and the upper layer."""
    below = draw_layer(rng, NUM_BELOW, gap=0.01)
    above = draw_layer(rng, NUM_ABOVE, gap=0.026)
    return below, above


def draw(rng: np.random.Generator) -> np.ndarray:
    """Draws river pebbles above smaller ones, on which they cast shadows."""
    below, above = draw_layers(rng)
    shadow = 1 - 0.72 * blur(np.roll(above.coverage, (6, 6), (0, 1)), 5)
    lower = 0.7 * below.colors * (below.coverage * shadow)[..., None]
    return mix(lower, above.colors, above.coverage) ** 0.9


def relief(rng: np.random.Generator) -> np.ndarray:
    """Returns the height of the same pebbles, in pixels."""
    below, above = draw_layers(rng)
    return np.where(above.coverage > 0.5, above.height + RISE, 0.8 * below.height)


def height(rng: np.random.Generator) -> np.ndarray:
    """Draws their height in gray, from the deepest in black to the highest in white."""
    pixels = relief(rng)
    gray = (pixels - pixels.min()) / np.ptp(pixels)
    return np.repeat(gray[..., None], 3, -1)


def normals(rng: np.random.Generator) -> np.ndarray:
    """Draws their normals: right, up and towards the viewer in red, green and blue; 0.5 is 0."""
    down, right = slopes(blur(relief(rng), 1.0))
    facing = np.stack([-right, down, np.ones_like(down)], -1)
    return 0.5 + 0.5 * facing / np.linalg.norm(facing, axis=-1, keepdims=True)
