"""Loss curves in percent of a frame, which a page draws at any size and in its own colors.

Matplotlib is not used: its labels shrink with the picture and its colors are fixed.
"""

import math
from typing import NamedTuple

Points = list[tuple[float, float]]  # (step, value)
Tick = tuple[float, str]  # position in percent, label

MAX_POINTS = 400  # per line; a screen shows no more
MAX_TICKS = 6
EXTREME = 1e150  # values beyond it or below its inverse are left out: their ratio may overflow


class Line(NamedTuple):
    """One curve of a chart."""

    label: str
    points: str  # "0.00,100.00 12.50,40.00 ...", in percent from the left and from the top
    last: float  # value at the last step


class Chart(NamedTuple):
    """Curves over steps with a logarithmic vertical axis."""

    lines: list[Line]
    step_ticks: list[Tick]  # from the left
    value_ticks: list[Tick]  # from the top


class Frame(NamedTuple):
    """Ranges of steps and values that a chart shows."""

    first: float  # step
    last: float  # step
    low: float  # value
    high: float  # value

    def x(self, step: float) -> float:
        """Returns the percentage from the left of a step."""
        return 100 * (step - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        """Returns the percentage from the top of a value."""
        return 100 * math.log(self.high / value) / math.log(self.high / self.low)


def draw(curves: dict[str, Points], frame: Frame | None = None) -> Chart | None:
    """Draws curves into one frame.

    Args:
      curves: points by label; values without a logarithm are left out.
      frame: shared by several charts; by default the bounds of these curves.

    Returns:
      The chart; None if there is nothing to draw, or only one step.
    """
    drawable = {label: _drawable(points) for label, points in curves.items()}
    frame = frame or bounds(drawable)
    if frame is None or frame.first == frame.last:
        return None

    lines = [
        Line(label, _place(points, frame), points[-1][1])
        for label, points in drawable.items()
        if points
    ]
    return Chart(
        lines=lines,
        step_ticks=[(frame.x(t), f"{t:g}") for t in _round_numbers(frame.first, frame.last)],
        value_ticks=[(frame.y(t), f"{t:g}") for t in _decades(frame.low, frame.high)],
    )


def bounds(curves: dict[str, Points]) -> Frame | None:
    """Returns the smallest frame around some curves; None without drawable points."""
    points = [point for curve in curves.values() for point in _drawable(curve)]
    if not points:
        return None
    steps = [step for step, _ in points]
    values = [value for _, value in points]

    low, high = min(values), max(values)
    if low == high:  # a constant curve is drawn in the middle
        low, high = low / 2, high * 2
    return Frame(min(steps), max(steps), low, high)


def _drawable(points: Points) -> Points:
    """Returns the points whose value has a logarithm."""
    return [(step, value) for step, value in points if 1 / EXTREME < value < EXTREME]


def _place(points: Points, frame: Frame) -> str:
    """Returns points in percent of a frame, as an SVG attribute."""
    return " ".join(f"{frame.x(step):.2f},{frame.y(value):.2f}" for step, value in _thin(points))


def _thin(points: Points) -> Points:
    """Returns about `MAX_POINTS` points, evenly chosen, the last one included."""
    stride = math.ceil(len(points) / MAX_POINTS)
    return [*points[:-1:stride], points[-1]]


def _round_numbers(low: float, high: float) -> list[float]:
    """Returns at most `MAX_TICKS` multiples of 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(high - low)) - 1
    candidates = [unit * 10.0 ** (power + i) for i in range(3) for unit in (1, 2, 5)]
    interval = next(size for size in candidates if (high - low) / size < MAX_TICKS)
    return [i * interval for i in range(math.ceil(low / interval), math.floor(high / interval) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Returns powers of ten, at most `MAX_TICKS`; also 2 and 5 times them if they are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [float(f"{unit}e{power}") for power in powers for unit in (1, 2, 5)]
    inside = [number for number in numbers if low <= number <= high]

    tens = [number for number in inside if f"{number:e}".startswith("1.0")]
    if len(tens) <= 2:
        return inside
    return tens[:: math.ceil(len(tens) / MAX_TICKS)]
