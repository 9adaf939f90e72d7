"""Fur: many thousand hairs, drawn from the bottom up; each covers the roots of those below it."""

import numpy as np
from drawings.torus import COLUMNS, SIZE, mix, noise
from PIL import Image, ImageDraw

DARK, TAN, CREAM = np.array([[0.21, 0.14, 0.10], [0.75, 0.53, 0.31], [0.94, 0.83, 0.66]])
GROUND = (60, 40, 25)  # RGB, 8 bits
JOINTS = 5  # straight parts of a hair


def hair_colors(rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Colors the hairs of a tabby: dark stripes on tan, with lighter hairs among them.

    Args:
      rng: random generator.
      rows: of the roots, `[n]`.
      columns: of the roots, `[n]`.

    Returns:
      `[n, 3]`.
    """
    phase = 10 * np.pi * COLUMNS / SIZE + 1.1 * noise(rng, 110, 2.2) + 0.35 * noise(rng, 30, 1.8)
    stripes = np.sin(phase)
    darkness = (1 / (1 + np.exp(-4 * (stripes - 0.2))))[rows, columns]
    darkness = darkness + rng.normal(0, 0.12, rows.size)
    tone = rng.standard_normal(rows.size)
    light = mix(TAN, CREAM, np.clip(0.3 + 0.3 * tone, 0, 1))
    brightness = 1 + 0.1 * tone + 0.08 * noise(rng, 50, 2)[rows, columns]
    return mix(light, DARK, np.clip(darkness, 0, 1)) * brightness[:, None]


def draw_hair(
    pen: ImageDraw.ImageDraw,
    row: float,
    column: float,
    angle: float,
    curl: float,
    length: float,
    color: np.ndarray,
) -> None:
    """Draws a curved line that brightens from root to tip, at twice the size of the drawing.

    Args:
      pen: of a picture of twice the size.
      row: of the root, in pixels.
      column: of the root, in pixels.
      angle: at the root, in radians from right to down.
      curl: change of the angle along the hair.
      length: in pixels.
      color: RGB, `[3]`.
    """
    for joint in range(JOINTS):
        direction = angle + curl * joint / JOINTS
        next_row = row + length / JOINTS * np.sin(direction)
        next_column = column + length / JOINTS * np.cos(direction)
        brightness = 0.55 + 0.6 * (joint + 0.5) / JOINTS
        tone = tuple(int(255 * c) for c in np.clip(color * brightness, 0, 1))
        line = (2 * column, 2 * row, 2 * next_column, 2 * next_row)
        pen.line(line, fill=tone, width=3 if joint < 3 else 2)
        row, column = next_row, next_column


def draw(rng: np.random.Generator, count: int = 60000) -> np.ndarray:
    """Draws the coat of a tabby."""
    rows = -np.sort(-rng.uniform(-0.06, 1, count)) * SIZE
    columns = rng.uniform(-0.05, 1.05, count) * SIZE
    at = rows.astype(int) % SIZE, columns.astype(int) % SIZE
    angles = np.pi / 2 + 0.25 + 0.3 * noise(rng, 170, 2.4)[at] + rng.normal(0, 0.13, count)
    colors = hair_colors(rng, *at)
    curls = rng.normal(0, 0.25, count)
    lengths = rng.gamma(8, 3.2, count)

    picture = Image.new("RGB", (2 * SIZE, 2 * SIZE), GROUND)
    pen = ImageDraw.Draw(picture)
    for hair in zip(rows, columns, angles, curls, lengths, colors, strict=True):
        draw_hair(pen, *hair)
    return np.asarray(picture.resize((SIZE, SIZE), Image.BOX)) / 255
