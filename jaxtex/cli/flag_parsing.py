"""Frame of all commands: parses flags, prints help, turns mistakes into one line and exit status 2.

A command is a `Command`. `run` runs it on given arguments in this process, as tests do;
`run_as_script` is what its console script calls.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import NamedTuple, NoReturn, TextIO

from absl import app, flags, logging

from jaxtex import errors
from jaxtex.runtime import files, preemption

USAGE_STATUS = 2  # a mistake of the user
INTERRUPT_STATUS = 130  # what shells report after Ctrl-C
SIGPIPE_STATUS = 141  # what shells report for a process that SIGPIPE ended

# Part of absl's message -> the value that was expected.
EXPECTED = {
    "invalid literal for int": "a whole number",
    "could not convert string to float": "a number",
    "Non-boolean argument": "true or false",
}


class Command(NamedTuple):
    """A command of jaxtex."""

    name: str
    define_flags: Callable[[], flags.FlagValues]
    help_page: Callable[[flags.FlagValues], str]  # of --help
    main: Callable[[flags.FlagValues, list[str]], object]  # parsed flags, positional arguments
    positional: bool = False  # accepts arguments that are not flags
    full_help_page: Callable[[flags.FlagValues], str] | None = None  # None: as `help_page`


def run_as_script(command: Command) -> None:
    """Runs a command on the arguments of this process, with its standard streams and logging."""
    if sys.stdout:
        # File names may be any bytes.
        sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(lambda record: "backend" not in record.getMessage())

    with _exit_on_failed_output(command.name):
        app.run(lambda arguments: run(command, arguments[1:]), flags_parser=_skip_parsing)


def _skip_parsing(arguments: list[str]) -> list[str]:
    """Keeps all arguments for `run`; absl's own flags keep their defaults."""
    flags.FLAGS.mark_as_parsed()
    return arguments


@contextlib.contextmanager
def _exit_on_failed_output(name: str) -> Iterator[None]:
    """Exits quietly if the reader of stdout closed the pipe, as `head` does; else with one line.

    Args:
      name: of the command.
    """
    try:
        try:
            yield
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        if isinstance(error, BrokenPipeError):
            sys.exit(SIGPIPE_STATUS)
        exit_with_error(name, f"stdout: {error.strerror}")


def _discard(stream: TextIO) -> None:
    """Discards what a stream still holds: the interpreter flushes it once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(command: Command, arguments: Sequence[str]) -> None:
    """Runs a command in this process.

    Args:
      command: the command.
      arguments: flags and positional arguments, without the name of the command.

    Raises:
      SystemExit: after `--help`, `--helpfull` and `--version`, on failure, and on a mistake of the
        user, which is printed in one line.
    """
    values = command.define_flags()
    rest = parse(command, values, arguments)
    handle_errors(command.name, functools.partial(command.main, values), rest)


def parse(command: Command, values: flags.FlagValues, arguments: Sequence[str]) -> list[str]:
    """Parses flags; prints the help or the version and exits if that is asked for.

    Args:
      command: the command.
      values: its flags, which are set.
      arguments: flags and positional arguments, without the name of the command.

    Returns:
      The positional arguments.

    Raises:
      SystemExit: `--help`, `--helpfull` or `--version` is given, or the arguments are wrong.
    """
    if {"--helpfull", "-helpfull"} & set(arguments):
        print((command.full_help_page or command.help_page)(values).strip())
        sys.exit(0)
    if {"--help", "-h", "-help"} & set(arguments):
        print(command.help_page(values).strip())
        sys.exit(0)
    if {"--version", "-version"} & set(arguments):
        print(command.name, metadata.version("jaxtex"))
        sys.exit(0)

    try:
        rest = values([command.name, *expand_flagfiles(arguments)])[1:]
        check_home_folders(values)
    except errors.UserError as error:
        exit_with_error(command.name, error)
    except (flags.Error, ValueError) as error:  # ValueError: --noflag=1, a flagfile that is a pipe
        exit_with_error(command.name, explain_error(error, values))
    if rest and not command.positional:
        exit_with_error(
            command.name,
            f"unexpected argument '{rest[0]}'; an exemplar is given as --style={rest[0]}; "
            "--helpfull lists all flags",
        )
    return rest


def expand_flagfiles(arguments: Sequence[str], reading: Sequence[str] = ()) -> list[str]:
    """Replaces each `--flagfile`, also in another one, by its flags.

    File names may be any bytes; absl reads only files in UTF-8.

    Args:
      arguments: flags, or the lines of a flagfile.
      reading: flagfiles around `arguments`.

    Raises:
      UserError: a file is missing, not readable, not a text, or too long.
    """
    expanded: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name not in ("--flagfile", "-flagfile"):
            expanded.append(argument)
            continue
        following = value if equals else next(rest, None)
        if following is None:
            raise errors.UserError("--flagfile needs a value, --flagfile=...: File of flags.")
        path = os.path.expanduser(following.strip())
        if path and path not in reading:
            expanded += expand_flagfiles(_read_flagfile(path), [*reading, path])
    return expanded


def _read_flagfile(path: str) -> list[str]:
    """Reads the lines of a flagfile, without comments and empty lines."""
    try:
        lines = [line.strip() for line in files.read_text(path).split("\n")]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.UserError(f"--flagfile={path}: {reason}") from error
    return [line for line in lines if line and not line.startswith(("#", "//"))]


def check_home_folders(values: flags.FlagValues) -> None:
    """Validates that no value starts with `~`: a shell does not expand it after `=`.

    Raises:
      UserError: one does; a file or folder of that name can be given as `./~`.
    """
    for name in values:
        value = values[name].value
        if isinstance(value, str) and value != os.path.expanduser(value):
            raise errors.UserError(
                f"--{name}={value}: the shell did not expand '~'; use '{os.path.expanduser(value)}'"
            )


def explain_error(error: Exception, values: flags.FlagValues) -> str:
    """Rewrites an error of absl about a flag.

    Args:
      error: raised while flags were parsed.
      values: the flags.

    Returns:
      What is wrong, and the flag or value that was expected.
    """
    text = str(error).removeprefix("ERROR:: ").removeprefix("flag ")
    if isinstance(error, flags.UnrecognizedFlagError):
        suggestion = errors.nearest(error.flagname.replace("-", "_"), values)
        hint = f"did you mean --{suggestion}? " if suggestion else ""
        return f"unknown flag --{error.flagname}; {hint}--helpfull lists all flags"

    if text.startswith("Missing value for flag --"):
        name = text.partition("--")[2]
        help_text = f": {values[name].help}" if name in values else ""  # --undefok is absl's own
        return f"--{name} needs a value, --{name}=...{help_text}"

    for fragment, expected in EXPECTED.items():
        if fragment in text:
            return f"{text.partition(': ')[0]}: expected {expected}"
    return text


def handle_errors(name: str, main: Callable[[list[str]], object], arguments: list[str]) -> None:
    """Calls `main`, and turns the errors of a user or a machine into one line.

    Args:
      name: of the command.
      main: takes the positional arguments.
      arguments: the positional arguments.

    Raises:
      SystemExit: `main` raised one of those errors, or the process was asked to stop.
      BrokenPipeError: see `_exit_on_failed_output`.
    """
    try:
        main(arguments)
    except errors.Preempted as error:
        preemption.exit_preempted(f"{name}: {error}; {preemption.RESUMES}")
    except BrokenPipeError:
        raise
    except (errors.UserError, OSError) as error:  # OSError: such as a full disk
        exit_with_error(name, error)
    except MemoryError:
        exit_with_error(
            name,
            "not enough memory; --dry_run prints what a run needs, --size, --height and --width "
            "determine it",
        )
    except KeyboardInterrupt:
        print(f"{name}: interrupted; everything written so far is kept", file=sys.stderr)
        sys.exit(INTERRUPT_STATUS)


def exit_with_error(name: str, error: object) -> NoReturn:
    """Prints one line on stderr and exits with status 2.

    Args:
      name: of the command.
      error: exception or text; line breaks become spaces.
    """
    try:
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
    except OSError:  # such as a full disk; the status remains
        _discard(sys.stderr)
    sys.exit(USAGE_STATUS)
