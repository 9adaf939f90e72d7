"""What finished runs have to show side by side: a sheet, a table, a curve."""

import dataclasses
import functools
import pathlib

import numpy as np
from absl import logging

from jaxtex import errors, images, metrics, plots, report, runs, tables

Runs = dict[str, runs.Run]  # by their names


def gather(
    folder: pathlib.Path,
    done: Runs,
    title: str,
    columns: int = 5,
    steps: tuple[int, ...] = (),
    curve: tuple[str, str] | None = None,
) -> None:
    """Writes `sheet.png`, `table.md` and `table.csv`, and perhaps `curve.png`; prints the table.

    Args:
      folder: where to.
      done: the runs, finished; without any nothing is written.
      title: of the table.
      columns: runs in a row of the sheet.
      steps: snapshots that the sheet shows.
      curve: columns of the table to be drawn against each other, or `("step", "loss")`.
    """
    if not done:
        return
    images.save(folder / "sheet.png", report.grid([_captioned(*each, steps) for each in done.items()], columns))
    tables.save(folder, rows(done), title)
    print(tables.markdown(rows(done)))
    try:
        curve and plots.save(folder / "curve.png", curves(done, *curve), *curve, joined=curve[0] == "step")
    except errors.UserError as error:  # it can be done without
        logging.warning("%s", error)


def _captioned(name: str, run: runs.Run, steps: tuple[int, ...]) -> list[np.ndarray]:
    pictures = runs.column(run, steps)
    return [report.caption(name, max(picture.shape[1] for picture in pictures)), *pictures]


def curves(done: Runs, across: str, up: str) -> plots.Curves:
    """The course of each run's loss, or a point for each run, those of one exemplar together."""
    if (across, up) == ("step", "loss"):
        return {name: runs.losses(run) for name, run in done.items()}
    found: plots.Curves = {}
    for run, row in zip(done.values(), rows(done), strict=True):
        points = found.setdefault(pathlib.Path(run.style).stem, ([], []))
        points[0].append(row[across])
        points[1].append(row[up])
    return found


def rows(done: Runs, every: bool = False) -> list[tables.Row]:
    """A row for each run: in what it differs from the others (or every choice), what it took, what came out."""
    choices = {name: {"style": run.style, **dataclasses.asdict(run.config)} for name, run in done.items()}
    differing = [key for key in next(iter(choices.values()), {}) if every or len({c[key] for c in choices.values()}) > 1]
    return [{"run": name, **{key: choices[name][key] for key in differing}, **_row(run)} for name, run in done.items()]


def _row(run: runs.Run) -> tables.Row:
    noted = runs.outcome(run)
    row = {key: noted[key] for key in ("numbers", "steps", "seconds")}
    row["loss / first"] = noted["loss"] / noted["first"] if noted["first"] else float("nan")
    return row | measured(run)


@functools.cache
def measured(run: runs.Run) -> dict[str, float]:
    """The result by `jaxtex.metrics`, against what it should look like, if there is such."""
    exemplar = runs.exemplar(run)
    return {} if exemplar is None else metrics.measure(exemplar, images.load(run.folder / "result.png"))
