"""What the commands share: flags read with care, a user's mistake as one line and exit status 2."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata

from absl import app, flags, logging

from jaxtex import errors
from jaxtex.runtime import preemption

SIGPIPE_STATUS = 141  # the status that shells give to what SIGPIPE ended
EXPECTED = {
    "invalid literal for int": "a whole number",
    "could not convert string to float": "a number",
    "Non-boolean argument": "true or false",
}  # absl's words, ours
Page = Callable[[], str]  # makes the help, which few ask for


def run_command(
    name: str,
    page: Page,
    values: flags.FlagValues,
    main: Callable[[list[str]], None],
    positional: bool = False,
) -> None:
    """The whole of a command, for its console script.

    Args:
      name: of the command.
      page: makes its help.
      values: its flags.
      main: takes the arguments that are no flags.
      positional: whether there may be such.
    """
    if sys.stdout:
        sys.stdout.reconfigure(errors="surrogateescape")  # names of files are any bytes
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(lambda record: "backend" not in record.getMessage())
    parse_flags = lambda arguments: parse(arguments, name, page, values, positional)
    with _listened_to():
        app.run(
            lambda arguments: handle_errors(name, main, arguments[1:]), flags_parser=parse_flags
        )


@contextlib.contextmanager
def _listened_to() -> Iterator[None]:
    """Who reads what is printed may have had enough, as `head` has: the command leaves without a word, as others do."""
    try:
        try:
            yield
        finally:
            if sys.stdout:
                sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # where the interpreter flushes the rest to
        sys.exit(SIGPIPE_STATUS)


def parse(
    arguments: list[str], name: str, page: Page, values: flags.FlagValues, positional: bool = False
) -> list[str]:
    """Reads the flags; a wrong one is one line and exit status 2, --help and --version are answered."""
    if {"--help", "-h", "-help"} & set(arguments):
        print(page().strip())
        sys.exit(0)
    if {"--version", "-version"} & set(arguments):
        print(name, metadata.version("jaxtex"))
        sys.exit(0)
    try:
        rest = values(arguments)
        flags.FLAGS.mark_as_parsed()  # absl asks its own, too
    except (flags.Error, UnicodeError) as error:  # the latter of a flagfile
        exit_with_error(name, explain_error(error, values))
    if len(rest) > 1 and not positional:
        exit_with_error(
            name,
            f"'{rest[1]}' is no flag; an exemplar is given as --style={rest[1]}; --help tells all flags",
        )
    return rest


def explain_error(error: Exception, values: flags.FlagValues) -> str:
    """What absl says of a wrong flag, and what to do."""
    text = str(error).removeprefix("ERROR:: ").removeprefix("flag ")
    if isinstance(error, flags.UnrecognizedFlagError):
        near = errors.nearest(error.flagname.replace("-", "_"), values)
        return f"unknown flag --{error.flagname}; {f'did you mean --{near}? ' if near else ''}--help tells all"
    if text.startswith("Missing value for flag --"):
        name = text.partition("--")[2]
        return f"--{name} wants a value, --{name}=...: {values[name].help}"
    wanted = next((wanted for words, wanted in EXPECTED.items() if words in text), None)
    return f"{text.partition(': ')[0]}: {wanted}, please" if wanted else text


def handle_errors(name: str, main: Callable[[list[str]], None], arguments: list[str]) -> None:
    """`main`, with a user's mistake as one line."""
    try:
        main(arguments)
    except errors.Preempted as error:
        preemption.exit_preempted(f"{name}: {error}; the same command goes on from there")
    except BrokenPipeError:
        raise
    except (
        errors.UserError,
        OSError,
    ) as error:  # a full disk, say, is no mistake in the code either
        exit_with_error(name, error)
    except MemoryError:
        exit_with_error(
            name,
            "not enough memory; --dry_run tells what is wanted, --size, --height and --width decide it",
        )
    except KeyboardInterrupt:
        print(f"{name}: interrupted; what was written until now is kept", file=sys.stderr)
        sys.exit(130)


def exit_with_error(name: str, error) -> None:
    """One line on stderr, exit status 2."""
    print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
