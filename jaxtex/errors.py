"""Errors and warnings for the user, whose one line names the thing, the value and the choice."""

import difflib
import functools
import logging
from collections.abc import Iterable, Mapping
from typing import TypeVar

MIN_SIMILARITY = 0.6  # of a suggested name, as the ratio of `difflib.SequenceMatcher`

Value = TypeVar("Value")


class UserError(ValueError):
    """Mistake that the user can correct: a command prints the message and exits with status 2."""


class Preempted(BaseException):
    """The process was asked to stop, and the state of its run is saved.

    Not an `Exception`, so that `except Exception` does not swallow it.
    """


@functools.cache
def warn_once(text: str) -> None:
    """Logs a warning the first time that it is given in this process.

    Bytes of an argument that are no text are written as escapes, so that every log can hold them.
    """
    logging.getLogger(__name__).warning(text.encode(errors="backslashreplace").decode())


def unknown(kind: str, name: str, names: Iterable[str]) -> UserError:
    """Builds the error for a name that is not in a table, with the nearest name that is.

    Args:
      kind: of the thing, such as "statistic" or "layer".
      name: the unknown name.
      names: all known names.

    Returns:
      The error, for the caller to raise.
    """
    names = list(names)
    suggestion = nearest(name, names)
    hint = f"; did you mean '{suggestion}'?" if suggestion else "."
    return UserError(f"unknown {kind} '{name}'{hint} There are: {', '.join(names)}")


def nearest(name: str, names: Iterable[str], cutoff: float = MIN_SIMILARITY) -> str:
    """Finds the known name that a wrong or abbreviated name most likely stands for.

    Args:
      name: what the user wrote.
      names: all known names.
      cutoff: least similarity of a name that neither begins with `name` nor ends with `_name`,
        in [0, 1].

    Returns:
      The shortest of `names` that begin with `name` or end with `_name`, else the most similar one;
      empty if none is similar.
    """
    names = list(names)
    parts = [each for each in names if each.startswith(name) or each.endswith(f"_{name}")]
    if name and parts:
        return min(parts, key=len)

    similar = difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
    return similar[0] if similar else ""


def choose(kind: str, name: str, table: Mapping[str, Value]) -> Value:
    """Returns `table[name]`.

    Args:
      kind: of the thing, such as "statistic" or "layer", for the message.
      name: a key of the table.
      table: name -> thing.

    Raises:
      UserError: `name` is not in `table`.
    """
    if not isinstance(name, str) or name not in table:
        raise unknown(kind, str(name), table)
    return table[name]
