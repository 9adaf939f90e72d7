"""Textures compared with published methods: arrangement, local measures, seconds.

    python benchmarks/structure.py --exemplars=FOLDER [--names=A,B] [--tools=A,B]
        [--source=PEER=FOLDER] [--shared=DIR] [--torch_python=PYTHON]   (extra `bench`, git)

Takes the PNG files of a folder, at their size. Writes runs/structure/table.md and sheet.jpg, with
at most 12 exemplars. Results are kept, as TOOL/NAME.png with a record, so a second call goes on,
and with `--tools=` only reports. Delete a record to run its tool again.

| tool | program |
| --- | --- |
| `jaxtex` | defaults, with the built-in network |
| `jaxtex-statistics` | the same without the terms for arrangement and detail, 200 equal steps |
| `gpdm` | GPDM, with the defaults of its command |
| `sliced-wasserstein` | Heitz et al., 64 iterations; hours for a picture |
| `sliced-wasserstein-10` | the same after 10 iterations, the number that its README times |

Peers are fetched by git into the user's cache, or taken from the folder that `--source` gives.
Those that are absent are left out. `sliced-wasserstein` reads the `vgg19.pth` of its repository;
if that file was not fetched, blocks 1 to 3 of the real VGG-19 in the shared folder, which have 8 of
its 12 layers, scaled to a mean activation of one (`peers/normalization.py`).

Measures are those of `jaxtex.metrics` with the built-in network; seconds are those of a processor
for the whole process, all threads together. Medians are over the exemplars that all tools have, and
over all of a tool's where it has more.

References:
  Elnekave and Weiss, "Generating Natural Images with Direct Patch Distributions Matching", ECCV
  2022, https://arxiv.org/abs/2203.11862.
  Heitz, Vanhoey, Chambon and Belcour, "A Sliced Wasserstein Loss for Neural Texture Synthesis",
  CVPR 2021, https://arxiv.org/abs/2006.07229.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import cases
import numpy as np
import transfer_report
from peers import programs

from jaxtex import images, metrics
from jaxtex.images import contact_sheet
from jaxtex.runs import tables

FOLDER = pathlib.Path("runs/structure")
PEERS = pathlib.Path(__file__).parent / "peers"
MEASURES = ("arrangement", "features", "patches", "copied", "composition")
REAL = "weights/vgg19_imagenet_blocks1-3.npz"  # in the shared folder
STATISTICS_ALONE = (  # the defaults before both terms
    "--arrangement_weight=0",
    "--detail_weight=0",
    "--balance=equal",
    "--num_steps=200",
    "--shares=",
)
ROWS = 12  # exemplars of a sheet
LARGE = 1_000_000  # bytes: a smaller file of weights is the pointer to one

Make = Callable[[pathlib.Path, pathlib.Path, argparse.Namespace], list[str]]


class AbsentError(Exception):
    """Raised if what a tool needs is not there; the message says what."""


def own_command(*choices: str) -> Make:
    """Returns a function that returns the command of jaxtex.

    Args:
      choices: flags beside the defaults.
    """

    def command(exemplar: pathlib.Path, result: pathlib.Path, _: argparse.Namespace) -> list[str]:
        flags = ["--size=0", "--overwrite", f"--workdir={result.with_suffix('')}"]
        return [sys.executable, "-m", "jaxtex", f"--style={exemplar}", *flags, *choices]

    return command


def peer_command(name: str, needs_network: bool = False, share: float = 1.0) -> Make:
    """Returns a function that returns the command of a peer.

    Args:
      name: a row of `programs.PROGRAMS`.
      needs_network: whether it reads a VGG-19.
      share: of its iterations.
    """

    def command(
        exemplar: pathlib.Path, result: pathlib.Path, options: argparse.Namespace
    ) -> list[str]:
        source = find_source(name, options)
        network = find_network(source, options) if needs_network else pathlib.Path("-")
        paths = [source, network, exemplar, result]
        script = str(PEERS / "textures.py")
        return [options.torch_python, script, name, *map(str, paths), str(share)]

    return command


def find_source(name: str, options: argparse.Namespace) -> pathlib.Path:
    """Returns the folder of a peer's repository.

    Raises:
      AbsentError: it is not there, or PyTorch is not.
    """
    check = [options.torch_python, "-c", "import torch"]
    if subprocess.run(check, capture_output=True).returncode != 0:
        raise AbsentError(f"{options.torch_python} has no torch; --torch_python=PYTHON is another")
    if name in options.sources:
        if not options.sources[name].is_dir():
            raise AbsentError(f"there is no folder {options.sources[name]}")
        return options.sources[name]
    try:
        return programs.fetch(name)
    except (OSError, subprocess.CalledProcessError):
        url = programs.PROGRAMS[name].url
        hint = f"--source={name}=FOLDER gives a copy"
        raise AbsentError(f"git could not fetch {url}; {hint}") from None


def find_network(source: pathlib.Path, options: argparse.Namespace) -> pathlib.Path:
    """Returns the VGG-19 of the repository, or the scaled first blocks of the real one.

    Raises:
      AbsentError: neither is there.
    """
    own = source / "vgg19.pth"
    if own.is_file() and own.stat().st_size > LARGE:
        return own
    network = FOLDER / "vgg19.pth"
    if not network.exists():
        real = options.shared / REAL
        pictures = sorted((options.shared / "images").glob("p*/*.*"))  # photos, paintings
        if not (real.is_file() and pictures):
            raise AbsentError(f"neither {own} nor {real} with pictures is there")
        arguments = [PEERS / "normalization.py", real, network, *pictures]
        subprocess.run([options.torch_python, *map(str, arguments)], check=True)
    return network


COMMANDS: dict[str, Make] = {
    "jaxtex-statistics": own_command(*STATISTICS_ALONE),
    "jaxtex": own_command(),
    "gpdm": peer_command("gpdm"),
    "sliced-wasserstein-10": peer_command("sliced-wasserstein", True, 10 / 64),
    "sliced-wasserstein": peer_command("sliced-wasserstein", True),
}
TOOLS = ("jaxtex-statistics", "jaxtex", "gpdm", "sliced-wasserstein-10")


def make(tool: str, exemplar: pathlib.Path, options: argparse.Namespace) -> None:
    """Runs a tool on an exemplar and measures the result, unless its record exists.

    Args:
      tool: a row of `COMMANDS`.
      exemplar: path of a picture.
      options: of the command line.

    Raises:
      AbsentError: the tool cannot be run.
    """
    result = FOLDER / tool / exemplar.name
    record = result.with_suffix(".json")
    if record.exists():
        return
    result.parent.mkdir(parents=True, exist_ok=True)
    command = COMMANDS[tool](exemplar, result, options)

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = cases.environment(FOLDER) | {"TQDM_DISABLE": "1"}  # no bars in logs
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise AbsentError(f"{exemplar.name}: exit status {done.returncode}")

    if tool.startswith("jaxtex"):
        images.save(result, images.load(result.with_suffix("") / "result.png"))
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    write_record(exemplar, result, seconds)


def write_record(exemplar: pathlib.Path, result: pathlib.Path, seconds: float) -> None:
    """Measures a result, and writes the record that marks it as finished.

    Args:
      exemplar: path of the exemplar.
      result: path of the texture.
      seconds: of a processor.
    """
    values = metrics.measure(images.load(exemplar), images.load(result), MEASURES)
    values = {name: float(value) for name, value in values.items()}
    record = json.dumps(values | {"processor seconds": seconds})
    result.with_suffix(".json").write_text(record)


def rows(exemplars: Sequence[pathlib.Path]) -> list[tables.Row]:
    """Returns the rows of all finished results, followed by medians."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for tool in COMMANDS:
        records = {path.stem: FOLDER / tool / f"{path.stem}.json" for path in exemplars}
        kept = {name: json.loads(p.read_text()) for name, p in records.items() if p.exists()}
        if kept:
            found[tool] = kept

    listed: list[tables.Row] = [
        {"exemplar": path.stem, "tool": tool, **kept[path.stem]}
        for path in exemplars
        for tool, kept in found.items()
        if path.stem in kept
    ]
    common = [p.stem for p in exemplars if found and all(p.stem in k for k in found.values())]
    for tool, kept in found.items():
        if common:
            listed.append(median(tool, [kept[name] for name in common]))
    for tool, kept in found.items():
        if len(kept) > len(common):
            listed.append(median(tool, list(kept.values())))
    return listed


def median(tool: str, records: Sequence[dict[str, Any]]) -> tables.Row:
    """Returns a row of medians."""
    values = {key: float(np.median([record[key] for record in records])) for key in records[0]}
    return {"exemplar": f"median of {len(records)}", "tool": tool, **values}


def sheet(exemplars: Sequence[pathlib.Path]) -> np.ndarray:
    """Returns a row per exemplar: itself, and the result of each tool that has one."""
    columns = {"exemplar": dict(zip(exemplars, exemplars, strict=True))}
    for tool in COMMANDS:
        paths = {path: FOLDER / tool / path.name for path in exemplars}
        columns[tool] = {k: v for k, v in paths.items() if v.with_suffix(".json").exists()}
    cells = []
    for label, paths in columns.items():
        if paths:
            column = [contact_sheet.caption(label, transfer_report.CELL)]
            cells.append(column + [transfer_report.cell(paths.get(path)) for path in exemplars])
    return contact_sheet.grid(cells, len(cells))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command line; `exemplars` becomes the list of their paths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exemplars", type=pathlib.Path, required=True)
    parser.add_argument("--names", default="", help="of files, without .png; all by default")
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--source", action="append", default=[], metavar="PEER=FOLDER")
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../shared"))
    parser.add_argument("--torch_python", default=sys.executable)
    options = parser.parse_args(arguments)

    found = {path.stem: path for path in sorted(options.exemplars.glob("*.png"))}
    names = [name for name in options.names.split(",") if name] or list(found)
    if missing := [name for name in names if name not in found]:
        parser.error(f"--names: {options.exemplars} lacks {', '.join(missing)}")
    if not names:
        parser.error(f"--exemplars={options.exemplars}: there are no PNG files")
    options.exemplars = [found[name] for name in names]
    options.tools = [tool for tool in options.tools.split(",") if tool]
    if unknown := sorted(set(options.tools) - set(COMMANDS)):
        parser.error(f"--tools: unknown {', '.join(unknown)}; there are {', '.join(COMMANDS)}")

    given = dict(source.partition("=")[::2] for source in options.source)
    if unknown := sorted(set(given) - set(programs.PROGRAMS)):
        parser.error(f"--source: unknown {', '.join(unknown)}")
    options.sources = {name: pathlib.Path(folder) for name, folder in given.items()}
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the tools, one exemplar after the other, and writes the table and the sheet."""
    options = parse(arguments)
    for tool in options.tools:
        for exemplar in options.exemplars:
            try:
                make(tool, exemplar, options)
            except AbsentError as error:
                print(f"Left out: {tool}: {error}", flush=True)
                break

    listed = rows(options.exemplars)
    if not listed:
        return
    (FOLDER / "table.md").write_text(tables.markdown(listed))
    images.save(FOLDER / "sheet.jpg", sheet(options.exemplars[:ROWS]))
    print(tables.markdown(listed))


if __name__ == "__main__":
    main()
