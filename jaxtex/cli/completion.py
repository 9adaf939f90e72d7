"""`--completion=bash`: a script by which a shell completes the command's flags, and what may stand behind them."""

import argparse
import contextlib
import re
from collections.abc import Iterable, Mapping

from absl import flags

from jaxtex import errors
from jaxtex.cli import help_page, presets
from jaxtex.images import builtin, color_transfer
from jaxtex.networks import padding_pooling
from jaxtex.runs import experiments
from jaxtex.runtime import distributed
from jaxtex.synthesis import config

FILES = (
    "style",
    "content",
    "init",
    "maps",
    "masks",
    "style_masks",
    "weights",
    "output",
    "from",
    "flagfile",
)
FOLDERS = ("workdir", "profile")
PICTURES = ("style", "content", "maps")  # by name, too
BOTH = {
    "bash": 'compgen -W "{names}" -- "$1"; compgen -f -- "$1"',
    "zsh": "_alternative 'names:name:({names})' 'files:file:_files'",
}  # a name or a file, of which shtab itself takes one
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
    """The script, made by shtab, which knows of `--flag value`, and taught `--flag=value`.

    Args:
      shell: a row of `SHELLS`.
      values: the flags.
      choices: flag -> names that may stand behind it; those of `help_page.LISTS` and the like are added.

    Raises:
      UserError: no such shell.
    """
    import shtab  # which few need

    taught = errors.choose("shell", shell, SHELLS)
    named = {**choices, **_named()}
    both = {
        name: BOTH[shell].format(names=" ".join(named[name])) for name in FILES if name in named
    }
    functions = "\n".join(f"_jaxtex_{name}_file() {{ {body}; }}" for name, body in both.items())
    paths = dict.fromkeys(FILES, shtab.FILE) | dict.fromkeys(FOLDERS, shtab.DIRECTORY)
    paths |= {name: {shell: f"_jaxtex_{name}_file"} for name in both}
    return taught(shtab.complete(_parser(values, named, paths), shell, preamble={shell: functions}))


def _parser(
    values: flags.FlagValues, named: Mapping[str, Iterable[str]], paths: dict
) -> argparse.ArgumentParser:
    """The flags as argparse has them, for shtab to read."""
    parser = argparse.ArgumentParser("jaxtex", add_help=False)
    for name in (name for names in help_page.GROUPS.values() for name in names):
        flag = values[name] if name in values else None
        text = help_page.flag_help(name, flag).partition(". ")[0].rstrip(".")
        if name in ("help", "version") or (flag is not None and flag.boolean):
            parser.add_argument(f"--{name}", action="store_true", help=text)
            continue
        action = parser.add_argument(
            f"--{name}", choices=list(named.get(name, ())) or None, help=text
        )
        if name in paths:
            action.complete = paths[name]
    return parser


def _named() -> dict[str, Iterable[str]]:
    found = {
        "pooling": padding_pooling.POOLINGS,
        "padding": padding_pooling.PADDINGS,
        "preserve_color": color_transfer.PRESERVE_COLOR,
        "list": help_page.LISTS,
        "preset": presets.PRESETS,
        "distributed": distributed.CHOICES,
        "completion": SHELLS,
        "tile": ("x", "y", "xy"),
        "alpha": config.ALPHAS,
        "experiment": ("all", "list"),
        "init": ("spectrum", "noise", "style", "content"),
    }
    with contextlib.suppress(errors.UserError):  # none are here
        found["experiment"] += tuple(experiments.names())
    return found | dict.fromkeys(PICTURES, builtin.names())


def _zsh(text: str) -> str:
    """A flag that takes a value may be followed by it after an equals sign, too."""
    return re.sub(r'^(  "--\w+)(\[.*\]:\w+:)', r"\1=\2", text, flags=re.MULTILINE)


SHELLS = {"bash": lambda text: text + BASH, "zsh": _zsh}
