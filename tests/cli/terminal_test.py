"""Output on a terminal and elsewhere: colors only on a terminal, and not with NO_COLOR."""

import os
import re
import subprocess
import sys

import pytest

from jaxtex.cli import flag_parsing

COLORS = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-7]|38;[0-9;]+|4[0-7]|9[0-7])(?:;\d+)*m")
SMALL = ["--size=32", "--scales=1", "--octaves=1", "--layers=relu1_1", "--num_steps=2"]
RUN = ["-m", "jaxtex", "--style=pebbles", *SMALL]
LIST = ["-c", "from jaxtex.cli import weights_main; weights_main.entry()", "list"]
MISTAKE = ["-m", "jaxtex", "--stlye=pebbles"]


def run_on_terminal(arguments, folder, **environment):
    """Runs Python on a pseudo-terminal and returns its output."""
    line = [
        sys.executable,
        "-c",
        "import pty, sys; pty.spawn(sys.argv[1:])",
        sys.executable,
        *arguments,
    ]
    environment = plain() | {"TERM": "xterm-256color"} | environment
    return subprocess.run(
        line, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ).stdout


def plain():
    variables = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM")
    return {name: value for name, value in os.environ.items() if name not in variables}


@pytest.mark.slow
@pytest.mark.parametrize("arguments, colored", [(RUN, True), (LIST, False), (MISTAKE, False)])
def test_colors_on_a_terminal_unless_disabled(tmp_path, arguments, colored):
    assert bool(COLORS.search(run_on_terminal(arguments, tmp_path))) == colored
    again = tmp_path / "again"
    again.mkdir()
    output = run_on_terminal(arguments, again, NO_COLOR="1")
    assert output and not COLORS.search(output)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [RUN, LIST, MISTAKE])
def test_no_escape_sequences_without_a_terminal(tmp_path, arguments):
    line = [sys.executable, *arguments]
    done = subprocess.run(
        line, cwd=tmp_path, env=plain() | {"TERM": "xterm-256color"}, capture_output=True
    )
    assert (done.stdout or done.stderr) and b"\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--help", "--list=statistics", "--version"])
def test_a_closed_pipe_ends_quietly(flag):
    """As in `jaxtex --help | head`: no traceback, and the exit status after SIGPIPE."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "jaxtex", flag], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (flag_parsing.SIGPIPE_STATUS, b"")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full of Linux")
@pytest.mark.parametrize(
    "command, printed",
    [
        ("--help >/dev/full", "jaxtex: stdout: No space left on device\n"),
        ("--stlye=pebbles 2>/dev/full", ""),
    ],
)
def test_a_full_disk_ends_with_one_line_and_status_2(tmp_path, command, printed):
    line = f"{sys.executable} -m jaxtex {command}"
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, printed)
