"""Tests of updates: each row comes once, and a restarted run from its beginning."""

import pytest

from jaxtex.viewer import run_updates
from support import shelves


@pytest.fixture
def run(tmp_path):
    return shelves.begin(tmp_path / "run", range(1, 26))


@pytest.mark.parametrize("steps", [range(1, 4), range(1, 90)], ids=["shorter", "longer"])
def test_a_restarted_run_comes_from_its_beginning(run, steps):
    first = run_updates.read_updates(run, 0, 0, 0)
    shelves.begin(run, steps, value=123.25)
    second = run_updates.read_updates(run, first["offset"], 25, 20)
    assert second["restarted"]
    assert [row[0] for row in second["rows"]] == list(steps)
    assert second["rows"][0][1] == 123.25


def test_a_resumed_run_repeats_no_step(run):
    first = run_updates.read_updates(run, 0, 0, 0)
    assert not first["restarted"]
    shelves.begin(run, range(1, 31))  # the same rows again, and more
    second = run_updates.read_updates(run, first["offset"], 25, 20)
    assert not second["restarted"]
    assert [row[0] for row in second["rows"]] == [26, 27, 28, 29, 30]


def test_a_long_run_is_thinned_and_keeps_its_ends(tmp_path):
    run = shelves.begin(tmp_path, range(1, 10_002), every=5000)
    rows = run_updates.read_updates(run, 0, 0, 0)["rows"]
    assert len(rows) == run_updates.MAX_ROWS
    assert rows[0][0] == 1
    assert rows[-1][0] == 10_001
