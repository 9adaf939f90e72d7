"""Help pages of the commands: a description, then every flag with its default.

The help text of a flag is declared with the flag: in a field of `flags.Options`, of
`synthesis.config.Config`, or of the `Options` of another command. `GROUPS` orders the flags of
`jaxtex`.
"""

import textwrap
from collections.abc import Iterable, Mapping

from absl import flags

WIDTH = 100  # characters per line
INDENT = 26  # characters before the help text of a flag

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Pictures": (
        "style",
        "content",
        "maps",
        "alpha",
        "size",
        "height",
        "width",
        "tile",
        "init",
        "noise",
        "seed",
        "preserve_color",
    ),
    "Several pictures": ("num_images", "each", "style_weights", "masks", "style_masks"),
    "Statistics and losses": (
        "statistic",
        "layers",
        "octaves",
        "texture_weight",
        "content_layers",
        "content_weight",
        "content_norm",
        "tv_weight",
        "spectrum_weight",
        "excite",
        "excite_weight",
    ),
    "Network": ("network", "weights", "pooling", "padding"),
    "Optimization": (
        "num_steps",
        "scales",
        "shares",
        "optimizer",
        "learning_rate",
        "history",
        "renew_every",
    ),
    "Output": (
        "workdir",
        "serve",
        "save_every",
        "output",
        "bits",
        "overwrite",
        "strip_metadata",
    ),
    "Presets and experiments": ("preset", "from", "experiment", "flagfile"),
    "Machine": ("dry_run", "precision", "remat", "strips", "mesh", "distributed", "profile"),
    "Information": ("list", "completion", "version", "help"),
}

# Flags that every command has and absl defines or `flag_parsing` handles.
COMMON_HELP = {
    "help": "Prints this page.",
    "version": "Prints the version of jaxtex.",
    "flagfile": "File of flags, one per line.",
}


def grouped_page(description: str, values: flags.FlagValues) -> str:
    """Returns a page with the flags of `jaxtex` in groups.

    Args:
      description: text before the flags.
      values: the flags of `jaxtex`, or some of them.
    """
    return f"{description.strip()}\n\n{grouped_flags(values)}"


def grouped_flags(values: flags.FlagValues, common: bool = True) -> str:
    """Describes flags of `jaxtex` in groups.

    Args:
      values: the flags to describe.
      common: includes those of `COMMON_HELP`.
    """
    sections = []
    for title, names in GROUPS.items():
        described = [name for name in names if name in values or (common and name in COMMON_HELP)]
        if described:
            sections.append(_section(title, described, values))
    return "\n".join(sections)


def plain_page(description: str, values: flags.FlagValues) -> str:
    """Returns a page with all flags of a small command in one group.

    Args:
      description: text before the flags.
      values: the flags of the command.
    """
    return f"{description.strip()}\n\n{_section('Flags', [*values, *COMMON_HELP], values)}"


def _section(title: str, names: Iterable[str], values: flags.FlagValues) -> str:
    """Describes flags below a title."""
    return f"{title}:\n" + "".join(_entry(name, values) for name in names)


def _entry(name: str, values: flags.FlagValues) -> str:
    """Describes one flag: its name and default, and its help text in a second column."""
    flag = values[name] if name in values else None
    head = f"  --{name}{_default_suffix(flag)}"
    text = textwrap.wrap(
        flag_help(name, flag), WIDTH - INDENT, break_long_words=False, break_on_hyphens=False
    )

    lines = [" " * INDENT + line for line in text]
    if len(head) < INDENT - 1:
        lines[0] = head.ljust(INDENT) + text[0]
    else:
        lines.insert(0, head)
    return "".join(f"{line}\n" for line in lines)


def _default_suffix(flag: flags.Flag | None) -> str:
    """Returns `=DEFAULT`; empty if the flag is off or empty by default."""
    if flag is None or flag.default is None or flag.default is False or flag.default in ("", []):
        return ""
    return f"={flag.default}"


def flag_help(name: str, flag: flags.Flag | None) -> str:
    """Returns the help text of a flag on one line.

    Args:
      name: of the flag.
      flag: None for a flag of `COMMON_HELP`.
    """
    if flag is None:
        return COMMON_HELP[name]
    return " ".join(flag.help.split())
