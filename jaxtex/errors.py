"""What a user did wrong, said in one line that names the thing, the value and the choice."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake that its maker can mend: `main` prints its one line and leaves with status 2."""


class Preempted(BaseException):
    """The run was told to leave, and what it was at is saved: no mistake, so `except Exception` lets it through."""


def unknown(kind: str, name: str, names: Iterable[str]) -> UserError:
    """The error for a name that is not in a table, with the nearest name that is.

    Args:
      kind: what is named: "statistic", "layer".
      name: the name that was not found.
      names: those that there are.

    Returns:
      The error, to be raised by the caller.
    """
    names = list(names)
    meant = nearest(name, names)
    hint = f"; did you mean '{meant}'?" if meant else "."
    return UserError(f"unknown {kind} '{name}'{hint} There are: {', '.join(names)}")


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """The first that begins with the name or ends with its words, or the one that is most like it; empty: none is."""
    names = list(names)
    kin = [each for each in names if name and (each.startswith(name) or each.endswith(f"_{name}"))]
    return (kin or difflib.get_close_matches(name, names, 1, cutoff) or [""])[0]


def choose(kind: str, name: str, table: dict):
    """`table[name]`, or the error that `unknown` describes.

    Raises:
      UserError: `name` is not in `table`.
    """
    if name not in table:
        raise unknown(kind, name, table)
    return table[name]
