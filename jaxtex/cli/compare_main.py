"""jaxtex-compare measures textures against their exemplar, or style transfers.

    jaxtex-compare images/pebbles.png runs/pebbles/result.png
    jaxtex-compare EXEMPLAR RESULT RESULT ... --metrics=patches,spectrum --csv=table.csv
    jaxtex-compare --content=photo.png painting.png result.png

Prints a row for each result and a column for each metric.
patches, features, spectrum, stsim and arrangement are 0 for the exemplar itself; copied and
composition are 1 for a copy; seam and border are about 1 if there are no artifacts. Of a transfer,
structure and light are 0 for the content itself, layout is 1 and gram 0 for the style itself. See
docs/metrics.md.
"""

import dataclasses
import sys
from typing import NamedTuple

import numpy as np
from absl import flags

from jaxtex import errors, images, metrics
from jaxtex.cli import flag_fields, flag_parsing, help_page
from jaxtex.images import output_paths
from jaxtex.runs import tables
from jaxtex.runtime import xla_options


@dataclasses.dataclass(frozen=True)
class Options:
    """Flags of `jaxtex-compare`."""

    size: int = flag_fields.flag(
        0,
        "Shorter side that larger images are reduced to, in pixels. 0 keeps their sizes. Smaller "
        "images are not enlarged.",
        lower_bound=0,
    )
    content: str = flag_fields.flag(
        "",
        "Content of a style transfer, with its style in place of the exemplar. Both are brought to "
        "the size of each result.",
    )
    metrics: str = flag_fields.flag(
        "",
        "Metrics, separated by commas. Empty computes those of textures, with --content all. "
        f"One of: {', '.join(metrics.METRICS)}.",
    )
    network: str = flag_fields.flag(
        "",
        "Network of the metrics 'features', 'structure' and 'gram', such as vgg19. Empty uses "
        "fixed filters for 'features' and vgg_lite for the others.",
    )
    csv: str = flag_fields.flag("", "File for the same table with all digits.")


class Measured(NamedTuple):
    """A result and its metrics."""

    path: str
    values: dict[str, float]  # metric -> value


def define_flags() -> flags.FlagValues:
    """Returns the flags of `jaxtex-compare`."""
    return flag_fields.define(Options, flags.FlagValues())


def main(values: flags.FlagValues, arguments: list[str]) -> None:
    """Measures each result; lists those that cannot be read on stderr.

    Args:
      values: parsed flags.
      arguments: paths of the exemplar and of its results.

    Raises:
      UserError: flags or arguments are wrong, or the exemplar cannot be read.
      SystemExit: a result cannot be read.
    """
    options = flag_fields.read(Options, values)
    xla_options.enable_compilation_cache()
    xla_options.require_backend()
    if len(arguments) < 2:
        raise errors.UserError(
            "expected an exemplar and its results: jaxtex-compare EXEMPLAR RESULT..."
        )
    if 0 < options.size < images.MIN_SIDE:
        raise errors.UserError(
            f"--size={options.size}: must be 0 or at least {images.MIN_SIDE} pixels"
        )
    names = choose_metrics(options)
    if options.csv:
        inputs = [*arguments, options.content] if options.content else arguments
        output_paths.validate_table(options.csv, inputs)

    exemplar = load_reduced(arguments[0], options.size)
    content = load_reduced(options.content, options.size) if options.content else None
    measured: list[Measured] = []
    unreadable = 0
    for path in arguments[1:]:
        try:
            result = load_reduced(path, options.size)
        except errors.UserError as error:
            print(f"jaxtex-compare: {error}", file=sys.stderr)
            unreadable += 1
        else:
            values_by_name = metrics.measure(exemplar, result, names, options.network, content)
            measured.append(Measured(path, values_by_name))

    show(names, measured)
    if options.csv:
        tables.save_csv(options.csv, [{"result": row.path, **row.values} for row in measured])
    if unreadable:
        sys.exit(1)


def choose_metrics(options: Options) -> list[str]:
    """Returns the names of the metrics to compute.

    Args:
      options: `metrics`, and `content`, which some need.

    Raises:
      UserError: a metric is unknown, or needs a content that is not given.
    """
    names = [name for name in options.metrics.split(",") if name]
    for name in names:
        errors.choose("metric", name, metrics.METRICS)
        if metrics.needs_content(name) and not options.content:
            raise errors.UserError(
                f"--metrics={options.metrics}: '{name}' compares with the content of a style "
                "transfer; give it, as in --content=photo.png"
            )
    return names or metrics.default_names(bool(options.content))


def load_reduced(path: str, size: int) -> np.ndarray:
    """Loads an image at the size of the comparison.

    Args:
      path: of the image.
      size: greatest length of the shorter side, in pixels; 0 keeps the size.

    Returns:
      `[H, W, 3]` in [0, 1].
    """
    image = images.load(path)
    return images.resize_shorter_side(image, min(size, *image.shape[:2]))


def show(names: list[str], measured: list[Measured]) -> None:
    """Prints the table.

    Args:
      names: of the metrics, the columns.
      measured: the rows.
    """
    rows = [[row.path, *(f"{row.values[name]:.4g}" for name in names)] for row in measured]
    tables.show([["result", *names], *rows])


COMMAND = flag_parsing.Command(
    name="jaxtex-compare",
    define_flags=define_flags,
    help_page=lambda values: help_page.plain_page(__doc__ or "", values),
    main=main,
    positional=True,
)


def entry() -> None:
    """Runs the console script."""
    flag_parsing.run_as_script(COMMAND)
