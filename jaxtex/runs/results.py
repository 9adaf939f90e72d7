"""What finished runs have to show side by side: a sheet, a table, a curve."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from absl import logging

from jaxtex import errors, images, metrics
from jaxtex.runs import execution, plots, report, tables

Runs = dict[str, execution.Run]  # by their names
NO_RUNS: Runs = {}


class Layout(Protocol):
    """How results are shown."""

    question: str  # the title of the table
    columns: int  # runs in a row of the sheet
    steps: tuple[int, ...]  # snapshots that the sheet shows
    curve: (
        tuple[str, str] | None
    )  # columns of the table to be drawn against each other, or ("step", "loss")


def write_results(
    folder: pathlib.Path,
    done: Runs,
    names: Sequence[str],
    wanted: Layout,
    unfinished: Runs = NO_RUNS,
) -> None:
    """Writes `sheet.png`, `table.md` and `table.csv`, and perhaps `curve.png`; prints the table.

    Args:
      folder: where to.
      done: the runs, finished; without any nothing is written.
      names: of all runs, in the order of the sheet; of one that is not done there is but the name.
      wanted: how they are shown.
      unfinished: runs that the table shall name, too.
    """
    if not done:
        return
    images.save(folder / "sheet.png", sheet(done, names, wanted))
    table = table_rows(done, unfinished=unfinished)
    tables.save(folder, table, wanted.question)
    print(tables.markdown(table))
    try:
        wanted.curve and _plot(folder / "curve.png", done, *wanted.curve)
    except errors.UserError as error:  # it can be done without
        logging.warning("%s", error)


def sheet(done: Runs, names: Sequence[str], wanted: Layout) -> np.ndarray:
    """For each run its name, what it was made from, snapshots and result, one below the other."""
    pictures = {name: execution.sheet_column(run, wanted.steps) for name, run in done.items()}
    widths = {
        name: max(picture.shape[1] for picture in column) for name, column in pictures.items()
    }
    widths = {name: widths.get(name, min(widths.values())) for name in names}
    lines = max(len(report.wrap(name, widths[name])) for name in names)
    column = lambda name: [report.caption(name, widths[name], lines), *pictures.get(name, [])]
    return report.grid([column(name) for name in names], wanted.columns)


def _plot(path: pathlib.Path, done: Runs, across: str, up: str) -> None:
    plots.save(path, curves(done, across, up), across, up, joined=across == "step")


def curves(done: Runs, across: str, up: str) -> plots.Curves:
    """The course of each run's loss, or a point for each run, those of one exemplar together."""
    if (across, up) == ("step", "loss"):
        return {name: execution.read_losses(run) for name, run in done.items()}
    found: plots.Curves = {}
    for run, row in zip(done.values(), table_rows(done), strict=True):
        points = found.setdefault(pathlib.Path(run.style).stem, ([], []))
        points[0].append(row[across])
        points[1].append(row[up])
    return found


def table_rows(done: Runs, every: bool = False, unfinished: Runs = NO_RUNS) -> list[tables.Row]:
    """A row for each run: in what it differs from the others (or every choice), what it took, what came out.

    Those that are unfinished come last, with their choices alone.
    """
    named = {**done, **unfinished}
    keys = differing_choices(named, every)
    chosen = {
        name: {"run": name, **{key: run_choices(run)[key] for key in keys}}
        for name, run in named.items()
    }
    return [row | (_row(done[name]) if name in done else {}) for name, row in chosen.items()]


def run_choices(run: execution.Run) -> tables.Row:
    """What was chosen, by the flags' names."""
    return {"style": run.style, **dataclasses.asdict(run.config)}


def differing_choices(named: Runs, every: bool = False) -> list[str]:
    """The choices in which the runs differ, or all of them."""
    chosen = [run_choices(run) for run in named.values()]
    return [
        key
        for key in (chosen[0] if chosen else {})
        if every or len({each[key] for each in chosen}) > 1
    ]


def _row(run: execution.Run) -> tables.Row:
    noted = execution.read_outcome(run)
    row = {key: noted[key] for key in ("numbers", "steps", "seconds")}
    row["loss / first"] = noted["loss"] / noted["first"] if noted["first"] else float("nan")
    return row | measured(run)


@functools.cache
def measured(run: execution.Run) -> dict[str, float]:
    """The result by `jaxtex.metrics`, against what it should look like, if there is such."""
    exemplar = execution.reference_image(run)
    return (
        {}
        if exemplar is None
        else metrics.measure(exemplar, images.load(run.folder / "result.png"))
    )
