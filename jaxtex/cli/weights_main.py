"""jaxtex-weights brings published VGG networks and converts them.

jaxtex-weights list                     what is known, and what is here
jaxtex-weights fetch vgg16_bn           downloads, converts, and puts it where --network=vgg16_bn finds it
jaxtex-weights convert FILE             a .pth, .safetensors, .onnx, .h5 or .npz that is at hand
jaxtex-weights verify FILE.h5           structure, hashes, and activations against golden values
"""

import contextlib
import functools
import pathlib

import numpy as np
import rich.console
import rich.progress
import rich.table
from absl import flags, logging

from jaxtex import errors, networks, weights
from jaxtex.cli import flag_parsing
from jaxtex.runtime import files
from jaxtex.weights import locations
from jaxtex.weights.convert import catalog, convert, download, verify

DTYPES = {"float32": np.float32, "float16": np.float16}
FLAGS = flags.FlagValues()


def define_flags() -> None:
    """The command's own."""
    text = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
    text("source", "", "fetch: torchvision, timm, onnx or keras. Empty: the first to be had.")
    text("dtype", "float32", "float32, or float16: half the size, errors of a thousandth.")
    text("output", "", "The HDF5 to write. Empty: where --network finds it.")
    text("network", "", "convert: which it is, where the file leaves that open.")
    help_text = "convert: reads a file that is none of the published ones."
    flags.DEFINE_bool("allow_unknown", False, help_text, flag_values=FLAGS)


def main(arguments: list[str]) -> None:
    """One of the four commands."""
    name, *rest = arguments or ["list"]
    run = errors.choose("command", name, COMMANDS)
    errors.choose("dtype", FLAGS.dtype, DTYPES)
    if len(rest) != (name != "list"):
        wanted = "no argument" if name == "list" else "one argument"
        raise errors.UserError(
            f"'{name}' takes {wanted}, not {len(rest)}; jaxtex-weights --help shows it"
        )
    run(*rest)


def fetch(network: str) -> None:
    """Downloads, converts, holds the activations against golden values, and forgets the download."""
    errors.choose("network", network, {each.network: each for each in catalog.PUBLISHED})
    sources = {each.publisher: each for each in catalog.PUBLISHED if each.network == network}
    candidates = (
        [errors.choose("source", FLAGS.source, sources)] if FLAGS.source else list(sources.values())
    )
    folder = files.cache_folder() / "downloads"
    with progress_bar(network) as progress:
        published, path = download.from_any(candidates, folder, progress)
    loaded = convert.convert(str(path))
    good, text = verify.judge(loaded, verify.golden())
    if not good:
        raise errors.UserError(f"{published.url}: {text}; nothing was written")
    write(loaded, text)
    download.forget(folder, published)


def convert_file(path: str) -> None:
    """Converts a file that is at hand."""
    write(
        convert.convert(path, FLAGS.network, FLAGS.allow_unknown),
        "'jaxtex-weights verify' compares its activations",
    )


def write(loaded: weights.Weights, text: str) -> None:
    """Writes the weights where they will be found, and says so."""
    path = pathlib.Path(FLAGS.output or locations.weights_folder() / f"{loaded.network}.h5")
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save(path, loaded, DTYPES[FLAGS.dtype])
    print(
        f"{path}: {loaded.network}, {path.stat().st_size / 1e6:.0f} MB, from {loaded.about['source']}; {text}"
    )


def verify_file(path: str) -> None:
    """Says whether an HDF5 of ours is right."""
    loaded = weights.load(path)
    network = errors.choose("network", loaded.network, networks.NETWORKS)
    weights.check_shapes(loaded, network.shapes())
    good, text = verify.judge(loaded, verify.golden())
    if not good:
        raise errors.UserError(f"{path}: {text}")
    print(f"{path}: {loaded.network}, {text}")


def list_known() -> None:
    """A table of what is known, and what is here."""
    table = rich.table.Table(
        "network", "source", "MB", "licence", "input", box=None, padding=(0, 2, 0, 0)
    )
    for each in catalog.PUBLISHED:
        preprocessing = "keras" if each.numbers == "keras" else "torchvision"
        size = f"{each.bytes / 1e6:.0f}" if each.bytes else "?"
        table.add_row(each.network, each.publisher, size, each.licence, preprocessing)
    console = rich.console.Console(width=None if rich.console.Console().is_terminal else 140)
    console.print(table)
    for network in networks.TRAINED:
        console.print(f"{network}: {describe(network)}", highlight=False, soft_wrap=True)


def describe(network: str) -> str:
    """Where the weights of a network are and whose they are, or what to type."""
    path = locations.find_file(network)
    if path is None:
        return f"not here; jaxtex-weights fetch {network}"
    with contextlib.suppress(errors.UserError):
        loaded = weights.load(path)
        mean = ", ".join(f"{value:.3f}" for value in loaded.variables["preprocessing"]["mean"])
        return f"{path} ({path.stat().st_size / 1e6:.0f} MB, from {loaded.about.get('source')}, mean {mean})"
    return f"{path} is no weight file, or damaged"


@contextlib.contextmanager
def progress_bar(network: str):
    """On a terminal a bar; elsewhere a line at the beginning."""
    console = rich.console.Console(stderr=True)
    columns = (rich.progress.TextColumn(network), rich.progress.BarColumn(), rich.progress.DownloadColumn(),
               rich.progress.TransferSpeedColumn(), rich.progress.TimeRemainingColumn())  # fmt: skip
    if not console.is_terminal:
        logging.info("fetching %s", network)
    with rich.progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


COMMANDS = {"list": list_known, "fetch": fetch, "convert": convert_file, "verify": verify_file}


def entry() -> None:
    """The console script."""
    flag_parsing.run_command(
        "jaxtex-weights", lambda: f"{__doc__}\n{FLAGS.get_help()}", FLAGS, main, positional=True
    )


define_flags()
