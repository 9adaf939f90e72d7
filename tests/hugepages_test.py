"""The command begins anew with larger pages, once, and only where that changes something."""

import os
import subprocess
import sys

import pytest

from jaxtex import hugepages


class BegunError(Exception):
    """In place of the new process, with what it would be given."""


@pytest.fixture
def system(monkeypatch, tmp_path):
    """A Linux that gives large pages to those who ask, and a command on it."""
    given, command = tmp_path / "enabled", tmp_path / "jaxtex"
    given.write_text("always [madvise] never\n")
    command.touch()
    monkeypatch.setattr(hugepages, "GIVEN", given)
    monkeypatch.setattr(sys, "argv", [str(command), "--size=64"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-P", str(command), "--size=64"])
    monkeypatch.delenv(hugepages.VARIABLE, raising=False)
    monkeypatch.setattr(os, "execve", lambda *given: (_ for _ in ()).throw(BegunError(*given)))
    return given


def test_the_same_command_with_the_variable(system):
    with pytest.raises(BegunError) as begun:
        hugepages.ask()
    path, arguments, environment = begun.value.args
    assert path == sys.executable and arguments == [sys.executable, *sys.orig_argv[1:]]
    assert environment == {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@pytest.mark.parametrize("mode", ["[always] madvise never", "always madvise [never]", None])
def test_not_where_it_would_change_nothing(mode, system):
    system.write_text(mode) if mode else system.unlink()
    hugepages.ask()


def test_not_twice_nor_against_the_users_choice(system, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "")
    hugepages.ask()


def test_not_from_a_program_of_ones_own(system, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["-c"])
    hugepages.ask()


def test_the_command_passes_on_its_arguments_and_status():
    clean = {name: value for name, value in os.environ.items() if name != hugepages.VARIABLE}
    command = [sys.executable, "-m", "jaxtex", "--size=none, please"]
    told = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120)
    assert told.returncode == 2 and told.stderr.count("\n") == 1 and "none, please" in told.stderr
