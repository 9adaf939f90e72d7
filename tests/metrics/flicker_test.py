"""Tests of the measure of flicker."""

import numpy as np
import pytest

from jaxtex import errors, metrics

RNG = np.random.default_rng(0)
STILL = RNG.uniform(size=(32, 40, 3))


def test_a_hand_worked_value():
    after = STILL.copy()
    after[:16] = 1 - after[:16]  # the upper half moves, and does not count
    first = np.full((32, 40, 3), 0.5)
    second = first.copy()
    second[:16] = 0.0
    second[16:24] = 0.7  # half of what is left
    np.testing.assert_allclose(metrics.flicker([STILL, after], [first, second]), 0.1, rtol=1e-5)
    np.testing.assert_allclose(metrics.flicker([STILL] * 2, [first, second], 0.5), 0.3, rtol=1e-5)


def test_extremes_and_order():
    noise = RNG.uniform(size=(4, 32, 40, 3))
    still = [STILL] * 4
    assert metrics.flicker(still, [noise[0]] * 4) == 0
    assert abs(metrics.flicker(still, list(noise)) - 1 / 3) < 0.01
    weaker = 0.5 + 0.2 * (noise - 0.5)
    np.testing.assert_allclose(
        metrics.flicker(still, list(weaker)), 0.2 * metrics.flicker(still, list(noise)), rtol=1e-5
    )


def test_a_change_of_one_level_in_a_channel_is_none_and_in_all_is_one():
    levels = np.full((32, 32, 3), 100, np.uint8)
    above = levels.copy()
    above[..., 0] += 1
    result = np.zeros((32, 32, 3))
    assert metrics.flicker([levels / 255, above / 255], [result, result]) == 0
    with pytest.raises(errors.UserError, match="no pixel of the contents changes by less than"):
        metrics.flicker([levels / 255, (levels + 1) / 255], [result, result])


@pytest.mark.parametrize(
    ("contents", "results", "message"),
    [
        ([STILL], [STILL], "1 contents and 1 results; must be as many, at least two"),
        ([STILL] * 3, [STILL] * 2, "3 contents and 2 results"),
        ([STILL] * 2, [STILL, STILL[:, :36]], "one size, got 36 x 32, 40 x 32 pixels"),
        ([STILL] * 2, [STILL, STILL + 1], "a result must have values in"),
    ],
)
def test_wrong_frames_are_refused(contents, results, message):
    with pytest.raises(errors.UserError, match=message):
        metrics.flicker(contents, results)


def test_frames_may_be_iterated_once():
    frames = [STILL, np.clip(STILL + 0.1, 0, 1)]
    expected = metrics.flicker([STILL] * 2, frames)
    assert metrics.flicker(iter([STILL] * 2), iter(frames)) == expected


@pytest.mark.parametrize("name, value", [("contents", 3), ("results", None), ("threshold", "x")])
def test_arguments_of_other_types_are_refused(name, value):
    given = {"contents": [STILL] * 2, "results": [STILL] * 2, name: value}
    with pytest.raises(errors.UserError, match=f"^{name}={value!r}: must be a"):
        metrics.flicker(**given)
