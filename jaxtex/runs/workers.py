"""Worker processes: several jobs at a time, each with a log file that also is its lock.

The lock belongs to the process of the job: it lasts as long as anything writes to the log, and the
system releases it after a crash.
"""

import collections
import contextlib
import fcntl
import logging
import pathlib
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from jaxtex.runtime import files, preemption

logger = logging.getLogger(__name__)

# Statuses of a process that a signal asked to stop.
PREEMPTED_STATUSES = (preemption.EXIT_STATUS, -signal.SIGTERM, -signal.SIGUSR1)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
GRACE = 60.0  # seconds for a process to stop: half of `slurm.WARNING`
POLL_INTERVAL = 0.1  # seconds
TAIL_SIZE = 65536  # bytes of a log
PREFIX = "jaxtex-sweep: "  # begins our own lines in a log
FAILED = f"{PREFIX}failed: "


class Job(NamedTuple):
    """Command that is run until its job is done."""

    name: str
    command: tuple[str, ...]
    log: pathlib.Path
    is_done: Callable[[], bool]


class Stopped(Exception):  # noqa: N818
    """Raised after a signal, whose number is the argument, when all processes have stopped."""


def run_jobs(jobs: Sequence[Job], workers: int, retries: int) -> list[str]:
    """Runs the jobs that are not done yet; a failed one does not affect the others.

    Args:
      jobs: in the order in which they start.
      workers: maximum number of processes at a time.
      retries: how often a preempted job starts again, after the waiting ones.

    Returns:
      A line with name and reason for each job that is not done.

    Raises:
      Stopped: a signal arrived.
    """
    waiting = collections.deque(jobs)
    running: dict[Job, subprocess.Popen] = {}
    tries: collections.Counter[Job] = collections.Counter()
    failed: list[str] = []
    with _record_signals() as signals:
        while (waiting or running) and not signals:
            while waiting and len(running) < workers:
                _start(waiting.popleft(), running, failed)
            time.sleep(POLL_INTERVAL if running else 0)

            ended = [job for job, process in running.items() if process.poll() is not None]
            for job in ended:
                status = running.pop(job).returncode
                tries[job] += 1
                if status in PREEMPTED_STATUSES and tries[job] <= retries:
                    logger.info("%s was preempted and starts again", job.name)
                    waiting.append(job)
                elif reason := _check(job, status):
                    failed.append(f"{job.name}: {reason}")
        if signals:
            _stop(running, signals)
            raise Stopped(signals[0])
    return failed


@contextlib.contextmanager
def _record_signals() -> Iterator[list[int]]:
    """Yields a list that grows with each signal; ignored signals stay ignored, as under nohup."""
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(job: Job, running: dict[Job, subprocess.Popen], failed: list[str]) -> None:
    """Starts a job unless it is done or another process runs it."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "a") as log:
        if not files.try_lock(log):
            failed.append(f"{job.name}: another process is running it")
            return
        if job.is_done():
            logger.info("%s is done already", job.name)
            return

        logger.info("%s starts", job.name)
        now = time.strftime("%F %T")
        print(f"{PREFIX}starts on {platform.node()}, {now}", file=log, flush=True)
        running[job] = subprocess.Popen(
            job.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A Ctrl-C at the terminal must reach only this process, which stops the others.
            start_new_session=True,
        )


def _check(job: Job, status: int) -> str:
    """Returns why a job failed, and appends it to the log; empty if the job is done."""
    if status == 0 and job.is_done():
        logger.info("%s is done", job.name)
        return ""
    if status in PREEMPTED_STATUSES:
        ending = "preempted too often"
    elif status < 0:
        ending = f"signal {-status}"
    else:
        ending = f"exit status {status}"

    lines = [line for line in read_tail(job.log) if not line.startswith(PREFIX)]
    reason = f"{lines[-1]} ({ending})" if lines else ending
    _append(job, f"{FAILED}{reason}")
    logger.error("%s failed: %s", job.name, reason)
    return reason


def _stop(running: dict[Job, subprocess.Popen], signals: list[int]) -> None:
    """Asks the processes to stop; kills them after `GRACE` or at a second signal."""
    for process in running.values():
        process.terminate()

    deadline = time.monotonic() + GRACE
    while any(process.poll() is None for process in running.values()):
        if time.monotonic() >= deadline or len(signals) > 1:
            break
        time.sleep(0.05)

    for job, process in running.items():
        process.kill()
        if process.wait():
            _append(job, f"{PREFIX}interrupted")


def _append(job: Job, line: str) -> None:
    with open(job.log, "a") as log:
        print(line, file=log)


def read_tail(log: pathlib.Path, size: int = TAIL_SIZE) -> list[str]:
    """Reads the last lines of a log that are not empty; none if the file is missing.

    Args:
      log: path of the file.
      size: bytes to read.
    """
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - size))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line for line in lines if line.strip()]


def read_failure(log: pathlib.Path) -> str:
    """Reads why the last try failed; empty if it did not."""
    last = (read_tail(log) or [""])[-1]
    return last.removeprefix(FAILED) if last.startswith(FAILED) else ""


def is_running(log: pathlib.Path) -> bool:
    """True if a process holds the lock of the log."""
    try:
        with open(log) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
