"""Fur: many thousand hairs, drawn from the bottom up so that each lies on the roots of those below it."""

import numpy as np
from drawings.torus import COLUMNS, SIZE, mixed, noise
from PIL import Image, ImageDraw

DARK, TAN, CREAM = np.array([[0.21, 0.14, 0.10], [0.75, 0.53, 0.31], [0.94, 0.83, 0.66]])


def hair_colours(rng, rows, columns):
    """Tabby: dark stripes on tan, with lighter hairs among them."""
    stripes = np.sin(
        10 * np.pi * COLUMNS / SIZE + 1.1 * noise(rng, 110, 2.2) + 0.35 * noise(rng, 30, 1.8)
    )
    darkness = (1 / (1 + np.exp(-4 * (stripes - 0.2))))[rows, columns] + rng.normal(
        0, 0.12, rows.size
    )
    shade = rng.standard_normal(rows.size)
    light = mixed(TAN, CREAM, np.clip(0.3 + 0.3 * shade, 0, 1))
    brightness = 1 + 0.1 * shade + 0.08 * noise(rng, 50, 2)[rows, columns]
    return mixed(light, DARK, np.clip(darkness, 0, 1)) * brightness[:, None]


def draw_hair(pen, row, column, angle, curl, length, colour, joints=5):
    """A curved line that brightens from root to tip."""
    for joint in range(joints):
        direction = angle + curl * joint / joints
        tip = (
            row + length / joints * np.sin(direction),
            column + length / joints * np.cos(direction),
        )
        tone = tuple(
            int(255 * c) for c in np.clip(colour * (0.55 + 0.6 * (joint + 0.5) / joints), 0, 1)
        )
        pen.line(
            (2 * column, 2 * row, 2 * tip[1], 2 * tip[0]), fill=tone, width=3 if joint < 3 else 2
        )
        row, column = tip


def draw(rng, count=60000):
    """A tabby's coat."""
    rows, columns = (
        -np.sort(-rng.uniform(-0.06, 1, count)) * SIZE,
        rng.uniform(-0.05, 1.05, count) * SIZE,
    )
    at = rows.astype(int) % SIZE, columns.astype(int) % SIZE
    angles = np.pi / 2 + 0.25 + 0.3 * noise(rng, 170, 2.4)[at] + rng.normal(0, 0.13, count)
    colours = hair_colours(rng, *at)
    picture = Image.new("RGB", (2 * SIZE, 2 * SIZE), (60, 40, 25))
    pen = ImageDraw.Draw(picture)
    for hair in zip(
        rows,
        columns,
        angles,
        rng.normal(0, 0.25, count),
        rng.gamma(8, 3.2, count),
        colours,
        strict=True,
    ):
        draw_hair(pen, *hair)
    return np.asarray(picture.resize((SIZE, SIZE), Image.BOX)) / 255
