"""Parser of `--statistic`: text -> statistics with weights, options and layers.

gram                              one statistic of the table
pca_gram:k=32:norm=gatys          with options
gram+0.5*sorted                   a weighted sum
gram@relu1_1,relu1_2+mean@relu3_1 each statistic at its own layers
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxtex import errors
from jaxtex.runtime import plain_values
from jaxtex.statistics import adversarial, base, contracts, neighbors, registry

# The values of options that are words.
CHOICES = {"norm": tuple(base.NORMS), **adversarial.CHOICES, **neighbors.CHOICES}

MAX_DIGITS = 6  # of a whole number
MIN_POSITIVE, MAX_POSITIVE = 1e-12, 1e12  # of weights: float32 holds their products
MAX_SHIFTS = 32  # of shifted_gram: each adds two matrices
# statistic -> option -> greatest value: larger ones take minutes and gigabytes, or diverge.
LIMITS: Mapping[str, Mapping[str, float]] = {
    "joint": {"window": 63},
    "histogram": {"bins": 65536},
    "sliced_wasserstein": {"directions": 4096},
    "guided_correspondence": {"patch": 15, "spacing": 63},
    "discriminator": {"hidden": 4096, "learn": 100, "rate": 1.0, "strength": 1e6},
}


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
    return number_names([_parse_term(text, part.strip()) for part in text.split("+")])


def number_names(terms: Sequence[StatisticTerm]) -> list[StatisticTerm]:
    """Appends its index to each name that occurs more than once."""
    names = [term.name for term in terms]

    unique = []
    for index, term in enumerate(terms):
        repeated = names.count(term.name) > 1
        unique.append(term._replace(name=f"{term.name}.{index}") if repeated else term)
    return unique


def from_objects(value: Any) -> list[StatisticTerm]:
    """Returns the summands that objects of Python stand for.

    Args:
      value: a text as for `parse`, a `Statistic`, or a function without arguments that makes one;
        or a list of these, or a dict of their weights.

    Raises:
      UserError: as `parse`; or another type, or an empty list.
    """
    pairs = [(value, 1)]
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list | tuple) and not isinstance(value, base.Statistic):
        pairs = [(each, 1) for each in value]

    terms: list[StatisticTerm] = []
    for each, given in pairs:
        fits = "must be a positive number"
        text = plain_values.convert("--statistic: weight", given, plain_values.to_digits, fits)
        weight = parse_positive("--statistic: weight", text)
        terms += [term._replace(weight=weight * term.weight) for term in _terms_of(each)]
    if not terms:
        raise errors.UserError("--statistic: must have at least one statistic, got none")
    return number_names(terms)


def _terms_of(value: Any) -> list[StatisticTerm]:
    """Returns the summands of a text, a `Statistic`, or a function that makes one."""
    if isinstance(value, str):
        return parse(value)
    name = getattr(value, "__name__", "own")
    fits = "must be a text, a Statistic, a function that makes one, or a list or dict of these"
    if callable(value):
        value = plain_values.convert("--statistic", value, lambda make: make(), fits)
    if not isinstance(value, base.Statistic):
        raise errors.UserError(f"--statistic={plain_values.describe(value)}: {fits}")
    return [StatisticTerm(name, 1.0, contracts.enforce(name, value), ())]


def _parse_term(text: str, part: str) -> StatisticTerm:
    """Parses `[weight*]name[:option=value ...][@layer,...]`, a part of the flag's `text`."""
    weight, _, rest = part.rpartition("*")
    rest, _, layers = rest.partition("@")
    name, *assignments = rest.split(":")

    make = errors.choose("statistic", name, registry.STATISTICS)
    positive = parse_positive(f"--statistic={text}", weight or "1")
    options = dict(_parse_option(name, make, assignment) for assignment in assignments)
    names = tuple(layer.strip() for layer in layers.split(",")) if layers else ()
    return StatisticTerm(name, positive, contracts.build(name, make, options), names)


def _parse_option(
    name: str, make: Callable[..., base.Statistic], text: str
) -> tuple[str, int | float | str]:
    """Parses `option=value` of a statistic, by the type of the parameter of `make`."""
    option, _, value = text.partition("=")
    parameter = errors.choose(f"option of {name}", option, contracts.parameters(name, make))
    kind = parameter.annotation
    if kind is inspect.Parameter.empty:
        kind = type(parameter.default)
    what = f"--statistic: '{text}' of {name}"

    if option in CHOICES:
        errors.choose(option, value, dict.fromkeys(CHOICES[option]))
    if option == "shifts":
        return option, _parse_shifts(what, value)
    if kind is str:
        return option, value
    number = parse_positive(what, value) if kind is float else _parse_whole(what, option, value)
    greatest = LIMITS.get(name, {}).get(option, math.inf)
    if number > greatest:
        raise errors.UserError(f"{what}: must be at most {greatest:g}")
    return option, number


def _parse_whole(what: str, option: str, value: str) -> int:
    """Parses a whole number from 1 on, for `samples` from 0 on."""
    if not value.isdecimal() or len(value) > MAX_DIGITS:
        raise errors.UserError(f"{what}: expected a whole number, got '{value}'")
    if int(value) < 1 and option != "samples":
        raise errors.UserError(f"{what}: must be 1 or more")
    return int(value)


def _parse_shifts(what: str, value: str) -> str:
    """Validates whole numbers separated by "/", and returns them unchanged."""
    shifts = value.split("/")
    if not all(shift.isdecimal() and len(shift) < 5 for shift in shifts):
        raise errors.UserError(f"{what}: expected whole numbers, such as shifts=0/2/4")
    if len(shifts) > MAX_SHIFTS:
        raise errors.UserError(f"{what}: expected at most {MAX_SHIFTS} shifts, got {len(shifts)}")
    return value


def parse_positive(what: str, text: str) -> float:
    """Parses a positive number from `MIN_POSITIVE` to `MAX_POSITIVE`.

    Args:
      what: the flag with its value, or what else the number belongs to; begins the message.
      text: the number.

    Raises:
      UserError: `text` is not such a number.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise errors.UserError(f"{what}: expected a positive number, got '{text}'")
    if not MIN_POSITIVE <= value <= MAX_POSITIVE:
        raise errors.UserError(
            f"{what}: must be between {MIN_POSITIVE:g} and {MAX_POSITIVE:g}, got '{text}'"
        )
    return value
