"""jaxtex-compare measures textures against their exemplar, by what no run optimises by default.

    jaxtex-compare images/pebbles.png runs/pebbles/result.png
    jaxtex-compare EXEMPLAR RESULT RESULT ... --metrics=patches,spectrum --csv=table.csv

A row for each result, a column for each metric; docs/metrics.md says what they mean. patches, features and spectrum are
0 for the exemplar itself; copied is 1 for a copy; seam and border are about 1 where there is nothing to be seen.
"""

import functools
import sys

import numpy as np
from absl import flags

from jaxtex import errors, images, metrics
from jaxtex.cli import flag_parsing
from jaxtex.runs import tables
from jaxtex.runtime import xla_options

FLAGS = flags.FlagValues()


def define_flags() -> None:
    """The command's own."""
    text = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
    help_text = "Shorter side that exemplar and results are reduced to, in pixels; 0: as they are. Nothing is enlarged."
    flags.DEFINE_integer("size", 0, help_text, lower_bound=0, flag_values=FLAGS)
    text(
        "metrics",
        "",
        f"Which, with commas between. Empty: all. There are: {', '.join(metrics.METRICS)}.",
    )
    text("network", "", "The network of 'features', such as vgg19. Empty: fixed filters.")
    text("csv", "", "A file that the table is written to as well, with all digits.")


def main(arguments: list[str]) -> None:
    """Measures each result; one that cannot be read is named, and the exit status is 1."""
    xla_options.enable_compilation_cache()
    if len(arguments) < 2:
        raise errors.UserError(
            "an exemplar and its results, please: jaxtex-compare EXEMPLAR RESULT..."
        )
    if 0 < FLAGS.size < images.MIN_SIDE:
        raise errors.UserError(
            f"--size={FLAGS.size}: 0, or at least {images.MIN_SIDE} pixels, please"
        )
    names = [name for name in FLAGS.metrics.split(",") if name] or list(metrics.METRICS)
    for name in names:
        errors.choose("metric", name, metrics.METRICS)
    exemplar, rows, unread = read(arguments[0]), [], 0
    for path in arguments[1:]:
        try:
            image = read(path)
        except errors.UserError as error:
            print(f"jaxtex-compare: {error}", file=sys.stderr)
            unread += 1
        else:
            rows.append((path, metrics.measure(exemplar, image, names, FLAGS.network)))
    tables.show(
        [
            ["result", *names],
            *([path, *(f"{values[name]:.4g}" for name in names)] for path, values in rows),
        ]
    )
    if FLAGS.csv:
        tables.save_csv(FLAGS.csv, [{"result": path, **values} for path, values in rows])
    if unread:
        sys.exit(1)


def read(path: str) -> np.ndarray:
    """An image at the size that it is compared in, `[H, W, 3]`."""
    image = images.load(path)
    return images.resize_shorter_side(image, min(FLAGS.size, *image.shape[:2]))


def entry() -> None:
    """The console script."""
    flag_parsing.run_command(
        "jaxtex-compare", lambda: f"{__doc__}\n{FLAGS.get_help()}", FLAGS, main, positional=True
    )


define_flags()
