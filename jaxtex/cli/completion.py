"""Scripts that complete the flags of `jaxtex` and their values in a shell, for `--completion`.

The library shtab writes them. It knows `--flag value`; the additions here make `--flag=value` work.
To add a shell that shtab supports, add a row to `SHELLS` and one to `NAMES_AND_FILES`.
"""

import argparse
import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from absl import flags

from jaxtex import errors
from jaxtex.cli import help_page
from jaxtex.images import builtin, color_transfer
from jaxtex.networks import padding_pooling
from jaxtex.runs.experiments import declaration
from jaxtex.runtime import distributed
from jaxtex.synthesis import config as configs

# Flags whose values are files, folders, or files and names of built-in exemplars.
FILES = (
    "style",
    "content",
    "init",
    "maps",
    "masks",
    "style_masks",
    "guide",
    "mix",
    "weights",
    "output",
    "from",
    "flagfile",
)
FOLDERS = ("workdir", "profile")
PICTURES = ("style", "content", "maps")

# Bodies of shell functions that complete a name or a file; shtab itself completes only one of them.
NAMES_AND_FILES = {
    "bash": 'compgen -W "{names}" -- "$1"; compgen -f -- "$1"',
    "zsh": "_alternative 'names:name:({names})' 'files:file:_files'",
}

BASH = """
# --flag=value is three words to bash, and two to the function above.
_jaxtex() {
    local place words=() at=$COMP_CWORD
    for place in "${!COMP_WORDS[@]}"; do
        if [ "${COMP_WORDS[place]}" != = ]; then words+=("${COMP_WORDS[place]}")
        elif [ "$place" -lt "$COMP_CWORD" ]; then at=$((at - 1))
        else words+=(""); fi
    done
    local COMP_WORDS=("${words[@]}") COMP_CWORD=$at
    _shtab_jaxtex
}
complete -o bashdefault -F _jaxtex jaxtex
"""


def script(shell: str, values: flags.FlagValues, choices: Mapping[str, Iterable[str]]) -> str:
    """Returns the script for a shell.

    Args:
      shell: a row of `SHELLS`.
      values: the flags of `jaxtex`.
      choices: flag -> names of its values. Those whose names are in no table are added.

    Raises:
      UserError: unknown shell.
    """
    import shtab  # slow to import, and only needed here

    adapt = errors.choose("--completion", shell, SHELLS)
    names = {**choices, **_further_names()}

    paths = dict.fromkeys(FILES, shtab.FILE) | dict.fromkeys(FOLDERS, shtab.DIRECTORY)
    functions = []
    for flag in FILES:
        if flag in names:
            body = NAMES_AND_FILES[shell].format(names=" ".join(names[flag]))
            functions.append(f"_jaxtex_{flag}_file() {{ {body}; }}")
            paths[flag] = {shell: f"_jaxtex_{flag}_file"}

    parser = _parser(values, names, paths)
    preamble: Any = {shell: "\n".join(functions)}
    return adapt(shtab.complete(parser, shell, preamble=preamble))


def _parser(
    values: flags.FlagValues, names: Mapping[str, Iterable[str]], paths: Mapping[str, dict]
) -> argparse.ArgumentParser:
    """Returns the flags as an argparse parser, which shtab reads."""
    parser = argparse.ArgumentParser("jaxtex", add_help=False)
    for name in (name for group in help_page.GROUPS.values() for name in group):
        flag = values[name] if name in values else None
        summary = help_page.first_sentence(name, flag).rstrip(".")

        if name in ("help", "helpfull", "version") or (flag is not None and flag.boolean):
            parser.add_argument(f"--{name}", action="store_true", help=summary)
        else:
            known = list(names.get(name, ())) or None
            action = parser.add_argument(f"--{name}", choices=known, help=summary)
            if name in paths:
                action.complete = paths[name]  # type: ignore[attr-defined]
    return parser


def _further_names() -> dict[str, Iterable[str]]:
    """Maps flags to names of their values that the help text mentions, or that depend on files."""
    experiment_names = ["all", "list"]
    with contextlib.suppress(errors.UserError):  # the current folder has no experiments
        experiment_names += declaration.names()

    names: dict[str, Iterable[str]] = {
        "pooling": padding_pooling.POOLINGS,
        "padding": padding_pooling.PADDINGS,
        "preserve_color": color_transfer.PRESERVE_COLOR,
        "distributed": distributed.CHOICES,
        "tile": ("x", "y", "xy"),
        "alpha": configs.ALPHAS,
        "experiment": experiment_names,
        "init": ("spectrum", "copies", "noise", "style", "content"),
    }
    return names | dict.fromkeys(PICTURES, builtin.names())


def _adapt_bash(text: str) -> str:
    """Adds a function that joins the words of `--flag=value`."""
    return text + BASH


def _adapt_zsh(text: str) -> str:
    """Lets the value of a flag follow an equals sign as well."""
    return re.sub(r'^(  "--\w+)(\[.*\]:\w+:)', r"\1=\2", text, flags=re.MULTILINE)


SHELLS: Mapping[str, Callable[[str], str]] = {"bash": _adapt_bash, "zsh": _adapt_zsh}
