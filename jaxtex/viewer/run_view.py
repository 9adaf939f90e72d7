"""Contents of a run as an HTML page shows them: pictures, the loss curve, tables and remarks."""

import os
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jaxtex.runs import records, run_folder
from jaxtex.viewer import charts, run_pictures, run_tables


class LossCurve(NamedTuple):
    """Loss over steps."""

    points: charts.Points
    chart: charts.Chart | None  # of the loss, and of its terms if there are several


class RunView(NamedTuple):
    """Run as a page shows it. Unknown fields are empty or None."""

    name: str
    path: str  # of its folder
    state: str  # "60 steps in 9.1 s", "unfinished: step 340 of 2000"
    finished: bool
    pictures: run_pictures.RunPictures
    loss: LossCurve
    tables: run_tables.RunTables
    command: list[str]  # words, quoted for a shell
    remarks: list[str]  # what is missing


def build_view(
    record: records.RunRecord, measured: Sequence[str] | None, reduced: bool = False
) -> RunView:
    """Reads the images of a run and collects all that a page shows of it.

    Args:
      record: the run.
      measured: names in `metrics.METRICS`; None: those of a texture or of a transfer. An unfinished
        run is not measured.
      reduced: shrink snapshots, for a page of many runs.
    """
    loaded = run_pictures.load_images(record)
    return RunView(
        name=record.name,
        path=os.fspath(record.folder),
        state=_describe_state(record, loaded.finished),
        finished=loaded.finished,
        pictures=run_pictures.encode_pictures(record, loaded, reduced),
        loss=_build_loss(record),
        tables=run_tables.build_tables(record, loaded, measured),
        command=_build_command(record),
        remarks=list(_find_remarks(record, loaded)),
    )


def _build_loss(record: records.RunRecord) -> LossCurve:
    """Draws the loss, and its terms if there are several."""
    curves = {"loss": _column(record, "loss")}
    terms = records.term_names(record)
    if len(terms) > 1:
        curves |= {name: _column(record, name) for name in terms}
    return LossCurve(curves["loss"], charts.draw(curves))


def _column(record: records.RunRecord, name: str) -> charts.Points:
    """Returns one column of the metrics over steps."""
    return [(row["step"], row[name]) for row in record.rows if name in row]


def _build_command(record: records.RunRecord) -> list[str]:
    """Returns the words of the command that repeats a run."""
    flags = run_tables.flag_values(record, default=False)
    return ["jaxtex", *(shlex.quote(f"--{name}={value}") for name, value in flags.items())]


def _describe_state(record: records.RunRecord, finished: bool) -> str:
    """Returns how far a run is, in a few words."""
    if finished:
        return f"{record.step} steps in {run_tables.total_seconds(record):.1f} s"
    if record.outcome:
        return f"{record.step} steps, but no result"
    return f"unfinished: step {record.step} of {record.flags.get('num_steps', '?')}"


def _find_remarks(record: records.RunRecord, loaded: run_pictures.RunImages) -> Iterator[str]:
    """Yields a sentence for each picture that is missing."""
    if record.outcome and not loaded.finished:
        problem = f"{run_folder.RESULT} is missing or damaged"
        yield problem if loaded.result is None else f"{problem}; the page shows the last snapshot"
    elif loaded.result is None:
        yield "no picture yet"

    for path, image in loaded.sources.items():
        if image is None:
            yield f"{path} cannot be shown: the file is missing, or has changed since the run began"
