"""A course of the loss as lines and ticks in percent of a frame, for a page that draws them at any size and colour.

Not by Matplotlib: its letters shrink with the picture, on a telephone below what can be read, and its colours are fixed.
"""

import math
from typing import NamedTuple

Points = list[tuple[float, float]]
MAX_POINTS = 400  # points of a line; more are not seen apart
EXTREME = 1e150  # values beyond it, or under its inverse, are not drawn: their ratio is a number


class Line(NamedTuple):
    """One curve."""

    label: str
    points: str  # "0.00,100.00 12.50,40.00 ..." in percent from the left and from above
    last: float


class Chart(NamedTuple):
    """Curves over the steps; the vertical axis is logarithmic."""

    lines: list[Line]
    across: list[tuple[float, str]]  # percent from the left, label
    up: list[tuple[float, str]]  # percent from above, label


def draw(
    curves: dict[str, Points], span: tuple[float, float, float, float] | None = None
) -> Chart | None:
    """Curves in the frame of all of them.

    Args:
      curves: label -> (step, value); values that have no logarithm are left out.
      span: the frame, if several charts are to have the same; as from `bounds`.

    Returns:
      None: there is nothing to be drawn, or but one step.
    """
    curves = {label: _drawable(points) for label, points in curves.items()}
    span = span or bounds(curves)
    if not span or span[0] == span[1]:
        return None
    left, right, low, high = span
    x = lambda step: 100 * (step - left) / (right - left)
    y = lambda value: 100 * math.log(high / value) / math.log(high / low)
    pairs = lambda points: " ".join(
        f"{x(step):.2f},{y(value):.2f}" for step, value in _thinned(points)
    )
    lines = [
        Line(label, pairs(points), points[-1][1]) for label, points in curves.items() if points
    ]
    return Chart(
        lines,
        [(x(t), f"{t:g}") for t in _round(left, right)],
        [(y(t), f"{t:g}") for t in _decades(low, high)],
    )


def bounds(curves: dict[str, Points]) -> tuple[float, float, float, float] | None:
    """First and last step, lowest and highest value; None without any."""
    points = [point for each in curves.values() for point in _drawable(each)]
    if not points:
        return None
    steps, values = zip(*points, strict=True)
    low, high = min(values), max(values)
    return (
        (min(steps), max(steps), low, high)
        if low < high
        else (min(steps), max(steps), low / 2, high * 2)
    )


def _drawable(points: Points) -> Points:
    return [(step, value) for step, value in points if 1 / EXTREME < value < EXTREME]


def _thinned(points: Points) -> Points:
    every = math.ceil(len(points) / MAX_POINTS)
    return [*points[:-1:every], points[-1]]


def _round(low: float, high: float) -> list[float]:
    """At most six round numbers between two."""
    step = next(step for step in _steps(high - low) if (high - low) / step < 6)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _steps(span: float):
    power = math.floor(math.log10(span)) - 1
    return [unit * 10.0 ** (power + i) for i in range(3) for unit in (1, 2, 5)]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten between two numbers, at most six; with twice and five times them if there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [
        float(f"{unit}e{power}")
        for power in powers
        for unit in (1, 2, 5)
        if low <= float(f"{unit}e{power}") <= high
    ]
    coarse = [value for value in fine if f"{value:e}".startswith("1.0")]
    return coarse[:: math.ceil(len(coarse) / 6)] if len(coarse) > 2 else fine
