"""Flags of one run of a sweep, from the command line, a list or a flagfile."""

from collections.abc import Sequence

from absl import flags

from jaxtex import errors
from jaxtex.cli import flag_parsing
from jaxtex.cli import flags as jaxtex_flags
from jaxtex.runs import sweeps


def copy_flags(into: flags.FlagValues) -> flags.FlagValues:
    """Defines the flags of `jaxtex` that a sweep accepts; returns `into`."""
    values = jaxtex_flags.define_flags()
    for name in sweeps.ALLOWED:
        into[name] = values[name]
    flags.DEFINE_alias("texture", "style", flag_values=into)
    return into


def parse(arguments: Sequence[str]) -> sweeps.RunFlags:
    """Parses the flags of one run.

    Args:
      arguments: flags, without the name of the command.

    Raises:
      UserError: a flag is unknown, or its value is not valid.
    """
    values = copy_flags(flags.FlagValues())
    flags.DEFINE_string("workdir", "", "Folder of the run, in a flagfile.", flag_values=values)
    try:
        rest = values(["jaxtex", *arguments])[1:]
    except flags.Error as error:
        raise errors.UserError(flag_parsing.explain_error(error, values)) from error
    if rest:
        raise errors.UserError(f"'{rest[0]}' is not a flag")
    return sweeps.RunFlags(
        style=values.style or "",
        choices={name: values[name].value for name in sweeps.CHOICES if values[name].present},
        experiment=values.experiment or "",
        workdir=values.workdir,
    )
