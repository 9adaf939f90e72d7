"""Writes docs/flags.md, the page of all flags, from the help of `jaxtex`.

python docs/flags.py        (`make pages`)
"""

import pathlib
import re

from absl import flags

from jaxtex.cli import flags as jaxtex_flags
from jaxtex.cli import help_page

HEAD = """# Flags

All flags of `jaxtex`, as `jaxtex --helpfull` prints them. In Python they are the keywords of
`jaxtex.synthesize` and the fields of `jaxtex.Config`, except those of files and of the machine.
"""


def page(values: flags.FlagValues) -> str:
    """Returns the text of the page.

    Args:
      values: the flags of `jaxtex`.
    """
    return HEAD + "".join(_table(title, names, values) for title, names in help_page.GROUPS.items())


def _table(title: str, names: tuple[str, ...], values: flags.FlagValues) -> str:
    """Returns a group of flags as a table below its title."""
    rows = []
    for name in names:
        flag = values[name] if name in values else None
        default = "" if flag is None or flag.default in (None, "", []) else f"`{flag.default}`"
        text = re.sub(r"(--\w+(?:=[\w.,]*\w)?)", r"`\1`", help_page.flag_help(name, flag))
        rows.append(f"| `--{name}` | {default} | {text} |\n")
    return f"\n## {title}\n\n| flag | default | what it does |\n|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    pathlib.Path(__file__).with_suffix(".md").write_text(page(jaxtex_flags.define_flags()))
