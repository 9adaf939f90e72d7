"""Tests of the frame of all commands: flags from dataclasses, error messages, exit statuses."""

import codecs
import dataclasses
import os

import pytest
from absl import flags

from jaxtex import errors
from jaxtex.cli import flag_fields, flag_parsing
from jaxtex.runtime import preemption


@dataclasses.dataclass(frozen=True)
class Options:
    """Flags of the command under test."""

    name: str = flag_fields.flag("nobody", "Name of somebody. Any text.")
    count: int = flag_fields.flag(2, "Number of times.", lower_bound=0)
    scale: float = flag_fields.flag(0.5, "Factor.")
    quiet: bool = flag_fields.flag(False, "Prints nothing.")
    from_: str = flag_fields.flag("", "Origin.")
    vary: tuple[str, ...] = flag_fields.flag((), "Repeated flag")
    serve: int | None = flag_fields.port_flag("Port.")
    given: frozenset[str] = frozenset()  # not a flag


def define_flags():
    return flag_fields.define(Options, flags.FlagValues(), {"name": {"a": 1, "b": 2}})


def command(main, positional=True):
    return flag_parsing.Command("test", define_flags, lambda values: "help", main, positional)


def read(*arguments):
    """Runs a command on the arguments; returns its options, the given flags and the rest."""
    results = []

    def main(values, rest):
        given = flag_fields.read_given(Options, values)
        results.append((flag_fields.read(Options, values, given=frozenset(given)), given, rest))

    flag_parsing.run(command(main), arguments)
    return results[0]


def test_defaults_are_those_of_the_dataclass():
    options, given, rest = read()
    assert options == Options() and given == {} and rest == []


def test_flags_have_the_types_of_the_fields():
    options, given, rest = read(
        "--name=b", "x", "--count=3", "--scale=2", "--quiet", "--from=c", "--vary=1", "--vary=2"
    )
    assert options == Options("b", 3, 2.0, True, "c", ("1", "2"), None, frozenset(given))
    assert set(given) == {"name", "count", "scale", "quiet", "from", "vary"} and rest == ["x"]


def test_runs_do_not_share_flags():
    assert read("--count=3")[0].count == 3
    assert read()[0].count == 2


def test_the_help_names_the_choices():
    assert define_flags()["name"].help == "Name of somebody. Any text. One of: a, b."


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--count=many"], "--count=many: expected a whole number"),
        (["--scale=much"], "--scale=much: expected a number"),
        (["--quiet=maybe"], "--quiet=maybe: expected true or false"),
        (["--count=-1"], "--count=-1: -1 is not a non-negative integer"),
        (["--serve=70000"], "--serve=70000: 70000 is not an integer in the range [0, 65535]"),
        (["--nam=a"], "unknown flag --nam; did you mean --name? --helpfull lists all flags"),
        (["--zebra"], "unknown flag --zebra; --helpfull lists all flags"),
        (["--noquiet=1"], "--noquiet=1 does not take an argument"),
        (["--undefok"], "--undefok needs a value, --undefok=..."),
        (["--from"], "--from needs a value, --from=...: Origin."),
        (["--flagfile=name\0"], "--flagfile=name\0: embedded null byte"),
        (["--flagfile"], "--flagfile needs a value, --flagfile=...: File of flags."),
    ],
)
def test_wrong_flags_are_one_line(capsys, arguments, message):
    with pytest.raises(SystemExit) as left:
        read(*arguments)
    assert left.value.code == flag_parsing.USAGE_STATUS
    assert capsys.readouterr().err == f"test: {message}\n"


@pytest.mark.parametrize(
    "name, message",
    [
        ("missing", "No such file or directory"),
        ("folder", "is a folder or a device; expected a file of text"),
        ("/dev/zero", "is a folder or a device; expected a file of text"),
        ("picture.png", "is not text: it has a zero byte"),
        ("long", "has more than 1,048,576 bytes; expected a file of text"),
    ],
)
@pytest.mark.parametrize("form", ["--flagfile={}", "-flagfile={}", "--flagfile {}", "nested"])
def test_a_wrong_flagfile_is_named(capsys, tmp_path, monkeypatch, name, message, form):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\0")
    with open("long", "wb") as file:
        file.truncate(5 << 30)  # takes no space on the disk
    (tmp_path / "outer").write_text(f"--count=3\n\n  --flagfile={name}\n")
    arguments = ["--flagfile=outer"] if form == "nested" else form.format(name).split(" ")
    with pytest.raises(SystemExit) as left:
        read(*arguments)
    printed = capsys.readouterr().err
    assert left.value.code == flag_parsing.USAGE_STATUS and printed.count("\n") == 1
    assert printed.startswith(f"test: --flagfile={name}: {message}")


def test_flagfiles_may_be_nested_and_pipes(tmp_path):
    (tmp_path / "inner").write_text("# comment\n--name=b\n")
    reading, writing = os.pipe()
    os.write(writing, f"--count=3\n--flagfile={tmp_path}/inner\n".encode())
    os.close(writing)
    options, _, _ = read(f"--flagfile=/dev/fd/{reading}", "--scale=2")
    os.close(reading)
    assert (options.count, options.name, options.scale) == (3, "b", 2.0)


def test_a_flagfile_holds_names_of_any_bytes_and_may_begin_with_a_mark(tmp_path):
    (tmp_path / "flags").write_bytes(codecs.BOM_UTF8 + b"--name=a\xff.png\n--count=3\n")
    options, _, _ = read(f"--flagfile={tmp_path}/flags")
    assert (options.name, options.count) == ("a\udcff.png", 3)


def test_an_unexpected_argument_is_one_line(capsys):
    with pytest.raises(SystemExit) as left:
        flag_parsing.run(command(lambda values, rest: None, positional=False), ["a.png"])
    assert left.value.code == flag_parsing.USAGE_STATUS
    assert "unexpected argument 'a.png'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error, status, message",
    [
        (errors.UserError("two\nlines"), 2, "test: two lines\n"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (MemoryError(), 2, "test: not enough memory; --dry_run prints"),
        (KeyboardInterrupt(), 130, "test: interrupted; everything written so far is kept\n"),
        (
            errors.Preempted("saved"),
            preemption.EXIT_STATUS,
            "test: saved; the same command without --overwrite resumes",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_become_one_line_and_a_status(capfd, error, status, message):
    def main(values, rest):
        raise error

    with pytest.raises(SystemExit) as left:
        flag_parsing.run(command(main), [])
    assert left.value.code == status
    printed = capfd.readouterr().err
    assert message in printed and printed.count("\n") == 1


@pytest.mark.parametrize("error", [BrokenPipeError(), ZeroDivisionError()], ids=repr)
def test_other_errors_pass(error):
    def main(values, rest):
        raise error

    with pytest.raises(type(error)):
        flag_parsing.run(command(main), [])
