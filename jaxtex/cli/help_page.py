"""Information that commands print: help pages, and the names of `jaxtex --list=KIND`.

The help text of a flag is declared with the flag: in a field of `flags.Options`, of
`synthesis.config.Config`, or of the `Options` of another command. `GROUPS` orders the flags of
`jaxtex`. To add a kind of list, add a row to `LISTS`.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from absl import flags

from jaxtex import errors, networks, optimizers, statistics, weights
from jaxtex.images import builtin
from jaxtex.runs import experiments
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings
from jaxtex.synthesis.shorthands import presets
from jaxtex.weights import locations

WIDTH = 100  # characters per line
INDENT = 26  # characters before the help text of a flag
NAME_WIDTH = 22  # characters of the column of names in a list

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


def list_names(kind: str, config: configs.Config) -> list[str]:
    """Returns a line for each available name of a kind.

    Args:
      kind: a row of `LISTS`.
      config: names the network whose layers are listed.

    Returns:
      Lines of a name and a description.

    Raises:
      UserError: unknown kind.
    """
    descriptions = errors.choose("list", kind, LISTS)(config)
    return [f"{name:{NAME_WIDTH}} {text}".rstrip() for name, text in descriptions.items()]


def _networks(_: configs.Config) -> dict[str, str]:
    """Maps networks to their weight files, or to the command that installs them."""
    return {name: _describe_weights(name) for name in networks.NETWORKS}


def _describe_weights(network: str) -> str:
    """Returns the weight file of a network, or the command that installs it."""
    if network not in networks.TRAINED:
        return "needs no weights"
    return str(locations.find_file(network) or f"jaxtex-weights fetch {network}")


def _layers(config: configs.Config) -> dict[str, str]:
    """Maps the layers of the chosen network to a mark of those that are matched by default."""
    defaults = errors.choose("network", config.network, networks.NETWORKS).defaults()
    layers = weights.available_layers(settings.network_choice(config))
    return {layer: "by default" if layer in defaults else "" for layer in layers}


def _statistics(_: configs.Config) -> dict[str, str]:
    """Maps statistics to the first lines of their docstrings."""
    return {name: _summary(build) for name, build in statistics.STATISTICS.items()}


def _optimizers(_: configs.Config) -> dict[str, str]:
    """Maps optimizers to the first lines of their docstrings."""
    return {name: _summary(build) for name, build in optimizers.OPTIMIZERS.items()}


def _summary(documented: Any) -> str:
    """Returns the first line of a docstring."""
    return (documented.__doc__ or "").strip().partition("\n")[0]


def _presets(_: configs.Config) -> dict[str, str]:
    """Maps presets to their descriptions."""
    return presets.descriptions()


def _experiments(_: configs.Config) -> dict[str, str]:
    """Maps the experiments in the current folder to their questions."""
    return {name: _question(name) for name in experiments.names()}


def _question(experiment: str) -> str:
    """Returns the question of an experiment, or why its file cannot be loaded."""
    try:
        return experiments.load(experiment).question
    except errors.UserError as error:
        return str(error)


def _exemplars(_: configs.Config) -> dict[str, str]:
    """Maps the exemplars that are part of jaxtex to their descriptions."""
    return builtin.descriptions()


LISTS: Mapping[str, Callable[[configs.Config], dict[str, str]]] = {
    "networks": _networks,
    "layers": _layers,
    "statistics": _statistics,
    "optimizers": _optimizers,
    "presets": _presets,
    "experiments": _experiments,
    "exemplars": _exemplars,
}
