"""What the command tells of itself: its flags by what they are for, and what can be chosen."""

import textwrap
from collections.abc import Callable

from absl import flags

from jaxtex import errors, networks, optimizers, statistics
from jaxtex.cli import presets
from jaxtex.images import builtin
from jaxtex.runs import experiments
from jaxtex.synthesis import config
from jaxtex.weights import loading, locations

WIDTH = 100  # letters on a line
GROUPS = {
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
    "Several of them": ("num_images", "each", "style_weights", "masks", "style_masks"),
    "What is matched": (
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
    "Descent": (
        "num_steps",
        "scales",
        "shares",
        "optimizer",
        "learning_rate",
        "history",
        "renew_every",
    ),
    "What is kept": (
        "workdir",
        "serve",
        "save_every",
        "output",
        "bits",
        "overwrite",
        "strip_metadata",
    ),
    "From elsewhere": ("preset", "from", "experiment", "flagfile"),
    "Machine": ("dry_run", "precision", "remat", "strips", "mesh", "distributed", "profile"),
    "To be told": ("list", "completion", "version", "help"),
}


def flags_help(values: flags.FlagValues) -> str:
    """Every flag with its default, by groups."""
    return "\n".join(
        f"{title}:\n" + "".join(map(_entry(values), names)) for title, names in GROUPS.items()
    )


def _entry(values: flags.FlagValues) -> Callable[[str], str]:
    def entry(name: str) -> str:
        flag = values[name] if name in values else None
        default = (
            ""
            if flag is None or flag.default in (None, "") or flag.default is False
            else f"={flag.default}"
        )
        lines = textwrap.wrap(
            flag_help(name, flag), WIDTH - 26, break_long_words=False, break_on_hyphens=False
        )
        head = f"  --{name}{default}"
        first = f"{head:25} {lines[0]}\n" if len(head) < 25 else f"{head}\n{'':25} {lines[0]}\n"
        return first + "".join(f"{'':25} {line}\n" for line in lines[1:])

    return entry


def flag_help(name: str, flag: flags.Flag | None) -> str:
    """What a flag is for, in one line; absl's own have other words for it."""
    own = {
        "help": "This page.",
        "version": "Of jaxtex.",
        "flagfile": "Flags from a file, one on each line.",
    }
    return own.get(name) or " ".join(flag.help.split())


def list_names(kind: str, choices: config.Config) -> list[str]:
    """A line for each that there is of a kind.

    Args:
      kind: a row of `LISTS`.
      choices: whose network's layers are told.

    Raises:
      UserError: there is no such kind.
    """
    return [
        f"{name:22} {text}".rstrip()
        for name, text in errors.choose("list", kind, LISTS)(choices).items()
    ]


def _networks(choices: config.Config) -> dict[str, str]:
    there = lambda name: (
        "needs no weights" if name not in networks.TRAINED else str(locations.find_file(name) or "")
    )
    return {name: there(name) or f"jaxtex-weights fetch {name}" for name in networks.NETWORKS}


def _layers(choices: config.Config) -> dict[str, str]:
    matched = errors.choose("network", choices.network, networks.NETWORKS).defaults()
    return {
        name: "by default" if name in matched else "" for name in loading.available_layers(choices)
    }


def _described(table: dict) -> dict[str, str]:
    return {name: (each.__doc__ or "").strip().partition("\n")[0] for name, each in table.items()}


def _experiments(choices: config.Config) -> dict[str, str]:
    return {name: _question(name) for name in experiments.names()}


def _question(name: str) -> str:
    try:
        return experiments.load(name).question
    except errors.UserError as error:
        return str(error)


LISTS = {
    "networks": _networks,
    "layers": _layers,
    "statistics": lambda choices: _described(statistics.STATISTICS),
    "optimizers": lambda choices: _described(optimizers.OPTIMIZERS),
    "presets": lambda choices: presets.descriptions(),
    "experiments": _experiments,
    "exemplars": lambda choices: builtin.descriptions(),
}
