"""Tests of the profiler: which steps it profiles, and what it says if there are too few."""

import types

import jax
import pytest

from jaxtex import errors
from jaxtex.runtime import profiler


@pytest.fixture
def traces(monkeypatch):
    """Calls of JAX's profiler, in order."""
    calls = []
    monkeypatch.setattr(jax.profiler, "start_trace", lambda folder, **options: calls.append(folder))
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: calls.append("stop"))
    return calls


def observe_steps(folder, steps):
    with profiler.profile(folder) as observe:
        for step in steps:
            observe(types.SimpleNamespace(step=step))


def test_the_steps_between_the_first_two_snapshots_are_profiled(traces, caplog, tmp_path):
    caplog.set_level("INFO")
    observe_steps(f"{tmp_path}/traces", [10, 20, 30])
    assert traces == [f"{tmp_path}/traces", "stop"]
    assert f"profiled steps 11 to 20 into {tmp_path}/traces" in caplog.text


def test_without_a_folder_nothing_is_profiled(traces, caplog):
    observe_steps("", [10, 20])
    observe_steps("", [])
    assert not caplog.text
    assert traces == []


@pytest.mark.parametrize("steps, calls", [([10], 2), ([], 0)])
def test_a_run_that_is_too_short_logs_a_warning(traces, caplog, tmp_path, steps, calls):
    observe_steps(str(tmp_path), steps)
    assert traces == [str(tmp_path), "stop"][:calls]
    assert f"--profile={tmp_path}: incomplete" in caplog.text


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.UserError, match="file/traces: cannot write to this folder"):
        observe_steps(f"{tmp_path}/file/traces", [10, 20])


def test_a_folder_is_validated_and_not_created(tmp_path):
    (tmp_path / "file").touch()
    profiler.validate(f"{tmp_path}/new/traces")
    for name in ("file", "file/traces", "\udcff", "x" * 300):
        with pytest.raises(errors.UserError, match="cannot write to this folder"):
            profiler.validate(f"{tmp_path}/{name}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
