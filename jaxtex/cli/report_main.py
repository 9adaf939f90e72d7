"""jaxtex-report writes a report of runs: one HTML file that needs no other files.

    jaxtex-report runs/pebbles                                     (report.html)
    jaxtex-report runs/sweep runs/pebbles --output=runs/all.html   (of all runs below a folder)
    jaxtex-report runs/sweep --metrics=patches,seam                (none: without metrics)

The report shows the pictures (click to enlarge), exemplar beside result, the result tiled 2 x 2,
snapshots, loss, flags, metrics and timings; for several runs also a table to sort. Unfinished runs
are shown up to their last step.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from jaxtex import errors, metrics
from jaxtex.cli import flag_fields, flag_parsing, help_page
from jaxtex.images import output_paths
from jaxtex.runs import records
from jaxtex.runtime import xla_options
from jaxtex.viewer import report_page, run_view

NO_METRICS = "none"


@dataclasses.dataclass(frozen=True)
class Options:
    """Flags of `jaxtex-report`."""

    output: str = flag_fields.flag("report.html", "File to write.")
    metrics: str = flag_fields.flag(
        "",
        "Metrics of finished runs, separated by commas, or none. Empty computes those of textures, "
        "and all of style transfers. "
        f"One of: {', '.join(metrics.METRICS)}.",
    )


def define_flags() -> flags.FlagValues:
    """Returns the flags of `jaxtex-report`."""
    return flag_fields.define(Options, flags.FlagValues())


def main(values: flags.FlagValues, arguments: list[str]) -> None:
    """Writes the report; lists runs that cannot be read on stderr and leaves them out.

    Args:
      values: parsed flags.
      arguments: folders of runs, or above runs.

    Raises:
      UserError: flags or arguments are wrong, or no run can be read.
      SystemExit: a run cannot be read.
    """
    options = flag_fields.read(Options, values)
    xla_options.enable_compilation_cache()
    if not arguments:
        raise errors.UserError("expected the folder of a run or above runs: jaxtex-report RUN...")
    output_paths.validate_file(options.output, (".html", ".htm"))
    if not values["output"].present:
        output_paths.validate_default(options.output, report_page.MARK)
    views, failures = load_views(records.find_runs(arguments), parse_metrics(options.metrics))
    if not views:
        raise errors.UserError("; ".join(failures))

    # File names may be any bytes.
    page = report_page.render(views).encode(errors="replace")
    with output_paths.open_atomic(options.output) as part:
        part.write_bytes(page)
    print(options.output)

    for failure in failures:
        print(f"jaxtex-report: {' '.join(failure.split())}", file=sys.stderr)
    if failures:
        sys.exit(1)


def load_views(
    folders: Sequence[pathlib.Path], names: list[str] | None
) -> tuple[list[run_view.RunView], list[str]]:
    """Loads what the report shows of each run.

    Args:
      folders: of the runs.
      names: of the metrics to compute for finished runs; None: those that fit each run.

    Returns:
      Views of the runs that can be read, and error messages of the others.
    """
    reduced = len(folders) > report_page.MAX_FULL_SIZE
    views = []
    failures = []
    for folder, name in zip(folders, records.unique_names(folders), strict=True):
        try:
            views.append(run_view.build_view(records.read_run(folder, name), names, reduced))
        except errors.UserError as error:
            failures.append(str(error))
    return views, failures


def parse_metrics(text: str) -> list[str] | None:
    """Parses `--metrics`.

    Args:
      text: names separated by commas.

    Returns:
      The names, without `none`; None if the text is empty.

    Raises:
      UserError: unknown metric.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        return None
    for name in names:
        errors.choose("metric", name, {**metrics.METRICS, NO_METRICS: None})
    return [name for name in names if name != NO_METRICS]


COMMAND = flag_parsing.Command(
    name="jaxtex-report",
    define_flags=define_flags,
    help_page=lambda values: help_page.plain_page(__doc__ or "", values),
    main=main,
    positional=True,
)


def entry() -> None:
    """Runs the console script."""
    flag_parsing.run_as_script(COMMAND)
