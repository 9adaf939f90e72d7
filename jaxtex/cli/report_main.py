"""jaxtex-report makes one page of runs, a file of HTML that needs nothing else.

    jaxtex-report runs/pebbles                                     (report.html)
    jaxtex-report runs/sweep runs/pebbles --output=runs/all.html   (a folder above runs stands for all below it)
    jaxtex-report runs/sweep --metrics=patches,seam                (none: nothing is measured)

Pictures to be enlarged, exemplar beside result, 2 x 2, snapshots, loss, flags, measures, timings; of several runs a table
to be sorted, too. Runs that are not finished are shown as far as they are.
"""

import functools
import pathlib
import sys

from absl import flags

from jaxtex import errors, metrics
from jaxtex.cli import flag_parsing
from jaxtex.images import output_paths
from jaxtex.runs import records
from jaxtex.runtime import xla_options
from jaxtex.viewer import report_page, run_view

FLAGS = flags.FlagValues()


def define_flags() -> None:
    """The command's own."""
    text = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
    text("output", "report.html", "The file.")
    names = ", ".join(metrics.METRICS)
    text(
        "metrics",
        "",
        f"What finished runs are measured by, with commas between; none. Empty: all. There are: {names}.",
    )


def main(arguments: list[str]) -> None:
    """The page; a run that cannot be read is named and left out, and the exit status is 1."""
    xla_options.enable_compilation_cache()
    if not arguments:
        raise errors.UserError("a run's folder, please, or one above several: jaxtex-report RUN...")
    output_paths.validate_file(FLAGS.output, (".html", ".htm"))
    shown, unread = exhibited(records.find_runs(arguments), chosen(FLAGS.metrics))
    if not shown:
        raise errors.UserError("; ".join(unread))
    page = report_page.render(shown).encode(errors="replace")  # names of files are any bytes
    with output_paths.open_atomic(FLAGS.output) as part:
        part.write_bytes(page)
    print(FLAGS.output)
    for line in unread:
        print(f"jaxtex-report: {' '.join(line.split())}", file=sys.stderr)
    if unread:
        sys.exit(1)


def exhibited(
    folders: list[pathlib.Path], measured: list[str]
) -> tuple[list[run_view.RunView], list[str]]:
    """What is shown of the runs that can be read, and what is wrong with the others."""
    shown, unread, reduced = [], [], len(folders) > report_page.MAX_FULL_SIZE
    for folder, name in zip(folders, records.unique_names(folders), strict=True):
        try:
            shown.append(run_view.build_view(records.read_run(folder, name), measured, reduced))
        except errors.UserError as error:
            unread.append(str(error))
    return shown, unread


def chosen(text: str) -> list[str]:
    """The names of metrics in a flag.

    Raises:
      UserError: there is no such metric.
    """
    names = [name.strip() for name in text.split(",") if name.strip()] or list(metrics.METRICS)
    for name in names:
        errors.choose("metric", name, {**metrics.METRICS, "none": None})
    return [name for name in names if name != "none"]


def entry() -> None:
    """The console script."""
    flag_parsing.run_command(
        "jaxtex-report", lambda: f"{__doc__}\n{FLAGS.get_help()}", FLAGS, main, positional=True
    )


define_flags()
