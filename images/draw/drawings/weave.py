"""Weave: two sets of threads that go over and under each other in turn."""

import numpy as np
from drawings.torus import COLUMNS, ROWS, SIZE, blurred, lit, mixed, noise, picked

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


def threads(rng, across, along, palette, phase, grain, count=20):
    """Threads that run along one axis; `grain` is the noise of their fibres.

    Returns:
      Their height (in half widths, -2 between threads) and their colours.
    """
    pitch = SIZE / count
    thread = np.floor(across / pitch).astype(int) % count
    side = (2 * (across / pitch % 1) - 1) / rng.uniform(0.9, 1, count)[thread]
    wave = 0.45 * np.cos(np.pi * (along / pitch - 0.5 + phase + thread % 2))
    plies = np.sin(
        2 * np.pi * (1.5 * along / pitch + 0.7 * side) + rng.uniform(0, 7, count)[thread]
    )
    height = wave + np.sqrt(np.clip(1 - side**2, 0, 1)) + 0.035 * plies + 0.012 * grain
    tone = 1 + 0.1 * plies + 0.1 * grain + 0.04 * noise(rng, 60)
    return np.where(np.abs(side) < 1, height, -2), picked(rng, palette, count)[thread] * tone[
        ..., None
    ]


def draw(rng):
    """Coarse cloth of blue warp and warm weft."""
    rows = ROWS + 2 * noise(rng, 130, 2.6) + 0.3 * noise(rng, 25, 2)
    columns = COLUMNS + 2 * noise(rng, 130, 2.6) + 0.3 * noise(rng, 25, 2)
    warp, warp_colours = threads(rng, columns, rows, WARP, 0, noise(rng, 5, 1.5, (8, 1)))
    weft, weft_colours = threads(rng, rows, columns, WEFT, 1, noise(rng, 5, 1.5, (1, 8)))
    height = blurred(np.maximum(np.maximum(warp, weft), -0.7), 1)
    light = lit(8 * height, light=(-0.65, -0.5, 0.9))
    open_sky = np.clip(0.62 + 0.5 * height - 0.3 * blurred(height, 7), 0.1, 1.1)
    cloth = mixed(weft_colours, warp_colours, 1 / (1 + np.exp(30 * (weft - warp))))
    return cloth * ((0.38 + 0.85 * light) * open_sky)[..., None] + 0.03 * (light**30)[..., None]
