"""Tests of `jaxtex-sweep`, from its arguments to its files."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from jaxtex import images
from jaxtex.cli import flag_parsing, flags, sweep_main, sweep_status
from jaxtex.images import contact_sheet
from jaxtex.runs import sweeps, workers
from jaxtex.runtime import files, preemption
from support import commands, paths

GRID = ["--folder=out", "--vary=style=a.png,b.png", "--vary=seed=0,1", *commands.QUICK]
NAMES = ["000-a-seed0", "001-a-seed1", "002-b-seed0", "003-b-seed1"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, exemplar):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    images.save("a.png", exemplar)
    images.save("b.png", exemplar[::-1] ** 2)


def sweep(*arguments):
    flag_parsing.run(sweep_main.COMMAND, arguments)


def states(printed):
    rows = [
        line.split()
        for line in printed.splitlines()
        if line[:3].isdigit() and "failed:" not in line
    ]
    return {row[0]: row[1] for row in rows}


@pytest.mark.slow
def test_a_sweep_from_the_grid_to_the_sheet(capsys):
    sweep(*GRID, "--dry_run")
    assert (
        capsys.readouterr().out == "out: 4 runs: 4 waiting\n"
        and not pathlib.Path("out/logs").exists()
    )
    kept = pathlib.Path("b.png").read_bytes()
    pathlib.Path("b.png").write_text("no picture")
    with pytest.raises(SystemExit) as left:
        sweep("--folder=out", "--workers=2", "--only=0,3")
    assert (
        left.value.code == 1
        and "not done: 003-b-seed1: jaxtex: image 'b.png': not an image" in capsys.readouterr().err
    )

    sweep("--folder=out", "--status")
    printed = capsys.readouterr().out
    assert states(printed) == dict(
        zip(NAMES, ["done", "waiting", "waiting", "failed"], strict=True)
    )
    assert "003-b-seed1 failed: jaxtex: image 'b.png': not an image" in printed
    assert (
        "4 runs: 1 done, 1 failed, 2 waiting" in printed and "4/4" in printed and "0/4" in printed
    )

    sweep("--folder=out", "--gather")
    sheet, column = images.load("out/sheet.png"), contact_sheet.LETTERS + 4 + 2 * (8 + 48)
    assert sheet.shape == (
        column + 8 + contact_sheet.LETTERS + 4,
        2 * 64 + 8,
        3,
    )  # the second row has only names
    with open("out/table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], row["style"], row["seed"]) for row in rows] == [
        (name, f"{name[4]}.png", name[-1]) for name in NAMES
    ]
    assert (
        float(rows[0]["patches"]) > 0 and float(rows[0]["seconds"]) > 0 and rows[1]["patches"] == ""
    )

    pathlib.Path("b.png").write_bytes(kept)
    first = os.stat("out/000-a-seed0/result.png").st_mtime_ns
    sweep(*GRID, "--workers=2")
    assert os.stat("out/000-a-seed0/result.png").st_mtime_ns == first
    assert "4 runs: 4 done" in pathlib.Path("out/table.md").read_text()
    assert images.load("out/sheet.png").shape == (2 * column + 8, *sheet.shape[1:])


@pytest.mark.slow
def test_a_stopped_sweep_resumes():
    line = [
        sys.executable,
        "-m",
        "jaxtex.cli.sweep_main",
        "--folder=out",
        "--style=a.png",
        *commands.QUICK,
        "--num_steps=1500",
    ]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    metrics = pathlib.Path("out/000-run/metrics.jsonl")
    while not (metrics.is_file() and metrics.read_text()) and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert "stopped by a signal; the same command resumes" in process.communicate()[1]
    assert process.returncode == preemption.EXIT_STATUS
    log = pathlib.Path("out/logs/000-run.log")
    assert not workers.is_running(log) and not pathlib.Path("out/000-run/DONE").exists()
    sweep("--folder=out")
    assert json.loads(pathlib.Path("out/000-run/DONE").read_text())["steps"] == 1500
    assert "resumes after step" in log.read_text()


@pytest.mark.slow
def test_a_renamed_sweep_makes_its_runs_below_it():
    sweep("--folder=out", "--style=a.png", *commands.QUICK, "--dry_run")
    pathlib.Path("out").rename("renamed")
    sweep("--folder=renamed")
    assert pathlib.Path("renamed/000-run/DONE").exists() and not pathlib.Path("out").exists()


def test_a_running_run_is_shown_as_such(capsys):
    sweep(*GRID, "--dry_run")
    log = pathlib.Path("out/logs/001-a-seed1.log")
    log.parent.mkdir()
    with open(log, "a") as file:
        assert files.try_lock(file)
        sweep(*GRID, "--status")
    assert states(capsys.readouterr().out)["001-a-seed1"] == "running"


def test_a_job_script_has_the_runs_that_are_not_done(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    sweep(*GRID, "--dry_run", "--slurm", "--sbatch=--partition=gpu --time=2:00:00", "--only=1,3")
    script = pathlib.Path("out/job.sh").read_text().splitlines()
    assert (
        script[0] == "#!/bin/sh"
        and "#SBATCH --array=1,3" in script
        and "#SBATCH --requeue" in script
    )
    assert (
        "#SBATCH --partition=gpu --time=2:00:00" in script
        and "#SBATCH --signal=B:USR1@120" in script
    )
    assert (
        script[-1].startswith("exec ")
        and '--folder=out --retries=3 --only="$SLURM_ARRAY_TASK_ID"' in script[-1]
    )
    assert "2 runs; sbatch out/job.sh" in capsys.readouterr().out


def test_a_job_script_of_the_user_is_kept(capsys):
    sweep(*GRID, "--dry_run", "--slurm")
    sweep(*GRID, "--dry_run", "--slurm")  # replaces its own
    script = pathlib.Path("out/job.sh")
    script.write_text("#!/bin/sh\nof the user\n")
    with pytest.raises(SystemExit) as left:
        sweep(*GRID, "--dry_run", "--slurm")
    assert left.value.code == 2 and "is not of jaxtex-sweep" in capsys.readouterr().err
    assert "of the user" in script.read_text()


MISTAKES = [
    ([], "no sweep in this folder; --vary starts one"),
    (["--status"], "no sweep in this folder"),
    (["--vary=seed=0,1"], "--style is missing"),
    (["--style=a.png", "--vary=seed"], "--vary=seed: expected a flag and its values"),
    (["--style=a.png", "--sed=1"], "sed"),
    (["--style=a.png", "--num_images=2"], "num_images"),
    (["--style=a.png", "--size=1"], "--size=1: must be 0 or at least 32 pixels"),
    (["--style=a.png", "--status", "--slurm"], "--slurm and --status exclude each other"),
    (["--style=a.png", "--workers=0"], "--workers=0: must be at least 1"),
    (["--style=a.png", "--workers=two"], "--workers=two"),
    (["--style=a.png", "--only=1"], "--only=1: no run has number '1'; expected 0 to 0"),
    (
        ["--style=a.png", "--slurm"],
        "--slurm: sbatch is not installed here; submit out/job.sh elsewhere",
    ),
    (["--style=a.png", "--folder=a.png"], "--folder=a.png: not writable (Not a directory)"),
    (["a.png"], "a.png"),
]


@pytest.mark.parametrize(
    "arguments, text", MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES]
)
def test_mistakes_are_one_line(arguments, text, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit) as left:
        sweep("--folder=out", *arguments)
    printed = capsys.readouterr().err
    assert left.value.code == 2 and text in printed and len(printed.splitlines()) == 1
    assert printed.startswith("jaxtex-sweep: ")


@pytest.mark.parametrize(
    "vary, columns",
    [
        (["style=a.png,b.png", "statistic=gram,mean", "seed=0,1,2"], 6),
        (["seed=0,1,2", "style=a.png,b.png"], 2),
        (["seed=0,1,2,3"], 5),
        ([], 5),
    ],
)
def test_a_row_of_the_sheet_shares_what_varies_slowest(vary, columns):
    style = [] if "style=a.png,b.png" in vary else ["--style=a.png"]
    points = sweeps.flag_points([*style, "--size=48"], vary)
    expanded = sweeps.expand_runs(flags.parse_run, points)
    assert sweep_status.sheet_columns(labelled.run for labelled in expanded) == columns
