"""The command `jaxtex`, in this process or in another one, with flags of a small run."""

import os
import subprocess
import sys

from jaxtex.cli import flag_parsing, main
from support import paths

QUICK = [
    "--size=48",
    "--scales=1",
    "--octaves=1",
    "--layers=relu1_1",
    "--num_steps=4",
    "--save_every=2",
]


def process(*arguments, cwd=None):
    root = str(paths.ROOT)
    environment = os.environ | {"PYTHONPATH": root}
    return subprocess.run(
        [sys.executable, "-m", "jaxtex", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )


def jaxtex(*arguments):
    """Runs the command in this process."""
    flag_parsing.run(main.COMMAND, arguments)
