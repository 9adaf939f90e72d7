"""Tests of worker processes, whose jobs are shell scripts: locks, retries, failures and signals."""

import os
import signal
import subprocess
import threading
import time

import pytest

from jaxtex.runs import workers
from jaxtex.runtime import files


@pytest.fixture
def job(tmp_path):
    """A function that makes a job from a name and a script; $0 is the mark that it is done."""

    def make(name, script):
        done = tmp_path / name
        return workers.Job(
            name, ("sh", "-c", script, str(done)), tmp_path / "logs" / f"{name}.log", done.is_file
        )

    return make


def test_each_job_is_run_once(job, tmp_path):
    jobs = [job(name, "echo x >> $0") for name in "abc"]
    assert workers.run_jobs(jobs, 2, 0) == workers.run_jobs(jobs, 2, 0) == []
    assert [(tmp_path / name).read_text() for name in "abc"] == ["x\n"] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, reason",
    [
        ("echo first; echo why >&2; echo; exit 2", "why (exit status 2)"),
        ("exit 1", "exit status 1"),
        ("kill -9 $$", "signal 9"),
        ("echo well; exit 0", "well (exit status 0)"),  # without being done
        ("exit 75", "preempted too often"),
    ],
)
def test_a_failure_is_named_and_does_not_affect_the_others(job, script, reason):
    bad, good = job("bad", script), job("good", "touch $0")
    assert workers.run_jobs([bad, good], 1, 2) == [f"bad: {reason}"]
    assert (
        good.is_done()
        and workers.read_failure(bad.log) == reason
        and not workers.read_failure(good.log)
    )


def test_the_next_call_tries_a_failed_job_again(job):
    bad = job("a", "exit 1")
    workers.run_jobs([bad], 1, 0)
    assert workers.run_jobs([bad._replace(command=("touch", bad.command[-1]))], 1, 0) == []
    assert not workers.read_failure(bad.log)


@pytest.mark.slow
@pytest.mark.parametrize("leaves", ["exit 75", "kill -TERM $$", "kill -USR1 $$"])
def test_a_preempted_job_starts_again_up_to_its_retries(job, leaves):
    third = f"echo x >> $0.tries; test $(wc -l < $0.tries) = 3 && touch $0 || {leaves}"
    assert workers.run_jobs([job("a", third)], 1, 2) == []
    assert workers.run_jobs([job("b", third)], 1, 1) == ["b: preempted too often"]


def test_as_many_jobs_run_at_once_as_there_are_workers(job, tmp_path):
    meet = (
        "touch $0.here; for i in 1 2 3 4 5 6 7 8 9; do "
        "test -e {}.here && touch $0 && exit; sleep 0.2; done; exit 1"
    )
    first, second = (job(name, meet.format(tmp_path / other)) for name, other in ("ab", "ba"))
    assert workers.run_jobs([first, second], 2, 0) == []


@pytest.mark.slow
def test_a_job_of_another_process_is_left_alone(job):
    mine = job("a", "touch $0")
    mine.log.parent.mkdir()
    with open(mine.log, "a") as log:
        assert (
            not workers.is_running(mine.log)
            and files.try_lock(log)
            and workers.is_running(mine.log)
        )
        assert workers.run_jobs([mine], 1, 0) == ["a: another process is running it"]
    assert not workers.is_running(mine.log) and workers.run_jobs([mine], 1, 0) == []


def test_the_lock_lasts_as_long_as_the_process_that_inherits_it(job):
    log = job("a", "").log
    log.parent.mkdir()
    with open(log, "a") as file:
        assert files.try_lock(file)
        process = subprocess.Popen(["sleep", "60"], stdout=file)
    assert workers.is_running(log)
    process.kill()
    process.wait()
    assert not workers.is_running(log)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_signal_stops_all_jobs_and_the_same_call_resumes(job, number, tmp_path):
    long = "touch $0.here; test -e $0.second && touch $0 && exit; touch $0.second; exec sleep 60"
    jobs, began = [job(name, long) for name in "ab"], time.monotonic()

    def strike():
        while not all((tmp_path / f"{name}.second").exists() for name in "ab"):
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    threading.Thread(target=strike).start()
    with pytest.raises(workers.Stopped) as stopped:
        workers.run_jobs(jobs, 2, 0)
    assert stopped.value.args == (number,) and time.monotonic() - began < 30
    assert not any(workers.is_running(each.log) or workers.read_failure(each.log) for each in jobs)
    assert workers.run_jobs(jobs, 2, 0) == []


@pytest.mark.slow
def test_a_process_that_does_not_stop_is_killed(job, monkeypatch):
    monkeypatch.setattr(workers, "GRACE", 0.2)
    deaf = job("a", "trap '' TERM; while :; do :; done")
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(workers.Stopped):
        workers.run_jobs([deaf], 1, 0)
    assert not workers.is_running(deaf.log)
