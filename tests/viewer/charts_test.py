"""Tests of charts: positions of points and ticks, and curves that cannot be drawn."""

import numpy as np
import pytest

from jaxtex.viewer import charts


def test_a_chart_by_hand():
    nan = float("nan")
    chart = charts.draw({"loss": [(0, 100.0), (5, 10.0), (10, 1.0), (11, 0.0), (12, nan)]})
    assert chart.lines == [charts.Line("loss", "0.00,0.00 50.00,50.00 100.00,100.00", 1.0)]
    assert chart.value_ticks == [(100.0, "1"), (50.0, "10"), (0.0, "100")]
    assert [label for _, label in chart.step_ticks] == ["0", "2", "4", "6", "8", "10"]


def test_a_constant_curve_is_in_the_middle():
    chart = charts.draw({"loss": [(1, 3.0), (2, 3.0)]})
    assert chart.lines == [charts.Line("loss", "0.00,50.00 100.00,50.00", 3.0)]


def test_charts_share_a_frame():
    frame = charts.bounds({"a": [(0, 100.0)], "b": [(10, 1.0)]})
    assert frame == charts.Frame(0, 10, 1.0, 100.0)
    chart = charts.draw({"a": [(5, 10.0)]}, frame)
    assert chart.lines == [charts.Line("a", "50.00,50.00", 10.0)]


@pytest.mark.parametrize(
    "points",
    [[], [(1, 1.0)], [(1, 0.0), (2, -1.0)], [(1, float("inf"))], [(1, 1e200), (2, 1e-200)]],
)
def test_without_two_drawable_points_there_is_no_chart(points):
    assert charts.draw({"loss": points}) is None


@pytest.mark.parametrize("low, high", [(1e-12, 1e3), (0.5, 0.51), (3e-5, 4e-4), (1, 1e149)])
def test_ticks_are_few_and_inside(low, high):
    chart = charts.draw({"loss": [(1, high), (1000, low)]})
    assert 0 < len(chart.value_ticks) <= 7
    assert 0 < len(chart.step_ticks) <= 7
    places = [place for place, _ in [*chart.value_ticks, *chart.step_ticks]]
    assert min(places) >= -1e-9
    assert max(places) <= 100 + 1e-9


def test_long_curves_are_thinned_and_keep_their_ends():
    chart = charts.draw({"loss": [(i, 2.0 + np.cos(i)) for i in range(100_000)]})
    points = chart.lines[0].points.split()
    assert len(points) <= charts.MAX_POINTS + 1
    assert points[0].startswith("0.00,")
    assert points[-1].startswith("100.00,")
