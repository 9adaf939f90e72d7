"""jaxtex compared with a plain PyTorch loop: medians of interleaved turns, and their ratios.

    python benchmarks/speed.py [SECTION ...]        (needs the extra `bench`)

Without a section, runs all of them. Prints a table for each and writes its rows to
runs/bench/SECTION.json. VGG-16-BN has random weights, which cost the same as trained ones; the
sections `loss` and `quality` need the trained weights of VGG-19 and are left out without them.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator

import cases
import commands
import outcomes
import steps
import torch_process

from jaxtex import errors
from jaxtex.cli import flag_parsing
from jaxtex.runs import tables
from jaxtex.runtime import malloc

SECTIONS: dict[str, Callable[[], Iterator[tables.Row]]] = {
    "gradient": steps.gradient,
    "peers": steps.peers,
    "whole": steps.whole,
    "memory": commands.memory,
    "overhead": steps.overhead,
    "first": commands.first,
    "pixels": steps.pixels,
    "batch": commands.batch,
    "precision": outcomes.precision,
    "loss": outcomes.loss,
    "quality": outcomes.quality,
}


def main(names: list[str]) -> None:
    """Runs sections, prints their tables and writes their rows.

    Args:
      names: rows of `SECTIONS`; empty: all.

    Raises:
      UserError: a section is unknown, or the weights that a named one needs are missing.
    """
    sections = {name: errors.choose("section", name, SECTIONS) for name in names or SECTIONS}
    cases.save_weights()
    with torch_process.executor():
        for name, section in sections.items():
            print(f"\n{section.__doc__}\n", flush=True)
            try:
                rows = list(section())
            except errors.UserError as error:
                if names:
                    raise
                print(f"Left out: {error}", flush=True)
                continue
            print(tables.markdown(rows), flush=True)
            (cases.FOLDER / f"{name}.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    malloc.keep_freed_memory()  # as the command does
    # Commands and PyTorch need some of a GPU's memory, too.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    flag_parsing.handle_errors("speed.py", main, sys.argv[1:])
