"""Commands that serve a live page, as processes."""

import os
import re
import subprocess
import sys

import pytest

from jaxtex import images
from support import paths

QUICK = ["--size=64", "--scales=1", "--octaves=1", "--layers=relu1_1", "--save_every=2"]


@pytest.fixture
def begin(tmp_path, exemplar):
    """Starts a module with `--serve=0` and returns the process and the address of its page."""
    images.save(tmp_path / "style.png", exemplar)
    processes = []

    def start(module, *flags):
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--serve=0", *flags],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(paths.ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        for line in process.stderr:
            address = re.search(r"http://127\.0\.0\.1:\d+", line)
            if address:
                return process, address[0]
        raise AssertionError("the command ended without an address")

    yield start
    for process in processes:
        process.kill()
        process.communicate()
