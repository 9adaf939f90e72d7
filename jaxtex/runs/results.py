"""Results of several finished runs: a sheet, a table and a curve."""

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors, images, metrics
from jaxtex.images import contact_sheet
from jaxtex.runs import execution, run_folder, sources, tables
from jaxtex.runtime import files
from jaxtex.synthesis import config as configs

logger = logging.getLogger(__name__)

Runs = dict[str, execution.Run]  # by name
Curves = dict[str, tuple[list, list]]  # label -> x and y values
NO_RUNS: Runs = {}
LOSS_CURVE = ("step", "loss")  # the curve of the loss over steps, instead of columns of the table


class Presentation(NamedTuple):
    """Presentation of results."""

    question: str  # title of the table
    columns: int  # runs in a row of the sheet
    steps: tuple[int, ...] = ()  # snapshots in the sheet
    curve: tuple[str, str] | None = None  # columns of the table to plot, or `LOSS_CURVE`


def write_results(
    folder: pathlib.Path,
    done: Runs,
    names: Sequence[str],
    presentation: Presentation,
    unfinished: Runs = NO_RUNS,
) -> None:
    """Writes `sheet.png`, `table.md`, `table.csv` and perhaps `curve.png`; prints the table.

    Args:
      folder: existing folder.
      done: finished runs; nothing is written without any.
      names: of all runs, in the order of the sheet, which shows just the name of an unfinished one.
      presentation: title, columns, snapshots and curve.
      unfinished: further runs of the table.
    """
    if not done:
        return
    images.save(folder / "sheet.png", sheet(done, names, presentation))

    rows = table_rows(done, unfinished=unfinished)
    tables.save(folder, rows, presentation.question)
    print(tables.markdown(rows))

    if presentation.curve is None:
        return
    across, up = presentation.curve
    try:
        points = curves(done, across, up)
        save_plot(folder / "curve.png", points, across, up, joined=across == "step")
    except errors.UserError as error:  # the other files need neither Matplotlib nor these columns
        logger.warning("%s", error)


def sheet(done: Runs, names: Sequence[str], presentation: Presentation) -> np.ndarray:
    """Arranges a column for each run: name, sources, snapshots and result.

    Args:
      done: finished runs.
      names: of all runs, in order.
      presentation: title, columns, snapshots and curve.

    Returns:
      `[H, W, 3]` in [0, 1].
    """
    pictures = {name: _sheet_column(run, presentation.steps) for name, run in done.items()}
    widths = {name: max(image.shape[1] for image in column) for name, column in pictures.items()}
    narrowest = min(widths.values())
    widths = {name: widths.get(name, narrowest) for name in names}

    lines = max(len(contact_sheet.wrap(name, width)) for name, width in widths.items())
    columns = []
    for name, width in widths.items():
        caption = contact_sheet.caption(name, width, lines)
        columns.append([caption, *pictures.get(name, [])])
    return contact_sheet.grid(columns, presentation.columns)


def shown_names(names: Sequence[str], done: Runs, columns: int) -> list[str]:
    """Returns the names in those rows of a sheet in which a run is finished.

    Args:
      names: of all runs, in order.
      done: finished runs.
      columns: runs in a row.
    """
    rows = [names[i : i + columns] for i in range(0, len(names), columns)]
    return [name for row in rows if not done.keys().isdisjoint(row) for name in row]


def _sheet_column(run: execution.Run, steps: Sequence[int]) -> list[np.ndarray]:
    loaded = sources.load_sources(run.style, run.config)
    return sources.sheet_column(loaded, run.folder, run.config, steps)


def curves(done: Runs, across: str, up: str) -> Curves:
    """Collects the points of `curve.png`.

    Args:
      done: finished runs.
      across: column of the table on the horizontal axis, or "step".
      up: column on the vertical axis, or "loss".

    Returns:
      The loss of each run over its steps for `LOSS_CURVE`; else a point for each run, those of one
      exemplar together.

    Raises:
      UserError: the table has no such column.
    """
    if (across, up) == LOSS_CURVE:
        return {name: _losses(run) for name, run in done.items()}
    points: Curves = {}
    for run, row in zip(done.values(), table_rows(done), strict=True):
        xs, ys = points.setdefault(pathlib.Path(run.style).stem, ([], []))
        xs.append(errors.choose("column of the curve", across, row))
        ys.append(errors.choose("column of the curve", up, row))
    return points


def save_plot(path: pathlib.Path, points: Curves, across: str, up: str, joined: bool) -> None:
    """Draws curves on logarithmic axes into a file.

    Args:
      path: of the file; its suffix names the format.
      points: x and y values by label.
      across: name of the horizontal axis.
      up: name of the vertical axis.
      joined: draws lines through the points instead of the points.

    Raises:
      UserError: Matplotlib, which the extra `plots` installs, is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise errors.UserError(f"{path}: curves need pip install 'jaxtex[plots]'") from error

    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=across, ylabel=up, xscale="log", yscale="log")
    for label, (xs, ys) in points.items():
        shown = label.encode(errors="replace").decode()  # file names may be any bytes
        axes.plot(xs, ys, "-" if joined else "o", label=shown)
    axes.legend()
    with files.atomic(path) as part:
        figure.savefig(part, format=path.suffix[1:])


def _losses(run: execution.Run) -> tuple[list, list]:
    """Returns the steps of a run, and the loss at the best image so far."""
    rows = run_folder.read_metrics(run.folder)
    return [row["step"] for row in rows], [row["loss"] for row in rows]


def table_rows(done: Runs, every: bool = False, unfinished: Runs = NO_RUNS) -> list[tables.Row]:
    """Builds a row for each run: its choices, time, loss and metrics.

    Args:
      done: finished runs.
      every: includes all choices, not only those in which the runs differ.
      unfinished: further runs, whose rows have choices alone.
    """
    named = {**done, **unfinished}
    keys = differing_choices(named, every)
    rows: list[tables.Row] = []
    for name, run in named.items():
        choices = run_choices(run)
        row: tables.Row = {"run": name, **{key: choices[key] for key in keys}}
        rows.append(row | _outcome(run) if name in done else row)
    return rows


def run_choices(run: execution.Run) -> tables.Row:
    """Returns the choices of a run by the names of their flags."""
    return {"style": run.style, **dataclasses.asdict(run.config)}


def name_choice(name: str, value: object) -> str:
    """Names the value of a choice, with the name of the flag if the value is a number."""
    if name in ("style", "content"):
        return "+".join(pathlib.Path(path).stem for path in str(value).split(","))
    if isinstance(value, str) and not value[:1].isdigit():
        return value
    return f"{name}{value}"


def differing_choices(named: Runs, every: bool = False) -> list[str]:
    """Lists the choices in which runs differ.

    Args:
      named: runs by name.
      every: lists all choices.
    """
    choices = [run_choices(run) for run in named.values()]
    if not choices:
        return []
    return [key for key in choices[0] if every or len({row[key] for row in choices}) > 1]


def _outcome(run: execution.Run) -> tables.Row:
    """Returns the columns of a finished run."""
    outcome = run_folder.read_done(run.folder)
    row: tables.Row = {key: outcome[key] for key in ("numbers", "steps", "seconds")}
    row["loss / first"] = outcome["loss"] / outcome["first"] if outcome["first"] else float("nan")
    return row | measure_result(run)


def measure_result(run: execution.Run) -> dict[str, float]:
    """Measures the result against the first exemplar and the content, by `metrics.measure`.

    Returns:
      Value by metric; empty without an exemplar to compare with.
    """
    path = run.folder / run_folder.RESULT
    return _measure(run.style, run.config, path, path.stat().st_mtime_ns)


@functools.cache
def _measure(
    style: str, config: configs.Config, path: pathlib.Path, modified: int
) -> dict[str, float]:
    """Measures a result once, although a search builds its table again after every run."""
    del modified  # a key of the cache: the file may be replaced
    reference = sources.reference_image(style, config)
    if reference is None:
        return {}
    content = sources.transfer_content(style, config)
    return metrics.measure(
        reference, images.load(path), content=content, style_scale=config.style_scale
    )
