"""Tests of run folders: failures are reported in one line, and saved work is kept."""

import dataclasses
import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
from concurrent import futures

import numpy as np
import pytest

from jaxtex import errors, images
from jaxtex.cli import flag_parsing, main
from jaxtex.images import contact_sheet
from jaxtex.runs import claims, execution, run_folder, writer
from jaxtex.runtime import distributed, files
from jaxtex.synthesis import checkpointing, config, loop, stepping
from support import paths

OVERWRITE = execution.RunOptions(overwrite=True)
SMALL = {
    "size": 48,
    "scales": 1,
    "octaves": 1,
    "layers": "relu1_1",
    "num_steps": 8,
    "save_every": 2,
}
QUICK = [f"--{name}={value}" for name, value in SMALL.items()]


@pytest.fixture
def run(tmp_path, exemplar):
    images.save(tmp_path / "style.png", exemplar)
    return execution.Run(str(tmp_path / "style.png"), config.Config(**SMALL), tmp_path / "run")


@pytest.fixture(autouse=True)
def no_timed_checkpoints(monkeypatch):
    """Disables checkpoints by time, so that only preemption saves one."""
    monkeypatch.setattr(checkpointing, "MIN_INTERVAL", 1e9)


def stop_after(monkeypatch, steps):
    """Requests preemption after this many steps."""
    left = iter(range(steps - 1, -1, -1))
    monkeypatch.setattr(distributed, "preemption_requested", lambda: next(left, 1) == 0)


def interrupt(run, monkeypatch, steps=5):
    """Interrupts a run after this many steps; returns its checkpoints."""
    stop_after(monkeypatch, steps)
    with pytest.raises(errors.Preempted):
        execution.make_run(run)
    monkeypatch.setattr(distributed, "preemption_requested", lambda: False)
    return sorted((run.folder / run_folder.CHECKPOINTS).iterdir())


def contents(folder):
    """Returns what a finished run leaves, without times."""
    rows = [{**row, "seconds": 0} for row in run_folder.read_metrics(folder)]
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return (folder / "result.png").read_bytes(), (folder / "sheet.png").read_bytes(), rows, names


@pytest.mark.slow
def test_an_interrupted_run_leaves_the_same_files_as_a_complete_one(run, monkeypatch):
    execution.make_run(run._replace(folder=run.folder.parent / "whole"))
    assert len(interrupt(run, monkeypatch)) == 1
    (run.folder / "steps" / ".000006.png.123.part").write_text("of a process that was killed")
    (run.folder / "metrics.jsonl").write_text(
        (run.folder / "metrics.jsonl").read_text() + '{"step": 5, "lo'
    )
    execution.make_run(run)
    assert contents(run.folder) == contents(run.folder.parent / "whole")
    outcome = run_folder.read_done(run.folder)
    assert outcome["steps"] == 8 and outcome["first"] > outcome["loss"]


@pytest.mark.slow
def test_resuming_with_another_version_logs_a_warning(run, monkeypatch, caplog):
    interrupt(run, monkeypatch)
    usual = execution.provenance.versions()
    monkeypatch.setattr(execution.provenance, "versions", lambda: usual | {"device": "abacus"})
    execution.make_run(run)
    assert "resumed with" in caplog.text and "abacus" in caplog.text and execution.is_done(run)


@pytest.mark.slow
def test_a_finished_run_is_not_touched(run, caplog):
    caplog.set_level("INFO", "jaxtex")
    execution.make_run(run)
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    execution.make_run(run)
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before
    assert "is finished; --overwrite" in caplog.text
    execution.make_run(run, OVERWRITE)
    assert (run.folder / "result.png").stat().st_mtime_ns > before[run.folder / "result.png"]


@pytest.mark.slow
@pytest.mark.parametrize("done", [True, False])
def test_a_folder_of_another_run_is_refused_and_kept(run, monkeypatch, done):
    execution.make_run(run) if done else interrupt(run, monkeypatch)
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    other = run._replace(config=config.Config(**SMALL, seed=3))
    with pytest.raises(
        errors.UserError, match=r"holds another run \(--seed: 0 there, 3 here\); --overwrite"
    ):
        execution.make_run(other)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
    execution.make_run(other, OVERWRITE)
    assert execution.is_done(other) and not execution.is_done(run)


def test_another_number_of_scales_is_another_run(run):
    large = run._replace(config=config.Config(**SMALL | {"size": 192, "scales": 0, "num_steps": 2}))
    execution.make_run(large, execution.RunOptions(keep_state=True))
    with pytest.raises(errors.UserError, match=r"holds another run \(--size: 192 there, 48 here"):
        execution.make_run(run)


def test_a_flag_that_follows_from_another_one_is_named_last(run):
    execution.make_run(run)
    other = run._replace(config=config.Config(**SMALL | {"octaves": 2, "seed": 3}))
    with pytest.raises(errors.UserError, match=r"\(--seed: 0 there, 3 here\)"):
        execution.make_run(other)


def test_another_picture_of_the_same_name_is_another_run(run, exemplar):
    execution.make_run(run)
    images.save(run.style, exemplar[::-1])
    with pytest.raises(errors.UserError, match="style.png' is not the same"):
        execution.make_run(run)


@pytest.mark.slow
def test_two_processes_do_not_share_a_folder(run):
    lock = "f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX)"
    text = f"import sys, fcntl; {lock}; print(flush=True); sys.stdin.read()"
    run.folder.mkdir()
    line = [sys.executable, "-c", text, str(run.folder / "metrics.jsonl")]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(errors.UserError, match="another process is writing to this folder"):
            execution.make_run(run)
        other.stdin.close()
    execution.make_run(run)
    assert execution.is_done(run)


def test_without_file_locks_a_warning_is_logged(run, monkeypatch, caplog):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    execution.make_run(run)
    assert execution.is_done(run) and "cannot lock files here" in caplog.text


def run_with_file_limit(run, size):
    """Runs in a process that cannot write larger files, as on a full disk."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    text = f"{limit}; from jaxtex.__main__ import entry; entry()"
    line = [sys.executable, "-c", text, f"--style={run.style}", f"--workdir={run.folder}", *QUICK]
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    return subprocess.run(line, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_keeps_the_checkpoint(run, monkeypatch):
    (saved,) = interrupt(run, monkeypatch)
    whole = saved.read_bytes()
    done = run_with_file_limit(run, 4000)
    lines = [line for line in done.stderr.splitlines() if line.startswith("jaxtex: ")]
    assert done.returncode == 2 and len(lines) == 1 and "Traceback" not in done.stderr
    assert "File too large; saved work is kept" in lines[0]
    assert saved.read_bytes() == whole and not list(run.folder.rglob("*.part"))
    execution.make_run(run)
    assert execution.is_done(run)


@pytest.mark.slow
def test_a_failed_save_keeps_the_previous_checkpoint(run, monkeypatch):
    (saved,) = interrupt(run, monkeypatch)
    full = lambda *arguments, **arrays: (_ for _ in ()).throw(
        OSError(errno.ENOSPC, "No space left on device")
    )
    monkeypatch.setattr(checkpointing.np, "savez", full)
    monkeypatch.setattr(checkpointing, "MIN_INTERVAL", 0)
    monkeypatch.setattr(checkpointing, "DISK_SPEED", 1e20)
    with pytest.raises(errors.UserError, match="No space left on device; saved work is kept"):
        execution.make_run(run)
    assert list((run.folder / run_folder.CHECKPOINTS).iterdir()) == [saved]


def delay_snapshots(monkeypatch, gate):
    """Blocks the writing of snapshots until the gate is open."""
    usual = images.save

    def save(path, *arguments, **choices):
        assert path.parent.name != run_folder.STEPS or gate.wait(20)
        usual(path, *arguments, **choices)

    monkeypatch.setattr(images, "save", save)


def progress_at(step):
    return loop.Progress(step, 99, np.zeros((4, 4, 3)), stepping.Info(np.ones(1), np.ones(1), {}))


def test_steps_wait_for_snapshots_only_if_many_are_pending(tmp_path, monkeypatch):
    gate = threading.Event()
    delay_snapshots(monkeypatch, gate)
    with claims.claim(tmp_path, {}, {}) as metrics, futures.ThreadPoolExecutor(8) as executor:
        observe = writer.RunWriter(tmp_path, metrics, executor)
        for step in range(writer.MAX_PENDING):
            observe(progress_at(step + 1))
        assert (
            not run_folder.snapshot_paths(tmp_path)
            and len(run_folder.read_metrics(tmp_path)) == writer.MAX_PENDING
        )
        one_more = executor.submit(observe, progress_at(writer.MAX_PENDING + 1))
        assert not futures.wait([one_more], 0.2).done
        gate.set()
        one_more.result(20)
        observe.flush()
        assert len(run_folder.snapshot_paths(tmp_path)) == writer.MAX_PENDING + 1


def test_a_checkpoint_waits_for_the_snapshots_before_it(run, monkeypatch):
    gate, usual = threading.Event(), checkpointing.np.savez
    written = []
    delay_snapshots(monkeypatch, gate)
    flush = lambda self: (gate.set(), usual_flush(self))
    usual_flush = writer.RunWriter.flush
    monkeypatch.setattr(writer.RunWriter, "flush", flush)
    save = lambda *arguments, **arrays: (
        written.extend(run_folder.snapshot_paths(run.folder)),
        usual(*arguments, **arrays),
    )
    monkeypatch.setattr(checkpointing.np, "savez", save)
    interrupt(run, monkeypatch)
    assert written == [2, 4]


@pytest.mark.slow
def test_a_folder_is_released_after_its_snapshots_are_written(run, monkeypatch):
    gate = threading.Event()
    delay_snapshots(monkeypatch, gate)
    monkeypatch.setattr(
        checkpointing.FileCheckpointer,
        "save",
        lambda *_: (threading.Timer(0.3, gate.set).start(), 1 / 0),
    )
    with pytest.raises(ZeroDivisionError):
        execution.make_run(run._replace(config=dataclasses.replace(run.config, save_every=1)))
    assert list(run_folder.snapshot_paths(run.folder)) == [1] and not list(
        run.folder.rglob("*.part")
    )


@pytest.mark.slow
def test_the_sheet_waits_for_the_last_snapshots(run, monkeypatch):
    gate = threading.Event()
    delay_snapshots(monkeypatch, gate)
    threading.Timer(3, gate.set).start()
    execution.make_run(run._replace(config=dataclasses.replace(run.config, num_steps=6)))
    width = images.load(run.folder / "sheet.png").shape[1]
    assert width == 64 + 3 * (64 + contact_sheet.GAP)  # exemplar, two snapshots, result


def test_a_deleted_folder_is_one_line(run, monkeypatch):
    vanish = lambda self, progress: shutil.rmtree(self.folder, ignore_errors=True)
    usual = writer.RunWriter.__call__
    monkeypatch.setattr(
        writer.RunWriter,
        "__call__",
        lambda self, progress: (vanish(self, progress), usual(self, progress)),
    )
    with pytest.raises(errors.UserError, match="run/steps: no such folder; saved work is kept"):
        execution.make_run(run)


@pytest.mark.slow
def test_files_are_renamed_within_their_folder(run, monkeypatch):
    usual = os.replace

    def within(old, new):
        if pathlib.Path(old).parent != pathlib.Path(new).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        usual(old, new)

    monkeypatch.setattr(os, "replace", within)
    interrupt(run, monkeypatch)
    execution.make_run(run)
    assert execution.is_done(run)


@pytest.mark.slow
def test_jumps_of_the_clock_do_not_matter(run, monkeypatch):
    jumps = np.random.default_rng(0)
    monkeypatch.setattr(time, "time", lambda: float(jumps.integers(-(2**31), 2**31)))
    (saved,) = interrupt(run, monkeypatch)
    os.utime(saved, (0, 0))
    execution.make_run(run)
    seconds = [row["seconds"] for row in run_folder.read_metrics(run.folder)]
    assert (
        execution.is_done(run)
        and seconds == sorted(seconds)
        and 0 < seconds[0] <= seconds[-1] < 1000
    )


@pytest.mark.slow
def test_a_damaged_snapshot_does_not_prevent_the_result(run, monkeypatch):
    interrupt(run, monkeypatch)
    (run.folder / "steps" / "000002.png").write_bytes(b"nothing")
    execution.make_run(run)
    assert (
        execution.is_done(run)
        and images.load(run.folder / "sheet.png").shape[1]
        == 3 * 64 + 2 * contact_sheet.GAP + 64 + contact_sheet.GAP
    )


@pytest.mark.slow
def test_a_damaged_record_is_replaced(run, monkeypatch):
    interrupt(run, monkeypatch)
    (run.folder / "run.json").write_text('{"flags": ')
    execution.make_run(run)
    assert json.loads((run.folder / "run.json").read_text())["flags"]["seed"] == 0


@pytest.mark.parametrize("lost", ["result.png", "result-style.png", "DONE", "first"])
def test_a_finished_run_that_lost_a_file_is_made_again(run, lost):
    run = run._replace(config=dataclasses.replace(run.config, maps=run.style))
    execution.make_run(run)
    expected = contents(run.folder)
    if lost == "first":
        (run.folder / "DONE").write_text('{"numbers": 9, "steps": 8, "seconds": 1, "loss": 0.5}')
    else:
        (run.folder / lost).unlink()
    assert not execution.is_done(run)
    execution.make_run(run)
    assert execution.is_done(run) and contents(run.folder) == expected


def test_a_result_without_rows_is_one_line_and_kept(run):
    execution.make_run(run, execution.RunOptions(keep_state=True))
    for name in ("DONE", "metrics.jsonl"):
        (run.folder / name).unlink()
    with pytest.raises(errors.UserError, match="metrics.jsonl: has no steps of this run"):
        execution.make_run(run)
    assert (run.folder / "result.png").exists() and list(run.folder.glob("checkpoints/*.npz"))


@pytest.mark.parametrize("text", [None, "", '{"flags": '])
@pytest.mark.parametrize("state", ["finished", "with state", "interrupted"])
def test_a_run_without_a_record_is_not_replaced(run, monkeypatch, text, state):
    if state == "interrupted":
        interrupt(run, monkeypatch)
    else:
        execution.make_run(run, execution.RunOptions(keep_state=state == "with state"))
    (run.folder / "run.json").unlink()
    if text is not None:
        (run.folder / "run.json").write_text(text)
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    other = run._replace(config=config.Config(**SMALL, seed=3))
    missing = r"whose run.json is missing or damaged; --overwrite replaces it"
    named = r"holds another run \(--seed: 0 there, 3 here\)"
    with pytest.raises(errors.UserError, match=missing if state == "finished" else named):
        execution.make_run(other)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize("gray", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("statistic", ["mean_and_covariance", "gram", "sorted", "histogram"])
def test_an_exemplar_of_one_gray_gives_that_gray(tmp_path, gray, statistic):
    images.save(tmp_path / "one.png", np.full((48, 64, 3), gray))
    execution.make_run(
        execution.Run(
            str(tmp_path / "one.png"), config.Config(**SMALL, statistic=statistic), tmp_path / "run"
        )
    )
    result = images.load(tmp_path / "run" / "result.png")
    assert np.abs(result - gray).max() < 3 / 255


@pytest.mark.slow
def test_a_loss_that_is_not_finite_is_one_line(run, monkeypatch):
    usual = execution.plan_run

    def spoil(problem):
        def loss_fn(*arguments):
            loss, auxiliary = problem.loss_fn(*arguments)
            return loss * np.nan, auxiliary

        return problem._replace(loss_fn=loss_fn)

    def plan_run(*choices):
        plan = usual(*choices)
        return plan._replace(problems=[spoil(problem) for problem in plan.problems])

    monkeypatch.setattr(execution, "plan_run", plan_run)
    with pytest.raises(errors.UserError, match="the loss is nan until step 2"):
        execution.make_run(run)
    assert not (run.folder / run_folder.DONE).exists()


def test_too_little_memory_is_one_line_with_a_size_that_fits(run, monkeypatch, capsys):
    monkeypatch.setattr("jaxtex.runtime.device_memory.available_bytes", lambda: 1e6)
    with pytest.raises(SystemExit) as ended:
        flag_parsing.run(
            main.COMMAND,
            [
                f"--style={run.style}",
                f"--workdir={run.folder}",
                "--size=512",
                "--strips=none",
            ],
        )
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "out of memory: the features need" in error and "times as large would fit" in error
    assert not run.folder.exists()


def test_running_out_of_memory_later_is_one_line(run, monkeypatch):
    def exhausted(*arguments):
        raise execution.jax.errors.JaxRuntimeError(
            "RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes."
        )

    monkeypatch.setattr(execution.loop, "run", exhausted)
    with pytest.raises(
        errors.UserError, match="Out of memory allocating 123 bytes. Half the --size"
    ):
        execution.make_run(run)
