"""Tests of the status of runs, read from files in any condition."""

import json
import pathlib

import pytest

from jaxtex.runs import run_folder
from jaxtex.runtime import files
from jaxtex.viewer import run_status, run_updates
from support import shelves

DAMAGED_RECORDS = [
    "",
    "not JSON",
    "[1]",
    '{"flags": 3}',
    '{"flags": {"num_steps": "many"}}',
    "\udcff\x00",
]
DAMAGED_METRICS = [
    "",
    "5\n[]\n{}\n",
    '{"step": "x"}\n',
    '{"step": 3, "loss": "x", "seconds": null}\n' * 2,
    "\udcff\n",
]


def through_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


def summarize_all(folder):
    """Returns the summaries of all runs in a folder, by name."""
    runs = run_status.find_runs(folder).values()
    summaries = through_json([run_status.summarize(folder, path) for path in runs])
    return {summary["name"]: summary for summary in summaries}


@pytest.mark.parametrize("record", DAMAGED_RECORDS)
@pytest.mark.parametrize("metrics", DAMAGED_METRICS)
def test_damaged_files_count_as_missing(tmp_path, record, metrics):
    shelves.begin(tmp_path, [10])
    (tmp_path / "run.json").write_bytes(record.encode(errors="surrogateescape"))
    (tmp_path / "metrics.jsonl").write_bytes(metrics.encode(errors="surrogateescape"))
    (tmp_path / "steps" / "notes.png").write_text("")

    (summary,) = summarize_all(tmp_path).values()
    assert summary["num_steps"] == 0
    assert summary["state"] == "stopped"

    updates = through_json(run_updates.read_updates(tmp_path, 7, 2, 0))
    assert [step for step, _ in updates["snapshots"]] == [10]
    assert updates["exemplar"] is None


@pytest.mark.parametrize("parent", ["", "sweep"])
def test_the_states_of_runs(tmp_path, parent):
    sweep = tmp_path / parent
    for name in ("done", "locked", "cut", "003-failed"):
        shelves.begin(sweep / name, [10])
    shelves.begin(sweep / "begun", [])
    run_folder.mark_done(sweep / "done", {})

    (sweep / "manifest").mkdir()
    for name in ("003-failed", "004-to-come"):
        (sweep / "manifest" / f"{name}.flags").write_text("")
    (sweep / "logs").mkdir()
    log = "jaxtex-sweep: failed: no memory (exit status 2)\n"
    (sweep / "logs" / "003-failed.log").write_text(log)

    with (
        open(sweep / "locked/metrics.jsonl", "a") as locked,
        open(sweep / "begun/metrics.jsonl", "a") as begun,
    ):
        assert files.try_lock(locked)
        assert files.try_lock(begun)
        summaries = summarize_all(tmp_path)

    states = {
        "003-failed": "failed",
        "004-to-come": "waiting",
        "begun": "waiting",
        "cut": "stopped",
        "done": "done",
        "locked": "running",
    }
    paths = {name: str(pathlib.Path(parent, name)) for name in states}
    assert {name: summary["state"] for name, summary in summaries.items()} == {
        paths[name]: state for name, state in states.items()
    }
    assert summaries[paths["003-failed"]]["failure"] == "no memory (exit status 2)"
    assert summaries[paths["done"]]["picture"] is None
    assert summaries[paths["locked"]]["seconds_left"] == 90 / 4
    assert summaries[paths["cut"]]["seconds_left"] is None
