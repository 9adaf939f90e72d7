"""Jobs as processes of their own, some at a time: each with a log that is its lock, too.

The lock is the process's: it is held while anything still writes to the log, whoever began it, and by nobody after a crash.
"""

import collections
import contextlib
import fcntl
import pathlib
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from absl import logging

from jaxtex.runtime import files, preemption

PREEMPTED_STATUSES = (
    preemption.EXIT_STATUS,
    -signal.SIGTERM,
    -signal.SIGUSR1,
)  # statuses of a process that was asked to stop
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
GRACE = 60.0  # seconds that a process has to stop: half of what Slurm is asked for
PREFIX = "jaxtex-sweep: "  # begins our own lines in a log
FAILED = f"{PREFIX}failed: "


class Job(NamedTuple):
    """What is done by a command, once."""

    name: str
    command: tuple[str, ...]
    log: pathlib.Path
    is_done: Callable[[], bool]


class Stopped(Exception):  # noqa: N818
    """A signal came; its number is the argument. What runs was told to stop, and has."""


def run_jobs(jobs: Sequence[Job], workers: int, retries: int) -> list[str]:
    """Does what is not done yet. What fails costs the others nothing.

    Args:
      jobs: in the order in which they begin.
      workers: how many at once.
      retries: how often one is begun again that was preempted, at the end of the queue.

    Returns:
      The names of those that are not done, with why, a line each.

    Raises:
      Stopped: a signal came.
    """
    waiting, going, tries, failed = collections.deque(jobs), {}, collections.Counter(), []
    with _listening() as came:
        while (waiting or going) and not came:
            while waiting and len(going) < workers:
                _begin(waiting.popleft(), going, failed)
            time.sleep(0.1 if going else 0)
            for job in [job for job, process in going.items() if process.poll() is not None]:
                status = going.pop(job).returncode
                tries[job] += 1
                if status in PREEMPTED_STATUSES and tries[job] <= retries:
                    logging.info("%s was preempted, and begins again", job.name)
                    waiting.append(job)
                elif reason := _reason(job, status):
                    failed.append(f"{job.name}: {reason}")
        if came:
            _stop(going, came)
            raise Stopped(came[0])
    return failed


@contextlib.contextmanager
def _listening() -> Iterator[list[int]]:
    """The signals that came until now; those that are ignored stay so, as under nohup."""
    came = []
    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:
        if before[each] is not signal.SIG_IGN:
            signal.signal(each, lambda number, _: came.append(number))
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _begin(job: Job, going: dict[Job, subprocess.Popen], failed: list[str]) -> None:
    """Starts it, unless it is done or another process is at it."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "a") as log:
        if not files.try_lock(log):
            failed.append(f"{job.name}: another process is making it")
        elif job.is_done():
            logging.info("%s is done already", job.name)
        else:
            logging.info("%s begins", job.name)
            print(
                f"{PREFIX}begins on {platform.node()}, {time.strftime('%F %T')}",
                file=log,
                flush=True,
            )
            # Of a session of its own, or a Ctrl-C at the terminal would reach it, too.
            pipes = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            going[job] = subprocess.Popen(job.command, **pipes, start_new_session=True)


def _reason(job: Job, status: int) -> str:
    """Why it is not done, noted in the log, too; nothing if it is."""
    if status == 0 and job.is_done():
        logging.info("%s is done", job.name)
        return ""
    lines = [line for line in read_tail(job.log) if not line.startswith(PREFIX)]
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    how = "preempted too often" if status in PREEMPTED_STATUSES else how
    reason = f"{lines[-1]} ({how})" if lines else how
    _note(job, f"{FAILED}{reason}")
    logging.error("%s failed: %s", job.name, reason)
    return reason


def _stop(going: dict[Job, subprocess.Popen], came: list[int]) -> None:
    """Asks the processes to stop, and ends them if they do not within `GRACE`, or at a second signal."""
    for process in going.values():
        process.terminate()
    until = time.monotonic() + GRACE
    while (
        any(process.poll() is None for process in going.values())
        and time.monotonic() < until
        and len(came) < 2
    ):
        time.sleep(0.05)
    for job, process in going.items():
        process.kill()
        if process.wait():
            _note(job, f"{PREFIX}interrupted")


def _note(job: Job, line: str) -> None:
    with open(job.log, "a") as log:
        print(line, file=log)


def read_tail(log: pathlib.Path, size: int = 65536) -> list[str]:
    """The last lines of a log, without empty ones; none if there is no log."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            return [
                line for line in file.read().decode(errors="replace").splitlines() if line.strip()
            ]
    except FileNotFoundError:
        return []


def read_failure(log: pathlib.Path) -> str:
    """Why the last try failed; nothing if it did not."""
    last = (read_tail(log) or [""])[-1]
    return last.removeprefix(FAILED) if last.startswith(FAILED) else ""


def is_running(log: pathlib.Path) -> bool:
    """Whether a process holds the log's lock."""
    try:
        with open(log) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
