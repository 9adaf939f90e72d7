"""Parser of `--statistic`: text -> statistics with weights, options and layers.

gram                              one statistic of the table
pca_gram:k=32:norm=gatys          with options
gram+0.5*sorted                   a weighted sum
gram@relu1_1,relu1_2+mean@relu3_1 each statistic at its own layers
"""

import inspect
import math
from collections.abc import Callable
from typing import NamedTuple

from jaxtex import errors
from jaxtex.statistics import adversarial, base, registry

# The values of options that are words.
CHOICES = {"norm": tuple(base.NORMS), **adversarial.CHOICES}

MAX_DIGITS = 6  # of a whole number


class StatisticTerm(NamedTuple):
    """One summand of `--statistic`.

    Attributes:
      name: name in logs: the statistic's, followed by its index if it occurs more than once.
      weight: positive.
      statistic: with its options applied.
      layers: names of layers; empty for all.
    """

    name: str
    weight: float
    statistic: base.Statistic
    layers: tuple[str, ...]


def parse(text: str) -> list[StatisticTerm]:
    """Parses a weighted sum of statistics.

    Raises:
      UserError: a statistic or an option is unknown, or a value is out of range.
    """
    terms = [_parse_term(text, part.strip()) for part in text.split("+")]
    names = [term.name for term in terms]

    unique = []
    for index, term in enumerate(terms):
        repeated = names.count(term.name) > 1
        unique.append(term._replace(name=f"{term.name}.{index}") if repeated else term)
    return unique


def _parse_term(text: str, part: str) -> StatisticTerm:
    """Parses `[weight*]name[:option=value ...][@layer,...]`, a part of the flag's `text`."""
    weight, _, rest = part.rpartition("*")
    rest, _, layers = rest.partition("@")
    name, *assignments = rest.split(":")

    make = errors.choose("statistic", name, registry.STATISTICS)
    positive = parse_positive(f"--statistic={text}", weight or "1")
    options = dict(_parse_option(name, make, assignment) for assignment in assignments)
    names = tuple(layer.strip() for layer in layers.split(",")) if layers else ()
    return StatisticTerm(name, positive, make(**options), names)


def _parse_option(
    name: str, make: Callable[..., base.Statistic], text: str
) -> tuple[str, int | float | str]:
    """Parses `option=value` of a statistic, by the type of the parameter of `make`."""
    option, _, value = text.partition("=")
    parameters = dict(inspect.signature(make).parameters)
    kind = errors.choose(f"option of {name}", option, parameters).annotation
    what = f"--statistic: '{text}' of {name}"

    if option in CHOICES:
        errors.choose(option, value, dict.fromkeys(CHOICES[option]))
    if option == "shifts":
        return option, _parse_shifts(what, value)
    if kind is str:
        return option, value
    if kind is float:
        return option, parse_positive(what, value)

    if not value.isdigit() or len(value) > MAX_DIGITS:
        raise errors.UserError(f"{what}: expected a whole number, got '{value}'")
    if int(value) < 1 and option != "samples":
        raise errors.UserError(f"{what}: must be 1 or more")
    return option, int(value)


def _parse_shifts(what: str, value: str) -> str:
    """Validates whole numbers separated by "/", and returns them unchanged."""
    if not all(shift.isdigit() and len(shift) < 5 for shift in value.split("/")):
        raise errors.UserError(f"{what}: expected whole numbers, such as shifts=0/2/4")
    return value


def parse_positive(what: str, text: str) -> float:
    """Parses a positive, finite number.

    Args:
      what: the flag with its value, or what else the number belongs to; begins the message.
      text: the number.

    Raises:
      UserError: `text` is not a positive, finite number.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise errors.UserError(f"{what}: expected a positive number, got '{text}'")
    return value
