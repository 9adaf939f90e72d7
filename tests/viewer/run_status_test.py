"""How far runs are, told from their files, whatever these are like."""

import json
import pathlib

import pytest

from jaxtex.runs import run_folder
from jaxtex.runtime import files
from jaxtex.viewer import run_status
from support import shelves


@pytest.fixture
def run(tmp_path):
    return shelves.begin(tmp_path / "run", range(1, 26))


def summaries(folder):
    """Of all runs in a folder, as they come out of JSON."""
    told = [run_status.summary(folder, path) for path in run_status.find_runs(folder).values()]
    return {each["name"]: each for each in json.loads(json.dumps(told, allow_nan=False))}


@pytest.mark.parametrize("steps", [range(1, 4), range(1, 90)], ids=["shorter", "longer"])
def test_a_run_that_is_begun_anew_is_told_from_its_beginning(run, steps):
    told = run_status.details(run, 0, 0, 0)
    shelves.begin(run, steps, value=123.25)
    again = run_status.details(run, told["at"], 25, 20)
    assert (
        again["anew"]
        and [row[0] for row in again["rows"]] == list(steps)
        and again["rows"][0][1] == 123.25
    )


def test_a_run_that_goes_on_is_told_no_step_twice(run):
    told = run_status.details(run, 0, 0, 0)
    shelves.begin(run, range(1, 31))  # the same rows again, and more
    again = run_status.details(run, told["at"], 25, 20)
    assert not again["anew"] and [row[0] for row in again["rows"]] == [26, 27, 28, 29, 30]


def test_of_a_long_run_there_are_some_rows(tmp_path):
    run = shelves.begin(tmp_path, range(1, 10_002), every=5000)
    rows = run_status.details(run, 0, 0, 0)["rows"]
    assert len(rows) == run_status.MAX_ROWS and rows[0][0] == 1 and rows[-1][0] == 10_001


RECORDS = ["", "no JSON", "[1]", '{"flags": 3}', '{"flags": {"num_steps": "many"}}', "\udcff\x00"]
ROWS = [
    "",
    "5\n[]\n{}\n",
    '{"step": "x"}\n',
    '{"step": 3, "loss": "x", "seconds": null}\n' * 2,
    "\udcff\n",
]


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("metrics", ROWS)
def test_files_of_any_kind_are_no_harm(tmp_path, record, metrics):
    shelves.begin(tmp_path, [10])
    (tmp_path / "run.json").write_bytes(record.encode(errors="surrogateescape"))
    (tmp_path / "metrics.jsonl").write_bytes(metrics.encode(errors="surrogateescape"))
    (tmp_path / "steps" / "notes.png").write_text("")
    (told,) = summaries(tmp_path).values()
    assert told["num_steps"] == 0 and told["state"] == "stopped"
    told = json.loads(json.dumps(run_status.details(tmp_path, 7, 2, 0), allow_nan=False))
    assert [step for step, _ in told["shots"]] == [10] and told["exemplar"] is None


@pytest.mark.parametrize("above", ["", "sweep"])
def test_the_states_of_runs(tmp_path, above):
    root, tmp_path = tmp_path, tmp_path / above
    for name in ("done", "held", "cut", "begun", "003-failed"):
        shelves.begin(tmp_path / name, [] if name == "begun" else [10])
    run_folder.mark_done(tmp_path / "done", {})
    (tmp_path / "manifest").mkdir()
    (tmp_path / "logs").mkdir()
    for name in ("003-failed", "004-to-come"):
        (tmp_path / "manifest" / f"{name}.flags").write_text("")
    (tmp_path / "logs" / "003-failed.log").write_text(
        "jaxtex-sweep: failed: no memory (exit status 2)\n"
    )
    with (
        open(tmp_path / "held/metrics.jsonl", "a") as held,
        open(tmp_path / "begun/metrics.jsonl", "a") as begun,
    ):
        assert files.try_lock(held) and files.try_lock(begun)
        found = summaries(root)
    states = {
        "003-failed": "failed",
        "004-to-come": "waiting",
        "cut": "stopped",
        "done": "done",
        "held": "running",
    }
    states, at = states | {"begun": "waiting"}, lambda name: str(pathlib.Path(above, name))
    assert {name: each["state"] for name, each in found.items()} == {
        at(name): states[name] for name in states
    }
    assert (
        found[at("003-failed")]["why"] == "no memory (exit status 2)"
        and found[at("done")]["picture"] is None
    )
    assert found[at("held")]["left"] == 90 / 4 and found[at("cut")]["left"] is None
