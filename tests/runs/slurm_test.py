"""Tests of Slurm: the script, the calls, and, under `make slurm-test`, real job arrays."""

import os
import pathlib
import stat
import subprocess
import sys
import time

import pytest

from jaxtex import errors, images
from jaxtex.runs import slurm, workers
from support import paths

REAL = pytest.mark.skipif(
    "JAXTEX_SLURM" not in os.environ, reason="needs Slurm; make slurm-test starts one"
)
FLAGS = ["--size=64", "--scales=1", "--octaves=1", "--num_steps=150"]


def fake(folder, name, script):
    """Writes a command of this name that runs a shell script."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(stat.S_IRWXU)


def test_the_script_quotes_any_folder(tmp_path, monkeypatch):
    here = tmp_path / "a folder"
    here.mkdir()
    monkeypatch.chdir(here)
    script = slurm.write_script(
        pathlib.Path("my sweep"), [0, 2, 11], ["python", "-m", "some thing"], ""
    )
    lines = script.read_text().splitlines()
    assert lines[1:4] == [
        "#SBATCH --job-name='my sweep'",
        "#SBATCH --array=0,2,11",
        f"#SBATCH --chdir='{here}'",
    ]
    assert lines[4] == f"#SBATCH --output='{here}/my sweep/logs/slurm-%a.log'"
    assert lines[-1] == """exec python -m 'some thing' --only="$SLURM_ARRAY_TASK_ID\""""
    assert (
        all(line.strip() != "#SBATCH" for line in lines)
        and subprocess.run(["sh", "-n", str(script)]).returncode == 0
    )


@pytest.mark.parametrize(
    "folder, options, flag", [("it", "--a\nrm x", "--sbatch"), ("a\nrm x", "", "--folder")]
)
def test_a_line_break_is_refused(tmp_path, folder, options, flag):
    with pytest.raises(errors.UserError, match=f"{flag}=.*\n.*: must not have a line break"):
        slurm.write_script(tmp_path / folder, [0], ["python"], options)
    assert not list(tmp_path.iterdir())


def test_the_output_of_sbatch_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.UserError, match="sbatch is not installed"):
        slurm.submit(tmp_path / "job.sh")
    fake(tmp_path, "sbatch", 'echo "$1 $2;cluster"')
    assert slurm.submit(tmp_path / "job.sh") == f"--parsable {tmp_path}/job.sh"
    fake(tmp_path, "sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    with pytest.raises(errors.UserError, match="job.sh: sbatch: error: invalid partition"):
        slurm.submit(tmp_path / "job.sh")


def test_a_job_is_requeued_up_to_its_retries(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    fake(tmp_path, "scontrol", f'echo "$@" >> {tmp_path}/calls')
    slurm.requeue(1)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    slurm.requeue(1)
    assert (tmp_path / "calls").read_text() == "requeue 17\n"


@pytest.fixture
def place(tmp_path, monkeypatch, exemplar):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(paths.ROOT))
    for i, name in enumerate("ab"):
        images.save(f"{name}.png", exemplar ** (1 + i))
    return tmp_path


def sweep(*arguments):
    line = [sys.executable, "-m", "jaxtex.cli.sweep_main", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def submit(*arguments):
    """Submits a sweep; returns the id of the job."""
    return sweep(*arguments, "--slurm").split(": job ")[1].split()[0]


def output(*arguments):
    """Runs a command; returns what it prints."""
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


def until(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, output("squeue")
        time.sleep(0.2)


def count_starts(folder, index):
    """Counts how often a run was started."""
    (flagfile,) = pathlib.Path(folder, "manifest").glob(f"{index:03d}-*")
    log = pathlib.Path(folder, "logs", f"{flagfile.stem}.log")
    return sum(line.startswith(f"{workers.PREFIX}starts") for line in workers.read_tail(log))


def has_steps(folder, index):
    """True if a run is past its first steps."""
    return any(
        path.stat().st_size for path in pathlib.Path(folder).glob(f"{index:03d}-*/metrics.jsonl")
    )


def start_soon(job):
    """Starts a requeued job in five seconds; Slurm itself would wait two minutes."""
    until(lambda: output("squeue", "--noheader", "--format=%T", f"--jobs={job}") == "PENDING")
    output("scontrol", "update", f"JobId={job}", "StartTime=now+5")


def results(folder):
    return {
        path.parent.name: path.read_bytes() for path in pathlib.Path(folder).glob("*/result.png")
    }


@REAL
def test_an_array_with_requeued_tasks_equals_a_local_sweep(place):
    grid = ["--vary=style=a.png,b.png", "--vary=seed=0,1,2", "--vary=statistic=gram,mean", *FLAGS]
    job = submit("--folder=slurm", *grid)
    for index in (1, 4):
        until(lambda i=index: has_steps("slurm", i))
        output("scontrol", "requeue", f"{job}_{index}")
        start_soon(f"{job}_{index}")
    until(lambda: not output("squeue", "--noheader"))
    assert "12 runs: 12 done" in sweep("--folder=slurm", "--status")
    assert [count_starts("slurm", i) for i in range(12)] == [1 + (i in (1, 4)) for i in range(12)]
    assert "nothing to submit: 12 runs: 12 done" in sweep("--folder=slurm", "--slurm")
    sweep("--folder=local", "--workers=2", *grid)
    made = results("slurm")
    assert len(made) == 12 and len(set(made.values())) == 12 and made == results("local")


@REAL
def test_a_run_near_its_time_limit_is_requeued(place):
    job = submit("--folder=slurm", "--style=a.png", *FLAGS)
    until(lambda: has_steps("slurm", 0))
    output("scancel", "--batch", "--signal=USR1", f"{job}_0")
    start_soon(f"{job}_0")
    until(lambda: not output("squeue", "--noheader"))
    assert "1 run: 1 done" in sweep("--folder=slurm", "--status") and count_starts("slurm", 0) == 2
    assert "requeued, restart 1" in pathlib.Path("slurm/logs/slurm-0.log").read_text()


@REAL
def test_a_sweep_submitted_twice_is_made_once(place):
    submit("--folder=slurm", "--style=a.png", "--vary=seed=0,1", *FLAGS)
    output("sbatch", "slurm/job.sh")
    until(lambda: not output("squeue", "--noheader"))
    assert "2 runs: 2 done" in sweep("--folder=slurm", "--status")
    assert [count_starts("slurm", i) for i in (0, 1)] == [1, 1]


@REAL
def test_two_tasks_share_one_batch(place, monkeypatch):
    line = [sys.executable, "-m", "jaxtex"]
    if "--distributed" not in output(*line, "--helpfull"):
        pytest.skip("jaxtex has no --distributed")
    monkeypatch.setenv(
        "JAX_COORDINATOR_ADDRESS", "127.0.0.1:16820"
    )  # the made-up names of the nodes do not resolve
    spread = ["--num_images=2", "--mesh=images:2", "--distributed=auto"]
    output("srun", "-n2", *line, "--style=a.png", "--workdir=both", *spread, *FLAGS)
    assert len(results("both")) == 2
