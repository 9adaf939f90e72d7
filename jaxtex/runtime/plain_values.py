"""Plain values: natural types of Python -> the number or text that a flag has.

Numbers may be those of NumPy and JAX. Where a choice is a text in a small language, a `Form` says
which sequences and mappings stand for it: `["conv1_1", "pool1"]` for `"conv1_1,pool1"`.
"""

import dataclasses
import functools
import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxtex import errors

LONGEST = 60  # letters of a value in a message

Class = TypeVar("Class", bound=type)


def number(value: Any) -> int | float:
    """Returns a real number of Python, NumPy or JAX as one of Python.

    Raises:
      TypeError: not a single real number. Booleans are none, nor are texts.
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError("a boolean")
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)

    # Arrays without axes, and scalars of types that NumPy lacks, such as bfloat16.
    array = np.asarray(value) if hasattr(value, "dtype") else np.empty(1)
    if array.ndim or array.dtype.kind not in "iufV" or array.dtype.type is np.void:
        raise TypeError("not a number")
    return int(array) if array.dtype.kind in "iu" else float(array.astype(np.float64))


def whole_number(name: str, value: Any, bounds: tuple[int, int]) -> int:
    """Returns a whole number within bounds.

    Args:
      name: of the argument, or of the flag with its dashes; begins the message.
      value: a number of Python, NumPy or JAX; 3.0 is 3.
      bounds: least and greatest value.

    Raises:
      UserError: another value.
    """
    low, high = bounds
    fits = f"must be a whole number from {low} to {high}"
    whole = convert(name, value, to_whole, fits)
    if not low <= whole <= high:
        raise errors.UserError(f"{name}={describe(value)}: {fits}")
    return whole


def convert(name: str, value: Any, function: Callable[[Any], Any], fits: str) -> Any:
    """Returns `function(value)`.

    Args:
      name: of the argument, or of the flag with its dashes; begins the message.
      value: of any type.
      function: raises any error if the value does not fit.
      fits: what a value must be; ends the message.

    Raises:
      UserError: the value does not fit.
    """
    try:
        return function(value)
    except Exception as error:  # of any library whose object is no number or text
        raise errors.UserError(f"{name}={describe(value)}: {fits}") from error


def to_whole(value: Any) -> int:
    """Returns a whole number, or raises `TypeError` or `ValueError`."""
    found = number(value)
    if found != int(found):
        raise ValueError("not a whole number")
    return int(found)


def to_float(value: Any) -> float:
    """Returns a number as a float, or raises `TypeError` or `OverflowError`."""
    return float(number(value))


def parse_automatic(name: str, text: str, most: float) -> float | None:
    """Returns a number, or None for "auto".

    Args:
      name: of the flag with its dashes.
      text: the number, or "auto".
      most: greatest number; the least is 0.

    Raises:
      UserError: the text is neither.
    """
    if text == "auto":
        return None
    fits = f"must be auto, or a number from 0 to {most:g}"
    found = convert(name, text, float, fits)
    if not 0 <= found <= most:
        raise errors.UserError(f"{name}={text}: {fits}")
    return found


def describe(value: Any) -> str:
    """Returns a value as one short line, for messages."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # the repr of another library's object, or of an integer of 5000 digits
        text = f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def to_name(value: Any) -> str:
    """Returns a text, or raises `TypeError`."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return str.__str__(value)


def to_path(value: Any) -> str:
    """Returns a path as a text, or raises `TypeError`."""
    return os.fsdecode(value) if isinstance(value, os.PathLike) else to_name(value)


def to_digits(value: Any) -> str:
    """Returns a number as a text, `"3"` for 3.0, or raises `TypeError`."""
    found = number(value)
    return str(int(found)) if found == int(found) else repr(found)


def to_word(value: Any) -> str:
    """Returns a text, or a number as a text; raises `TypeError`."""
    return to_name(value) if isinstance(value, str) else to_digits(value)


def to_rows(value: Any) -> str:
    """Returns a text, a number as a text, or "none" for None; raises `TypeError`."""
    return "none" if value is None else to_word(value)


def to_dtype(value: Any) -> str:
    """Returns the name of a type of numbers, such as `jnp.bfloat16`; raises `TypeError`."""
    if value is None:
        raise TypeError("None is float64 to NumPy")
    return np.dtype(value).name


class Form(NamedTuple):
    """Values of Python that stand for a choice in the language of a flag.

    Attributes:
      fits: what a value must be; ends messages. Empty: a text.
      item: element of a sequence -> text.
      separator: between the elements; None if a sequence does not fit.
      entry: between name and number in an entry of a mapping; empty if a mapping does not fit.
      reverse: the number comes first.
      may_be_empty: an empty sequence is the empty text.
    """

    fits: str = ""
    item: Callable[[Any], str] = to_name
    separator: str | None = None
    entry: str = ""
    reverse: bool = False
    may_be_empty: bool = False

    def text(self, value: Any) -> str:
        """Returns a value in the language of the flag; raises `TypeError` if it does not fit."""
        if isinstance(value, str):
            return to_name(value)
        if isinstance(value, Mapping) and self.entry:
            return self._join(self._pair(name, weight) for name, weight in value.items())
        if _is_sequence(value) and self.separator is not None:
            return self._join(map(self._element, value))
        return self.item(value)

    def _element(self, value: Any) -> str:
        """Returns an element of a sequence, which may be a pair if a mapping fits."""
        if self.entry and isinstance(value, tuple) and len(value) == 2:
            return self._pair(*value)
        return self.item(value)

    def _pair(self, name: Any, weight: Any) -> str:
        parts = [to_name(name), to_digits(weight)]
        return self.entry.join(reversed(parts) if self.reverse else parts)

    def _join(self, parts: Iterable[str]) -> str:
        parts = list(parts)
        if self.item is to_path and any("," in part for part in parts):
            raise ValueError("the flag would divide a name with a comma")
        if not parts and not self.may_be_empty:
            raise ValueError("empty")
        return (self.separator or "").join(parts)


def _is_sequence(value: Any) -> bool:
    """True if a value has elements in an order: not a set, and not an array without axes."""
    if isinstance(value, Set | Mapping | bytes) or getattr(value, "ndim", 1) == 0:
        return False
    return isinstance(value, Iterable)


PATH = Form("must be a path or a name", to_path)
PATHS = Form("must be a path, or a list of paths without commas", to_path, ",", may_be_empty=True)
LAYERS = Form("must be layers: a text, a list, or a dict of weights", separator=",", entry=":")
NUMBERS = Form("must be a list of numbers", to_digits, ",")
ROWS = Form("must be auto, none, a number of rows, or a list of these", to_rows, ",")
AUTO = Form("must be auto or a number", to_word)
COUNTS = Form("must be a text such as rows:4, or a dict", separator=",", entry=":")
PIXELS = Form("must be a text such as left:128, or a dict", separator=",", entry=":")
CHANNEL = Form("must be a layer and a channel, such as relu3_1:17", to_word, ":", ":")
TWO_NAMES = Form("must be a name, or two for rows and columns", separator="/")
LETTERS = Form("must be x, y or xy", separator="")
DTYPE = Form("must be a name or a dtype", to_dtype)
SEED = Form(", such as int(jax.random.bits(key)) of a key of JAX")
STATISTIC = Form(
    "must be a statistic: a text, a list, or a dict of weights; a Statistic is for "
    "jaxtex.synthesize, not for a Config",
    separator="+",
    entry="*",
    reverse=True,
)
OPTIMIZER = Form(
    "must be the name of an optimizer; one of optax is for jaxtex.synthesize, not for a Config"
)


def convert_field(
    field: dataclasses.Field, value: Any, form: Form, bounds: Sequence[float] = ()
) -> Any:
    """Converts the value of a field to a plain value of the field's type: str, int or float.

    None is the default where that is empty, 0 or "none", but for `seed`, where it would be random
    in other libraries.

    Args:
      field: of a dataclass whose fields are flags.
      value: of any type.
      form: of a text; of a number only `fits`, which follows the bounds.
      bounds: least and greatest value of a number, for the message.

    Raises:
      UserError: the value has not one meaning; the message says what fits.
    """
    if value is None and field.default in ("", "none", 0) and field.name != "seed":
        return field.default
    name = f"--{field.name}"
    if field.type is str:
        example = f" such as {field.default!r}" if field.default else ""
        return convert(name, value, form.text, form.fits or f"must be a text{example}")

    fits = " from {} to {}".format(*bounds) + form.fits if bounds else form.fits
    if field.type is int:
        return convert(name, value, to_whole, f"must be a whole number{fits}")
    return convert(name, value, to_float, f"must be a number{fits}")


def refuse_unknown_names(cls: Class) -> Class:
    """Decorates a dataclass: an unknown name of a field is an error that suggests the nearest."""
    fields = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    build = cls.__init__  # type: ignore[misc]

    @functools.wraps(build)
    def init(self: Any, *args: Any, **values: Any) -> None:
        require_names(values, fields)
        build(self, *args, **values)

    cls.__init__ = init  # type: ignore[misc]
    return cls


def require_names(given: Iterable[str], known: Sequence[str]) -> None:
    """Validates names of arguments.

    Args:
      given: the names that the caller used.
      known: all names there are.

    Raises:
      UnknownNameError: one of `given` is not in `known`.
    """
    for name in given:
        if name not in known:
            raise UnknownNameError(str(errors.unknown("choice", name, known)))


class UnknownNameError(errors.UserError, TypeError):
    """Unknown name of an argument: a mistake of the user, and the `TypeError` of Python."""
