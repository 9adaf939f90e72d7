"""A command that is told to leave saves, leaves with status 75, and goes on to the same picture."""

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


@pytest.fixture
def begin(tmp_path, exemplar):
    images.save(tmp_path / "style.png", exemplar)
    begun = []

    def start(*flags, text="from jaxtex.__main__ import entry; entry()"):
        line = [
            sys.executable,
            "-c",
            text,
            f"--style={tmp_path}/style.png",
            f"--workdir={tmp_path}/run",
            *QUICK,
            *flags,
        ]
        environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
        begun.append(
            subprocess.Popen(
                line, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def until(happens):
    for _ in range(1200):
        if happens():
            return
        time.sleep(0.05)
    raise AssertionError("it does not happen")


def told(process, *numbers):
    """How a process ends to which signals are sent."""
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.2)
    error = process.communicate(timeout=60)[1]
    assert "Traceback" not in error
    return process.returncode, error.splitlines()[-1]


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=lambda number: number.name
)
def test_between_two_steps_it_saves_and_leaves(begin, tmp_path, number):
    process = begin()
    until(lambda: len(list(tmp_path.glob("run/steps/*.png"))) >= 2)
    status, line = told(process, number)
    (newest, *_) = sorted(tmp_path.glob("run/checkpoints/*.npz"), reverse=True)
    assert status == preemption.EXIT_STATUS
    said = f"jaxtex: told to leave, and saved after step {int(newest.stem)} of 4000; the same command goes on from there"
    assert line == said


BUSY = """
from jaxtex.runtime import preemption
preemption.GRACE = {grace}
preemption.listen()
import hashlib
print("now", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""


def busy(begin, grace):
    """A process in a call of C, which keeps Python waiting, as a compiler does."""
    process = begin(text=BUSY.format(grace=grace))
    assert process.stdout.readline() == "now\n"
    return process


def test_while_the_compiler_is_at_work_it_leaves(begin):
    assert told(busy(begin, 0.5), signal.SIGUSR1) == (
        preemption.EXIT_STATUS,
        f"jaxtex: {preemption.MESSAGE}",
    )


def test_the_second_interrupt_does_not_wait(begin):
    began = time.monotonic()
    assert told(busy(begin, 60), signal.SIGINT, signal.SIGINT)[0] == preemption.EXIT_STATUS
    assert time.monotonic() - began < 45


def test_what_is_ignored_stays_so(begin, tmp_path):
    text = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from jaxtex.__main__ import entry; entry()"
    process = begin("--num_steps=40", text=text)
    until(lambda: (tmp_path / "run" / "run.json").exists())
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0 and (tmp_path / "run" / "DONE").exists()


def test_it_goes_on_where_it_left(begin, tmp_path):
    process = begin("--num_steps=60")
    until(lambda: list(tmp_path.glob("run/steps/*.png")))
    assert told(process, signal.SIGTERM)[0] == preemption.EXIT_STATUS
    error = begin("--num_steps=60").communicate(timeout=120)[1]
    assert "goes on after step" in error
    rows = [
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    ]
    assert [row["step"] for row in rows] == list(range(1, 61)) and not (
        tmp_path / "run" / "checkpoints"
    ).exists()


def test_little_is_loaded_before_it_listens():
    text = "import sys, jaxtex.__main__; print([name for name in ('absl', 'jax', 'numpy') if name in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )
