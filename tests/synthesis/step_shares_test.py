"""Tests of the parts of the steps that each scale gets."""

import numpy as np
import pytest

from jaxtex import errors
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings, stepping
from jaxtex.synthesis.shorthands import step_shares


def test_parse():
    assert step_shares.parse("") == step_shares.parse("auto") == []
    assert step_shares.parse("1, 2,999") == [1, 2, 999]


@pytest.mark.parametrize("part", ["0", "1000", "-1", "1.5", "x", "", "auto", "9" * 5000])
def test_what_is_not_a_whole_number_up_to_999_is_rejected(part):
    with pytest.raises(errors.UserError) as error:
        settings.parse_settings(configs.Config(shares=f"2,{part}"))
    assert f"'{part}' must be a whole number from 1 to 999; or choose auto" in str(error.value)


def test_the_last_scale_has_half_as_many_steps():
    assert step_shares.of_scales("auto", 1) == [1]
    assert step_shares.of_scales("auto", 3) == [2, 2, 1]
    assert step_shares.of_scales("", 3) == [1, 1, 1]
    assert step_shares.of_scales("", 3, transfer=True) == [1, 2, 2]
    assert step_shares.of_scales("1,2,6", 3) == [1, 2, 6]


def test_there_is_a_share_for_each_scale():
    with pytest.raises(errors.UserError, match="--shares=1,2: 2 shares for 3 scales"):
        step_shares.of_scales("1,2", 3)


def test_shares_of_steps_give_these_steps():
    rng = np.random.default_rng(0)
    for _ in range(200):
        number, before = int(rng.integers(1, 6)), int(rng.integers(1, 3000))
        shares = step_shares.of_scales(rng.choice(["", "auto"]), number)
        steps = [stepping.steps_until(before, shares, i) for i in range(number + 1)]
        steps = list(map(int, np.diff(steps)))
        steps[-1] += int(rng.integers(1, 900))
        if 0 in steps:
            continue
        shares = step_shares.of_steps(steps)
        ends = [stepping.steps_until(sum(steps), shares, i) for i in range(number + 1)]
        assert list(np.diff(ends)) == steps and 1 <= min(shares) and max(shares) <= 999
