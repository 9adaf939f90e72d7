"""Style transfers compared with other programs: nine pairs, seconds, memory and measures.

    python benchmarks/transfers.py [--shared=DIR] [--tools=A,B] [--pairs=N] [--share=S]
                                   [--torch_python=PYTHON] [--published]    (extra `bench`, git)

Three photographs x three paintings. Writes runs/transfers/table.md and sheet.jpg. Finished results
are kept, so an interrupted benchmark goes on; delete the folder of a tool to run it again.

| tool | program |
| --- | --- |
| `jaxtex` | defaults, with the built-in network |
| `jaxtex-vgg19` | defaults, with the real VGG-19, blocks 1 to 3 |
| `neural-style-pt` | defaults, with the VGG-19 of `peers/calibration.py` |
| `style-transfer-pytorch` | the same |
| `neural-style-pt-hybrid` | with the real blocks 1 to 3 in it: ten times the work |
| `style-transfer-pytorch-hybrid` | the same |
| `strotss`, `nnst` | the same; tens of minutes for a pair; not among the default tools |

One size for all: content and style files have a longer side of 512 px, which is the size that the
peers reduce both to by default. jaxtex gets the shorter side of the content as `--size`.

The peers run with all their iterations; `--share` below 1 runs that share of them, and is in the
table. Seconds are of the whole process, from its start to the picture on disk; processor seconds
add up its threads, and depend less on what else the machine does. Memory is the peak of the
resident memory.

Measures are those of `jaxtex.metrics` with the real VGG-19, blocks 1 to 3, which only
`jaxtex-vgg19` and the hybrids optimize.

`--published` takes pairs whose inputs and results lie in the repositories of STROTSS and NNST:
their pictures beside jaxtex's, in published.md and published.jpg.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import cases
import transfer_report
from peers import programs
from transfer_report import Pair

from jaxtex import images

FOLDER = pathlib.Path("runs/transfers")
PEERS = pathlib.Path(__file__).parent / "peers"
PHOTOS = ("kodak04", "kodak19", "kodak23")
PAINTINGS = ("starry_night", "shipwreck", "the_scream")
SIZE = 512  # pixels, the longer side
REAL = "weights/vgg19_imagenet_blocks1-3.npz"  # in the shared folder
DISTILLED = "weights/vgg19_distilled_16x.npz"
TOOLS = ("jaxtex", "neural-style-pt", "style-transfer-pytorch")
WEIGHTS = "JAXTEX_WEIGHTS"  # variable with the folder of converted weights


class Published(NamedTuple):
    """A result in a repository, with its inputs.

    Attributes:
      name: of the result.
      program: a row of `programs.PROGRAMS`.
      content: path in the repository.
      style: path in the repository.
      result: path in the repository.
      columns: first and last column, and number of rows, of the result in its file; empty for
        all.
    """

    name: str
    program: str
    content: str
    style: str
    result: str
    columns: tuple[int, ...] = ()


PUBLISHED = (
    Published("strotss", "strotss-original", "content_im.jpg", "style_im.jpg", "output.png"),
    Published("strotss-port", "strotss", "content.jpg", "style.png", "strotss.png"),
    Published(
        *("nnst", "nnst", "inputs/content/C1.png", "inputs/style/S4.jpg", "example2.png"),
        columns=(552, 1064, 512),
    ),
)


def prepare(source: pathlib.Path, target: pathlib.Path) -> None:
    """Writes a picture with a longer side of `SIZE`, unless the file exists."""
    if target.exists():
        return
    image = images.load(source)
    ratio = SIZE / max(image.shape[:2])
    height, width = (int(side * ratio + 0.5) for side in image.shape[:2])
    target.parent.mkdir(parents=True, exist_ok=True)
    images.save(target, images.resize(image, height, width))


def list_pairs(shared: pathlib.Path) -> list[Pair]:
    """Returns the nine pairs, first three that hold each picture once."""
    inputs = FOLDER / "inputs"
    pairs = []
    for shift in range(len(PAINTINGS)):
        for i, photo in enumerate(PHOTOS):
            painting = PAINTINGS[(i + shift) % len(PAINTINGS)]
            pair = Pair(f"{photo}-{painting}", inputs / f"{photo}.png", inputs / f"{painting}.png")
            prepare(shared / "images/photos" / f"{photo}.png", pair.content)
            prepare(shared / "images/paintings" / f"{painting}.jpg", pair.style)
            pairs.append(pair)
    return pairs


def jaxtex_command(pair: Pair, result: pathlib.Path, options: argparse.Namespace) -> list[str]:
    """Returns the command of jaxtex with its defaults."""
    del options
    size = min(images.load(pair.content).shape[:2])
    flags = [f"--content={pair.content}", f"--style={pair.style}", f"--size={size}"]
    workdir = result.with_suffix("")
    return [sys.executable, "-m", "jaxtex", "--overwrite", f"--workdir={workdir}", *flags]


def real_blocks_command(pair: Pair, result: pathlib.Path, options: argparse.Namespace) -> list[str]:
    """Returns the command of jaxtex with the first blocks of VGG-19."""
    return [*jaxtex_command(pair, result, options), "--network=vgg19"]


def peer_command(
    name: str, hybrid: bool = False
) -> Callable[[Pair, pathlib.Path, argparse.Namespace], list[str]]:
    """Returns a function that returns the command of a peer.

    Args:
      name: a row of `programs.PROGRAMS`.
      hybrid: whether the first three blocks of the network are the real ones.
    """

    def command(pair: Pair, result: pathlib.Path, options: argparse.Namespace) -> list[str]:
        source = programs.fetch(name)
        network = FOLDER / "vgg19.npz"
        if not network.exists():
            write_network(network, options)
        share = options.share if programs.PROGRAMS[name].iterations else 1.0
        arguments = [name, source, network, pair.content, pair.style, result, share]
        arguments += [options.shared / REAL] if hybrid else []
        return [options.torch_python, str(PEERS / "launch.py"), *map(str, arguments)]

    return command


def write_network(path: pathlib.Path, options: argparse.Namespace) -> None:
    """Writes the peers' VGG-19."""
    pictures = [options.shared / "images/photos" / f"{name}.png" for name in PHOTOS]
    pictures += [options.shared / "images/paintings" / f"{name}.jpg" for name in PAINTINGS]
    arguments = [options.shared / REAL, options.shared / DISTILLED, path, *pictures]
    script = str(PEERS / "calibration.py")
    subprocess.run([options.torch_python, script, *map(str, arguments)], check=True)


COMMANDS: dict[str, Callable[[Pair, pathlib.Path, argparse.Namespace], list[str]]] = {
    "jaxtex": jaxtex_command,
    "jaxtex-vgg19": real_blocks_command,
    "neural-style-pt": peer_command("neural-style-pt"),
    "neural-style-pt-hybrid": peer_command("neural-style-pt", hybrid=True),
    "style-transfer-pytorch": peer_command("style-transfer-pytorch"),
    "style-transfer-pytorch-hybrid": peer_command("style-transfer-pytorch", hybrid=True),
    "strotss": peer_command("strotss"),
    "nnst": peer_command("nnst"),
}


def make(tool: str, pair: Pair, options: argparse.Namespace) -> None:
    """Runs a tool on a pair, unless its record exists.

    Args:
      tool: a row of `COMMANDS`.
      pair: content and style.
      options: of the command line.
    """
    result = FOLDER / tool / f"{pair.name}.png"
    record = result.with_suffix(".json")
    if record.exists():
        return
    result.parent.mkdir(parents=True, exist_ok=True)
    command = COMMANDS[tool](pair, result, options)
    environment = cases.environment(FOLDER)
    if tool != "jaxtex-vgg19":
        environment.pop(WEIGHTS)  # the built-in network, whatever else there is

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    if tool.startswith("jaxtex"):
        workdir = result.with_suffix("")
        memory = json.loads((workdir / "DONE").read_text())["memory"]
        images.save(result, images.load(workdir / "result.png"))
    else:
        memory = int(done.stdout.split()[-1])
    values = {
        "seconds": seconds,
        "processor_seconds": (after.ru_utime + after.ru_stime)
        - (before.ru_utime + before.ru_stime),
        "memory": memory,
        "share": options.share if "-pt" in tool or "-pytorch" in tool else 1.0,
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
    }
    record.write_text(json.dumps(values))


def convert_real(options: argparse.Namespace) -> None:
    """Makes the real VGG-19 that the measures use known to this process and its commands."""
    folder = (FOLDER / "weights").absolute()
    os.environ[WEIGHTS] = str(folder)
    if not (folder / "vgg19.h5").exists():
        code = "from jaxtex.cli import weights_main; weights_main.entry()"
        arguments = ["convert", str(options.shared / REAL), "--allow_unknown"]
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)


def published(options: argparse.Namespace) -> None:
    """Compares jaxtex with results in the repositories of STROTSS and NNST."""
    pairs = []
    results: dict[str, dict[str, pathlib.Path]] = {"published": {}}
    for case in PUBLISHED:
        source = programs.fetch(case.program)
        inputs = FOLDER / "published" / case.name
        pair = Pair(case.name, inputs / "content.png", inputs / "style.png")
        prepare(source / case.content, pair.content)
        prepare(source / case.style, pair.style)
        result = images.load(source / case.result)[..., :3]
        if case.columns:
            first, last, height = case.columns
            result = result[:height, first:last]
        images.save(inputs / "published.png", result)
        results["published"][pair.name] = inputs / "published.png"
        pairs.append(pair)
    for tool in options.tools:
        if tool.startswith("jaxtex"):
            results[tool] = {}
            for pair in pairs:
                make(tool, pair, options)
                results[tool][pair.name] = FOLDER / tool / f"{pair.name}.png"
    transfer_report.report(FOLDER, "published", pairs, results)


def main() -> None:
    """Runs the tools, pair by pair, and writes the table and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path("../shared"))
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--torch_python", default=sys.executable)
    parser.add_argument("--published", action="store_true")
    options = parser.parse_args()
    options.tools = [tool for tool in options.tools.split(",") if tool]

    missing = [path for path in (REAL, DISTILLED) if not (options.shared / path).is_file()]
    missing += [
        name
        for name in ("images/photos", "images/paintings")
        if not (options.shared / name).is_dir()
    ]
    if missing:
        print(
            f"Left out: {options.shared} lacks {', '.join(missing)}; --shared=DIR chooses another"
        )
        return
    if unknown := sorted(set(options.tools) - set(COMMANDS)):
        parser.error(f"--tools: unknown {', '.join(unknown)}; there are {', '.join(COMMANDS)}")

    convert_real(options)
    if options.published:
        published(options)
        return
    pairs = list_pairs(options.shared)[: options.pairs]
    for pair in pairs:
        for tool in options.tools:
            make(tool, pair, options)
    results = {}
    for tool in COMMANDS:
        paths = {pair.name: FOLDER / tool / f"{pair.name}.png" for pair in pairs}
        found = {name: path for name, path in paths.items() if path.with_suffix(".json").exists()}
        if found:
            results[tool] = found
    transfer_report.report(FOLDER, "table", pairs, results)


if __name__ == "__main__":
    main()
