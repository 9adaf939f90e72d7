"""Curves: where their points and ticks are, and what cannot be drawn."""

import numpy as np
import pytest

from jaxtex.viewer import charts


def test_a_chart_by_hand():
    chart = charts.draw({"loss": [(0, 100.0), (5, 10.0), (10, 1.0), (11, 0.0), (12, float("nan"))]})
    assert chart.lines == [charts.Line("loss", "0.00,0.00 50.00,50.00 100.00,100.00", 1.0)]
    assert chart.up == [(100.0, "1"), (50.0, "10"), (0.0, "100")]
    assert [label for _, label in chart.across] == ["0", "2", "4", "6", "8", "10"]


@pytest.mark.parametrize(
    "points",
    [[], [(1, 1.0)], [(1, 0.0), (2, -1.0)], [(1, float("inf"))], [(1, 1e200), (2, 1e-200)]],
)
def test_what_cannot_be_drawn_is_no_chart(points):
    assert charts.draw({"loss": points}) is None


@pytest.mark.parametrize("low, high", [(1e-12, 1e3), (0.5, 0.51), (3e-5, 4e-4), (1, 1e149)])
def test_ticks_are_few_and_inside(low, high):
    chart = charts.draw({"loss": [(1, high), (1000, low)]})
    assert len(chart.up) <= 7 and all(
        -1e-9 <= place <= 100 + 1e-9 for place, _ in [*chart.up, *chart.across]
    )


def test_long_curves_are_thinned_and_keep_their_ends():
    chart = charts.draw({"loss": [(i, 2.0 + np.cos(i)) for i in range(100_000)]})
    points = chart.lines[0].points.split()
    assert (
        len(points) <= charts.MAX_POINTS + 1
        and points[0].startswith("0.00,")
        and points[-1].startswith("100.00,")
    )
