"""Commands that serve a live page."""

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
    """A command that serves, and its address."""
    images.save(tmp_path / "style.png", exemplar)
    begun = []

    def start(module, *flags):
        environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
        pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
        line = [sys.executable, "-m", module, "--serve=0", *flags]
        begun.append(subprocess.Popen(line, cwd=tmp_path, env=environment, **pipes))
        for text in begun[-1].stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+", text):
                return begun[-1], found[0]
        raise AssertionError("it does not serve")

    yield start
    for process in begun:
        process.kill()
        process.communicate()
