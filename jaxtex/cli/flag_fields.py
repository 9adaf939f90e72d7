"""Flags as the fields of a frozen dataclass: name, type, default and help text are declared once.

    @dataclasses.dataclass(frozen=True)
    class Options:
        fps: float = flag(10.0, "Snapshots per second.")

A trailing underscore of a field is not part of the flag's name: `from_` is `--from`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from absl import flags

MAX_PORT = 65535

DEFINE: Mapping[Any, Callable[..., Any]] = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
    int | None: flags.DEFINE_integer,
    tuple[str, ...]: flags.DEFINE_multi_string,
}

Options = TypeVar("Options")


def flag(default: Any, help_text: str, **bounds: int) -> Any:
    """Declares a field that is a flag.

    Args:
      default: value of the flag if it is not given.
      help_text: shown by `--helpfull`. The first sentence is shown by the completion of a shell.
      **bounds: `lower_bound` and `upper_bound` of an integer.

    Returns:
      A field of a dataclass.
    """
    return dataclasses.field(default=default, metadata={"help": help_text, "bounds": bounds})


def port_flag(help_text: str) -> Any:
    """Declares a field of type `int | None` that is a TCP port; 0 stands for any free port."""
    return flag(None, help_text, lower_bound=0, upper_bound=MAX_PORT)


def fields_by_flag(options: Any) -> dict[str, dataclasses.Field]:
    """Maps the names of flags to the fields of a dataclass that declare them, in order."""
    return {
        field.name.rstrip("_"): field
        for field in dataclasses.fields(options)
        if "help" in field.metadata
    }


def define(
    options: Any, values: flags.FlagValues, choices: Mapping[str, Mapping] | None = None
) -> flags.FlagValues:
    """Defines a flag for each field of a dataclass.

    Args:
      options: the dataclass, or an instance of it.
      values: flags to add to.
      choices: flag -> table whose names the help lists.

    Returns:
      `values`.
    """
    for name, field in fields_by_flag(options).items():
        help_text = field.metadata["help"]
        if choices and name in choices:
            help_text += f" One of: {', '.join(choices[name])}."
        bounds = field.metadata.get("bounds", {})
        DEFINE[field.type](name, field.default, help_text, flag_values=values, **bounds)
    return values


def read(options: type[Options], values: flags.FlagValues, **further: Any) -> Options:
    """Builds a dataclass from parsed flags.

    Args:
      options: the dataclass.
      values: parsed flags, which include those of `define`.
      **further: fields that are no flags.

    Returns:
      An instance of `options`.
    """
    arguments = {}
    for name, field in fields_by_flag(options).items():
        value = values[name].value
        arguments[field.name] = tuple(value) if isinstance(value, list) else value
    return options(**arguments, **further)


def read_given(options: Any, values: flags.FlagValues) -> dict[str, Any]:
    """Maps the flags of a dataclass that the user gave to their values.

    Args:
      options: the dataclass, or an instance of it.
      values: parsed flags, which include those of `define`.
    """
    return {name: values[name].value for name in fields_by_flag(options) if values[name].present}
