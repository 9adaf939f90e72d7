"""The text of `--statistic` -> statistics with weights, options and layers.

gram                              one of the table
pca_gram:k=32:norm=gatys          with options
gram+0.5*sorted                   several, with weights
gram@relu1_1,relu1_2+mean@relu3_1 each at its own layers
"""

import inspect
import math
from typing import NamedTuple

from jaxtex import errors
from jaxtex.statistics import adversarial, base, registry

CHOICES = {"norm": tuple(base.NORMS), **adversarial.CHOICES}  # of options that are words


class StatisticTerm(NamedTuple):
    """One summand."""

    name: str  # in logs: as in the table, or all of the text where it stands twice
    weight: float
    statistic: base.Statistic
    layers: tuple[str, ...]  # empty: all


def parse(text: str) -> list[StatisticTerm]:
    """Reads a sum of statistics.

    Raises:
      UserError: an unknown name or option, or a value that makes no sense; the text names it.
    """
    parts = [_parse_term(text, part.strip()) for part in text.split("+")]
    names = [part.name for part in parts]
    return [
        part if names.count(part.name) == 1 else part._replace(name=f"{part.name}.{index}")
        for index, part in enumerate(parts)
    ]


def _parse_term(text: str, part: str) -> StatisticTerm:
    weight, _, rest = part.rpartition("*")
    rest, _, layers = rest.partition("@")
    name, *options = rest.split(":")
    make = errors.choose("statistic", name, registry.STATISTICS)
    wanted = tuple(layer.strip() for layer in layers.split(",")) if layers else ()
    weight = parse_positive(f"--statistic={text}", weight or "1")
    return StatisticTerm(
        name, weight, make(**dict(_parse_option(name, make, each) for each in options)), wanted
    )


def _parse_option(name: str, make, text: str) -> tuple[str, int | float | str]:
    option, _, value = text.partition("=")
    parameter = errors.choose(f"option of {name}", option, dict(inspect.signature(make).parameters))
    if option in CHOICES:
        errors.choose(option, value, dict.fromkeys(CHOICES[option]))
    if parameter.annotation is str:
        return option, _parse_shifts(text, value) if option == "shifts" else value
    if parameter.annotation is float:
        return option, parse_positive(f"--statistic: '{text}' of {name}", value)
    if not value.isdigit() or len(value) > 6:
        raise errors.UserError(f"--statistic: '{text}' of {name}: a whole number, please")
    if int(value) < 1 and option != "samples":
        raise errors.UserError(f"--statistic: '{text}' of {name}: 1 or more, please")
    return option, int(value)


def _parse_shifts(text: str, value: str) -> str:
    if not all(shift.isdigit() and len(shift) < 5 for shift in value.split("/")):
        raise errors.UserError(
            f"--statistic: '{text}': whole numbers, please, such as shifts=0/2/4"
        )
    return value


def parse_positive(what: str, text: str) -> float:
    """Reads a positive, finite number.

    Args:
      what: what the number belongs to, such as `--layers=relu1_1:x`: the beginning of the message.
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
