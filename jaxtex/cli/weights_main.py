"""jaxtex-weights downloads and converts the published VGG networks.

    jaxtex-weights list                   published and installed weights
    jaxtex-weights fetch vgg16_bn         downloads, converts, and installs for --network=vgg16_bn
    jaxtex-weights convert FILE           converts a local .pth, .safetensors, .onnx, .h5 or .npz
    jaxtex-weights verify FILE.h5         checks structure, hashes, and activations

`verify` compares activations with golden values of another framework.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import rich.console
import rich.progress
import rich.table
from absl import flags, logging

from jaxtex import errors, networks, weights
from jaxtex.cli import flag_fields, flag_parsing, help_page
from jaxtex.images import output_paths
from jaxtex.runtime import files
from jaxtex.weights import locations
from jaxtex.weights.convert import catalog, conversion, download, verify

SUFFIXES = (".h5", ".hdf5")  # of --output
DTYPES = {"float32": np.float32, "float16": np.float16}
WIDTH = 140  # characters per line if stdout is not a terminal


@dataclasses.dataclass(frozen=True)
class Options:
    """Flags of `jaxtex-weights`."""

    source: str = flag_fields.flag(
        "", "fetch: torchvision, timm, onnx or keras. Empty tries them in turn."
    )
    dtype: str = flag_fields.flag(
        "float32", "Type of the numbers: float32, or float16 (half the size, relative error 0.001)."
    )
    output: str = flag_fields.flag(
        "", "HDF5 file to write. Empty installs it for --network of jaxtex."
    )
    network: str = flag_fields.flag(
        "", "convert: name of the network, if the file fits more than one."
    )
    allow_unknown: bool = flag_fields.flag(
        False, "convert: accepts files other than the published ones."
    )


def define_flags() -> flags.FlagValues:
    """Returns the flags of `jaxtex-weights`."""
    return flag_fields.define(Options, flags.FlagValues())


def main(values: flags.FlagValues, arguments: list[str]) -> None:
    """Runs one of the subcommands.

    Args:
      values: parsed flags.
      arguments: name of the subcommand and its argument; none stands for `list`.

    Raises:
      UserError: flags or arguments are wrong, or the subcommand fails.
    """
    options = flag_fields.read(Options, values)
    name, *rest = arguments or ["list"]
    subcommand = errors.choose("command", name, SUBCOMMANDS)
    errors.choose("dtype", options.dtype, DTYPES)
    if len(rest) != subcommand.arguments:
        expected = "one argument" if subcommand.arguments else "no argument"
        raise errors.UserError(
            f"'{name}' takes {expected}, got {len(rest)}; see jaxtex-weights --help"
        )
    subcommand.run(options, *rest)


def fetch(options: Options, network: str) -> None:
    """Downloads and converts a network, verifies its activations, and deletes the download.

    Args:
      options: flags of the command.
      network: name of a published network.

    Raises:
      UserError: unknown network or source, no source works, the activations are wrong, or
        `--output` cannot be written.
    """
    errors.choose("network", network, {entry.network: entry for entry in catalog.PUBLISHED})
    sources = {entry.publisher: entry for entry in catalog.PUBLISHED if entry.network == network}
    candidates = list(sources.values())
    if options.source:
        candidates = [errors.choose("source", options.source, sources)]

    if options.output:
        output_paths.validate_file(options.output, SUFFIXES)
    folder = files.cache_folder() / "downloads"
    with progress_bar(network) as progress:
        published, path = download.fetch_any(candidates, folder, progress)
    loaded = conversion.convert(str(path))
    is_right, verdict = verify.compare(loaded, verify.golden_values())
    if not is_right:
        raise errors.UserError(f"{published.url}: {verdict}; nothing was written")

    write(options, loaded, verdict)
    download.remove(folder, published)


def convert_file(options: Options, path: str) -> None:
    """Converts a local file.

    Args:
      options: flags of the command.
      path: of a published file, or of any file with `--allow_unknown`.

    Raises:
      UserError: the file is of an unknown kind, or `--output` cannot be written.
    """
    if options.output:
        output_paths.validate_file(options.output, SUFFIXES, [path])
    loaded = conversion.convert(path, options.network, options.allow_unknown)
    write(options, loaded, "'jaxtex-weights verify' checks its activations")


def write(options: Options, loaded: weights.Weights, remark: str) -> None:
    """Writes weights to `--output`, or installs them, and prints a line.

    Args:
      options: flags of the command.
      loaded: the weights.
      remark: end of the printed line.
    """
    path = pathlib.Path(options.output or locations.weights_folder() / f"{loaded.network}.h5")
    path.parent.mkdir(parents=True, exist_ok=True)
    weights.save(path, loaded, DTYPES[options.dtype])
    megabytes = path.stat().st_size / 1e6
    print(f"{path}: {loaded.network}, {megabytes:.0f} MB, from {loaded.about['source']}; {remark}")


def verify_file(options: Options, path: str) -> None:
    """Verifies an HDF5 file of jaxtex and prints the verdict.

    Args:
      options: flags of the command.
      path: of the file.

    Raises:
      UserError: the file is damaged, or its activations are wrong.
    """
    del options
    loaded = weights.load(path)
    network = networks.choose_network(loaded.network)
    weights.check_shapes(loaded, network.shapes())
    is_right, verdict = verify.compare(loaded, verify.golden_values())
    if not is_right:
        raise errors.UserError(f"{path}: {verdict}")
    print(f"{path}: {loaded.network}, {verdict}")


def list_networks(options: Options) -> None:
    """Prints a table of the published files, and the installed file of each network."""
    del options
    table = rich.table.Table(
        "network", "source", "MB", "license", "input", box=None, padding=(0, 2, 0, 0)
    )
    for entry in catalog.PUBLISHED:
        preprocessing = "keras" if entry.numbers == "keras" else "torchvision"
        size = f"{entry.bytes / 1e6:.0f}" if entry.bytes else "?"
        table.add_row(entry.network, entry.publisher, size, entry.license, preprocessing)

    is_terminal = rich.console.Console().is_terminal
    console = rich.console.Console(width=None if is_terminal else WIDTH)
    console.print(table)
    for network in networks.TRAINED:
        console.print(f"{network}: {describe(network)}", highlight=False, soft_wrap=True)


def describe(network: str) -> str:
    """Describes the installed weights of a network, or the command that installs them."""
    path = locations.find_file(network)
    if path is None:
        return f"not installed; jaxtex-weights fetch {network}"
    try:
        loaded = weights.load(path)
    except errors.UserError:
        return f"{path} is damaged, or not a weight file"

    mean = ", ".join(f"{value:.3f}" for value in loaded.variables["preprocessing"]["mean"])
    megabytes = path.stat().st_size / 1e6
    return f"{path} ({megabytes:.0f} MB, from {loaded.about.get('source')}, mean {mean})"


@contextlib.contextmanager
def progress_bar(network: str) -> Iterator[download.Progress]:
    """Shows a progress bar on a terminal, else logs a line at the beginning.

    Args:
      network: label of the bar.

    Yields:
      A function of the bytes done and the total number of bytes, 0 if unknown.
    """
    console = rich.console.Console(stderr=True)
    columns = (
        rich.progress.TextColumn(network),
        rich.progress.BarColumn(),
        rich.progress.DownloadColumn(),
        rich.progress.TransferSpeedColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    if not console.is_terminal:
        logging.info("fetching %s", network)

    with rich.progress.Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        yield update


class Subcommand(NamedTuple):
    """A row of `SUBCOMMANDS`."""

    run: Callable[..., None]  # takes the options and the arguments
    arguments: int


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "list": Subcommand(list_networks, arguments=0),
    "fetch": Subcommand(fetch, arguments=1),
    "convert": Subcommand(convert_file, arguments=1),
    "verify": Subcommand(verify_file, arguments=1),
}

COMMAND = flag_parsing.Command(
    name="jaxtex-weights",
    define_flags=define_flags,
    help_page=lambda values: help_page.plain_page(__doc__ or "", values),
    main=main,
    positional=True,
)


def entry() -> None:
    """Runs the console script."""
    flag_parsing.run_as_script(COMMAND)
