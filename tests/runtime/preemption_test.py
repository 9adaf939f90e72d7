"""Tests of signals: the command saves, exits with status 75, and resumes to the same result."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from jaxtex import images
from jaxtex.runtime import preemption
from support import paths

QUICK = [
    "--size=64",
    "--scales=1",
    "--octaves=1",
    "--layers=relu1_1",
    "--num_steps=4000",
    "--save_every=2",
]
COMMAND = "from jaxtex.__main__ import entry; entry()"
TIMEOUT = 60  # seconds


@pytest.fixture
def start(tmp_path, exemplar):
    """Returns a function that starts the command, or another Python program."""
    images.save(tmp_path / "style.png", exemplar)
    processes = []

    def start(*flags, program=COMMAND):
        where = [f"--style={tmp_path}/style.png", f"--workdir={tmp_path}/run"]
        process = subprocess.Popen(
            [sys.executable, "-c", program, *where, *QUICK, *flags],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(paths.ROOT)},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def wait_until(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition is still false after 60 s")


def send_signals(process, *numbers):
    """Sends signals to a process; returns its exit status and the last line that it prints."""
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.2)
    text = process.communicate(timeout=TIMEOUT)[1]
    assert "Traceback" not in text
    return process.returncode, text.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=lambda number: number.name
)
def test_a_signal_saves_between_two_steps_and_exits(start, tmp_path, number):
    process = start()
    wait_until(lambda: len(list(tmp_path.glob("run/steps/*.png"))) >= 2)
    status, line = send_signals(process, number)
    newest = max(tmp_path.glob("run/checkpoints/*.npz"))
    assert status == preemption.EXIT_STATUS
    saved = f"stopped by a signal, and saved after step {int(newest.stem)} of 4000"
    assert line == f"jaxtex: {saved}; the same command without --overwrite resumes"


BUSY = """
from jaxtex.runtime import preemption
preemption.GRACE = {grace}
preemption.install()
import hashlib
print("ready", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""


def start_busy(start, grace):
    """Starts a process in a C function, which keeps Python waiting, as a compiler does."""
    process = start(program=BUSY.format(grace=grace))
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_signal_ends_the_process_while_a_compiler_runs(start):
    process = start_busy(start, 0.5)
    expected = (preemption.EXIT_STATUS, f"jaxtex: {preemption.MESSAGE}")
    assert send_signals(process, signal.SIGUSR1) == expected


def test_a_second_interrupt_ends_the_process_at_once(start):
    process = start_busy(start, 60)
    begin = time.monotonic()
    status, _ = send_signals(process, signal.SIGINT, signal.SIGINT)
    assert status == preemption.EXIT_STATUS
    assert time.monotonic() - begin < 45


@pytest.mark.slow
def test_ignored_signals_stay_ignored(start, tmp_path):
    ignore = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    process = start("--num_steps=40", program=ignore + COMMAND)
    wait_until(lambda: (tmp_path / "run" / "run.json").exists())
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 0 and (tmp_path / "run" / "DONE").exists()


@pytest.mark.slow
def test_the_same_command_resumes(start, tmp_path):
    process = start("--num_steps=60")
    wait_until(lambda: list(tmp_path.glob("run/steps/*.png")))
    status, _ = send_signals(process, signal.SIGTERM)
    assert status == preemption.EXIT_STATUS

    text = start("--num_steps=60").communicate(timeout=2 * TIMEOUT)[1]
    assert "resumes after step" in text
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 61))
    kept = [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()]
    assert kept == ["00000060.npz"]  # for --continue


def test_handlers_are_installed_before_large_modules_are_loaded():
    program = (
        "import sys, jaxtex.__main__; "
        "print([name for name in ('absl', 'jax', 'numpy') if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"
