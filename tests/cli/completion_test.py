"""Completion scripts, run in bash and in zsh."""

import os
import select
import shutil
import subprocess
import sys
import time

import pytest

from jaxtex import networks
from jaxtex.cli import completion, flag_parsing, flags, help_page, main
from jaxtex.images import builtin

BASH = """source ./script
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
$(complete -p jaxtex | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""
STARTS = {
    "bash": (["--norc"], "source ./_jaxtex"),
    "zsh": (["-f"], "fpath=($PWD $fpath); autoload -Uz compinit && compinit -u -d dump"),
}


@pytest.fixture
def script(tmp_path, monkeypatch, capsys):
    """Returns a function that writes the script of a shell into a folder with a picture."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "petals.png").write_bytes(b"")

    def write(shell):
        flag_parsing.run(main.COMMAND, [f"--completion={shell}"])
        (tmp_path / "script").write_text(capsys.readouterr().out)
        return tmp_path

    return write


def completed(line):
    """Completes a line, split into words as bash splits it; the last word is incomplete."""
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH, "jaxtex", *line.split(" ")], capture_output=True, text=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_completes_flags_names_and_files(script):
    script("bash")
    every = {f"--{name}" for names in help_page.GROUPS.values() for name in names}
    assert completed("jaxtex --") == every
    for flag in ("--network =", "--network", "--each --network =", "--style = a.png --network"):
        assert completed(f"jaxtex {flag} vgg") == {
            name for name in networks.NETWORKS if name.startswith("vgg")
        }
    assert completed("jaxtex --network =") == set(networks.NETWORKS)
    assert completed("jaxtex --style = pe") == {
        "pebbles",
        "pebbles_height",
        "pebbles_normal",
        "petals.png",
    }
    assert completed("jaxtex --style =") >= {*builtin.names(), "petals.png"}
    assert completed("jaxtex --style = pebbles --pres") == {"--preset", "--preserve_color"}
    assert (
        completed("jaxtex --output = pe") == {"petals.png"}
        and completed("jaxtex --size = 1") == set()
    )


@pytest.mark.parametrize("shell", STARTS)
@pytest.mark.parametrize(
    "typed, shown",
    [
        ("--network=ste", "--network=steerable"),
        ("--network ste", "--network steerable"),
        ("--style=peb", "--style=pebbles"),
        ("--style=pet", "--style=petals.png"),
        ("--style=pebbles --optim", "--optimizer"),
        ("--ea", "--each"),
    ],
)
def test_the_tab_key_at_a_terminal(script, shell, typed, shown):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    folder, (arguments, begin) = script(shell), STARTS[shell]
    os.rename("script", "_jaxtex")
    environment = {**os.environ, "TERM": "dumb", "PS1": "> ", "HOME": str(folder)}
    line = [
        sys.executable,
        "-c",
        "import pty, sys; pty.spawn(sys.argv[1:])",
        shell,
        *arguments,
        "-i",
    ]
    with subprocess.Popen(
        line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as terminal:
        try:
            terminal.stdin.write(f"{begin} && echo rea''dy\n".encode())
            assert "ready" in until(terminal, "ready")
            terminal.stdin.write(f"jaxtex {typed}\t".encode())
            assert shown in until(terminal, shown)
        finally:
            terminal.kill()


def until(terminal, text, seconds=60):
    """Reads what the terminal shows until it contains the text."""
    output = ""
    end = time.monotonic() + seconds
    while text not in output and time.monotonic() < end:
        if select.select([terminal.stdout], [], [], 0.2)[0]:
            shown = terminal.stdout.read(1 << 16).decode(errors="replace")
            output += shown.replace("\a", "")  # the bell, if there are several completions
    return output


def test_an_unknown_shell_is_one_line(capsys):
    with pytest.raises(SystemExit) as left:
        flag_parsing.run(main.COMMAND, ["--completion=fish"])
    assert left.value.code == 2
    assert capsys.readouterr().err == "jaxtex: unknown --completion 'fish'. There are: bash, zsh\n"


def test_every_flag_that_takes_a_path_exists():
    assert {*completion.FILES, *completion.FOLDERS, *completion.PICTURES} <= {
        *flags.define_flags(),
        "flagfile",
    }
