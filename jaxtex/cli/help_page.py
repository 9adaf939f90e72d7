"""Help pages of the commands.

The help text of a flag is declared with the flag: in a field of `flags.Options`, of
`synthesis.config.Config`, or of the `Options` of another command. `GROUPS` orders the flags of
`jaxtex` for `--helpfull`, and `FREQUENT` lists those of its `--help`.
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
        "fill",
        "grow",
        "make_tileable",
        "noise",
        "seed",
        "preserve_color",
        "style_scale",
        "content_amount",
    ),
    "Several pictures": (
        "num_images",
        "diversity",
        "each",
        "style_weights",
        "masks",
        "style_masks",
        "guide",
        "mix",
        "augment",
    ),
    "Videos": ("frames", "frame_steps", "temporal_weight", "previous_content"),
    "Statistics and losses": (
        "statistic",
        "layers",
        "balance",
        "octaves",
        "texture_weight",
        "content_layers",
        "content_weight",
        "content_norm",
        "structure_layers",
        "structure_weight",
        "content_color",
        "tv_weight",
        "spectrum_weight",
        "arrangement_weight",
        "detail_weight",
        "excite",
        "excite_weight",
    ),
    "Network": ("network", "weights", "pooling", "padding"),
    "Optimization": (
        "num_steps",
        "continue",
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
        "keep_state",
        "strip_metadata",
    ),
    "Presets and experiments": ("preset", "from", "experiment", "flagfile"),
    "Machine": ("dry_run", "precision", "remat", "strips", "mesh", "distributed", "profile"),
    "Information": ("list", "completion", "version", "help", "helpfull"),
}

# Flags that people use first. The first sentence of their help fits one line.
FREQUENT = (
    "style",
    "content",
    "size",
    "height",
    "width",
    "tile",
    "num_steps",
    "seed",
    "preset",
    "workdir",
)

# Flags that every command has and absl defines or `flag_parsing` handles.
COMMON_HELP = {
    "help": "Prints a summary of the command.",
    "helpfull": "Prints all flags of the command.",
    "version": "Prints the version of jaxtex.",
    "flagfile": "File of flags, one per line.",
}


def short_page(description: str, values: flags.FlagValues) -> str:
    """Returns a page with the flags of `jaxtex` that people use first, one line for each.

    Args:
      description: text before the flags.
      values: the flags of `jaxtex`.
    """
    lines = [_line(name, first_sentence(name, values[name]), values) for name in FREQUENT]
    lines.append(_line("helpfull", f"Prints all {sum(map(len, GROUPS.values()))} flags.", values))
    return f"{description.strip()}\n\nFrequent flags:\n{''.join(lines)}"


def _line(name: str, text: str, values: flags.FlagValues) -> str:
    """Returns the line of a flag: its name and default, and a text in a second column."""
    flag = values[name] if name in values else None
    return f"  --{name}{_default_suffix(flag)}".ljust(INDENT) + f"{text}\n"


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
    common = [name for name in COMMON_HELP if name != "helpfull"]  # the same page
    return f"{description.strip()}\n\n{_section('Flags', [*values, *common], values)}"


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


def first_sentence(name: str, flag: flags.Flag | None) -> str:
    """Returns the first sentence of the help text of a flag.

    Args:
      name: of the flag.
      flag: None for a flag of `COMMON_HELP`.
    """
    return flag_help(name, flag).partition(". ")[0].rstrip(".") + "."
