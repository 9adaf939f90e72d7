"""Tests that runs of older versions resume and are made again.

`data/old_run` was made by jaxtex 0.1.0 before its modules were moved into packages, with

    jaxtex --style=style.png --size=32 --layers=relu1_1 --octaves=1 --scales=1 --history=1
        --num_steps=12 --save_every=4 --seed=5

once to the end (`result.png`), and once stopped by SIGTERM after step 7 (`cut_off`). The arrays of
the checkpoint were then stored with compression, which changes none of them.
"""

import json
import pathlib
import shutil

import numpy as np
import pytest

from jaxtex import images
from jaxtex.cli import flag_parsing, main
from jaxtex.runs import provenance, records, run_folder
from support import paths

DATA = paths.ROOT / "tests" / "integration" / "data" / "old_run"
FLAGS = [
    "--style=style.png",
    "--size=32",
    "--layers=relu1_1",
    "--octaves=1",
    "--scales=1",
    "--history=1",
    "--num_steps=12",
    "--save_every=4",
    "--seed=5",
    "--shares=",
    "--balance=equal",  # this and those below are new: old versions did as here
    "--arrangement_weight=0",
    "--detail_weight=0",
]
LEVEL = 1 / 255  # one level of 8 bits: other machines round differently


def call(*arguments):
    """Runs the command in this process."""
    flag_parsing.run(main.COMMAND, arguments)


def load_result(folder):
    return images.load(pathlib.Path(folder) / run_folder.RESULT)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A copy of the old files, in which the command is called."""
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_an_interrupted_run_of_an_old_version_resumes(place, caplog):
    caplog.set_level("INFO", "jaxtex")
    old_rows = run_folder.read_metrics(place / "cut_off")
    call(*FLAGS, "--workdir=cut_off")
    assert "after step 7 of 12" in caplog.text

    call(*FLAGS, "--workdir=complete")
    difference = np.abs(load_result("cut_off") - load_result("complete"))
    assert difference.max() <= LEVEL + 1e-6
    assert run_folder.read_metrics(place / "cut_off")[: len(old_rows)] == old_rows

    resumed, complete = (run_folder.read_metrics(place / name) for name in ("cut_off", "complete"))
    assert [row["step"] for row in resumed] == list(range(1, 13))
    losses = [[row["loss"] for row in rows] for rows in (resumed, complete)]
    np.testing.assert_allclose(*losses, rtol=0.01)
    assert set(run_folder.read_done(place / "cut_off")) == set(
        ["numbers", "steps", "seconds", "loss", "first", "memory"]
    )


def test_a_result_of_an_old_version_is_made_again(place):
    call("--from=result.png", "--workdir=again")
    difference = np.abs(load_result("again") - images.load("result.png"))
    assert difference.max() <= LEVEL + 1e-6


def test_the_identity_of_a_run_is_that_of_the_old_version(place):
    old, record = (
        provenance.read("result.png"),
        json.loads(pathlib.Path("cut_off/run.json").read_text()),
    )
    call(*FLAGS, "--workdir=again")
    new = run_folder.read_record(place / "again")
    assert list(old) == list(record) and list(new) == [*old, run_folder.ARRANGEMENT]
    assert new["flags"] == run_folder.complete_flags(old["flags"])
    assert new["inputs"] == old["inputs"]


def test_an_interrupted_run_of_an_old_version_is_read(place):
    run = records.read_run(place / "cut_off")
    assert run.step == 4 and records.term_names(run) == ["mean_and_covariance"]
    assert list(run_folder.snapshot_paths(place / "cut_off")) == [4]
    assert records.source_images(run)["style.png"].shape == (32, 32, 3)
