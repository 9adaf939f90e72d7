"""Contents of a run as an HTML page shows them: pictures, the loss curve, tables and remarks."""

import os
import pathlib
import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors, metrics
from jaxtex.runs import records, run_folder
from jaxtex.viewer import charts, pictures

THUMBNAIL_SIDE = 96  # pixels on the longer side, in a table of runs
REDUCED_SIDE = 160  # pixels on the longer side, of a snapshot on a page of many runs
SNAPSHOTS = 8  # shown per run

Sources = dict[str, np.ndarray | None]  # path -> image `[H, W, 3]`; None: not readable


class RunPictures(NamedTuple):
    """Pictures of a run."""

    result: pictures.Picture | None  # or the last snapshot
    thumbnail: pictures.Picture | None  # of the result
    reference: pictures.Picture | None  # compared with the result: the content or the first style
    sources: list[pictures.Picture]  # the content and the styles
    snapshots: list[pictures.Picture]
    size: tuple[int, int]  # final width and height, in pixels; a snapshot may be smaller
    tiles: bool  # the result tiles in both directions


class LossCurve(NamedTuple):
    """Loss over steps."""

    points: charts.Points
    chart: charts.Chart | None  # of the loss, and of its terms if there are several


class RunTables(NamedTuple):
    """Named values of a run, each table by name."""

    flags: dict[str, str]  # that differ from their defaults
    default_flags: dict[str, str]
    outcome: dict[str, object]  # columns of the table of runs: steps, loss, seconds
    measures: dict[str, float]  # empty if the run is not finished
    timings: dict[str, str]  # with units
    origin: dict[str, str]  # device and versions
    inputs: dict[str, str]  # SHA-256 of the files


class RunView(NamedTuple):
    """Run as a page shows it. Unknown fields are empty or None."""

    name: str
    path: str  # of its folder
    state: str  # "60 steps in 9.1 s", "unfinished: step 340 of 2000"
    finished: bool
    pictures: RunPictures
    loss: LossCurve
    tables: RunTables
    command: list[str]  # words, quoted for a shell
    remarks: list[str]  # what is missing


class _Images(NamedTuple):
    """Images of a run folder."""

    result: np.ndarray | None  # or the last snapshot, `[H, W, 3]`
    path: pathlib.Path | None  # of the result
    sources: Sources
    finished: bool  # the result is that of a finished run


def build_view(
    record: records.RunRecord, measured: Sequence[str], reduced: bool = False
) -> RunView:
    """Reads the images of a run and collects all that a page shows of it.

    Args:
      record: the run.
      measured: names in `metrics.METRICS`; an unfinished run is not measured.
      reduced: shrink snapshots, for a page of many runs.
    """
    loaded = _load_images(record)
    return RunView(
        name=record.name,
        path=os.fspath(record.folder),
        state=_describe_state(record, loaded.finished),
        finished=loaded.finished,
        pictures=_build_pictures(record, loaded, reduced),
        loss=_build_loss(record),
        tables=_build_tables(record, loaded, measured),
        command=_build_command(record),
        remarks=list(_find_remarks(record, loaded)),
    )


def _load_images(record: records.RunRecord) -> _Images:
    """Reads the result, or the last snapshot, and the sources of a run."""
    sources = records.source_images(record)
    loaded = records.result_image(record)
    if loaded is None:
        return _Images(None, None, sources, finished=False)

    result, path = loaded
    finished = bool(record.notes) and path == record.folder / run_folder.RESULT
    return _Images(result, path, sources, finished)


def _build_pictures(record: records.RunRecord, loaded: _Images, reduced: bool) -> RunPictures:
    """Encodes the pictures of a run."""
    sources = [
        pictures.encode(pathlib.Path(path).name, image)
        for path, image in loaded.sources.items()
        if image is not None
    ]

    reference = None
    first = next(iter(loaded.sources.values()), None)  # the content if there is one
    if first is not None:
        title = "content" if record.flags.get("content") else "exemplar"
        reference = pictures.encode(title, first)

    result = thumbnail = None
    if loaded.result is not None and loaded.path is not None:
        step = loaded.path.stem
        title = "result" if loaded.finished else f"snapshot at step {int(step)}"
        result = pictures.encode(title, loaded.result)
        thumbnail = pictures.thumbnail(title, loaded.result, THUMBNAIL_SIDE)

    return RunPictures(
        result=result,
        thumbnail=thumbnail,
        reference=reference,
        sources=sources,
        snapshots=list(_encode_snapshots(record, reduced)),
        size=_final_size(record, loaded, first),
        tiles=record.flags.get("tile") == "xy",
    )


def _final_size(
    record: records.RunRecord, loaded: _Images, reference: np.ndarray | None
) -> tuple[int, int]:
    """Returns the width and height of the finished result; zeros without any image.

    Sizes that the flags leave open are those of the result, or of the reference if the run is not
    finished.
    """
    if loaded.result is None:
        return 0, 0
    model = loaded.result if loaded.finished or reference is None else reference
    width = record.flags.get("width") or model.shape[1]
    height = record.flags.get("height") or model.shape[0]
    return int(str(width)), int(str(height))


def _encode_snapshots(record: records.RunRecord, reduced: bool) -> Iterator[pictures.Picture]:
    """Yields readable snapshots among at most `SNAPSHOTS`, the first and the last included."""
    paths = record.snapshots
    places = np.linspace(0, len(paths) - 1, min(SNAPSHOTS, len(paths)))
    chosen = [paths[round(place)] for place in places]

    for path, image in records.readable_images(chosen):
        title = f"step {int(path.stem)}"
        if reduced:
            yield pictures.thumbnail(title, image, REDUCED_SIDE)
        else:
            yield pictures.encode(title, image)


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


def _build_tables(record: records.RunRecord, loaded: _Images, measured: Sequence[str]) -> RunTables:
    """Collects the named values of a run."""
    outcome: dict[str, object] = {
        "steps": record.step,
        "loss": _last_loss(record),
        "seconds": _total_seconds(record),
    }
    return RunTables(
        flags=_flags(record, default=False),
        default_flags=_flags(record, default=True),
        outcome=outcome,
        measures=_measure(record, loaded, measured),
        timings=_timings(record),
        origin=record.origin,
        inputs=record.inputs,
    )


def _flags(record: records.RunRecord, default: bool) -> dict[str, str]:
    """Returns the flags that have, or have not, their default values."""
    return {
        name: str(value)
        for name, value in record.flags.items()
        if records.is_default(name, value) == default
    }


def _measure(record: records.RunRecord, loaded: _Images, names: Sequence[str]) -> dict[str, float]:
    """Measures a finished result against the first style, or else the content."""
    if not loaded.finished or loaded.result is None or not names or record.flags.get("excite"):
        return {}

    content = record.flags.get("content")
    styles = [image for path, image in loaded.sources.items() if path != content]
    exemplar = next(iter(styles or loaded.sources.values()), None)
    if exemplar is None:
        return {}

    try:
        return metrics.measure(exemplar, loaded.result, names)
    except errors.UserError:  # an image too small to be measured
        return {}


def _timings(record: records.RunRecord) -> dict[str, str]:
    """Returns durations, memory and losses, with units."""
    first_seconds = record.rows[0].get("seconds", 0.0) if record.rows else 0.0
    table = {
        "steps": f"{record.step}",
        "time": f"{_total_seconds(record):.1f} s",
        "first step": f"{first_seconds:.1f} s",
    }

    if "memory" in record.notes:
        table["peak memory"] = f"{record.notes['memory'] / 2**20:,.0f} MiB"
    if "numbers" in record.notes:
        table["statistic size"] = f"{record.notes['numbers']:,.0f}"

    loss = _last_loss(record)
    if loss is not None:
        table["loss"] = f"{loss:.4g}"
        first_loss = record.notes.get("first")
        if first_loss:
            table["loss / first"] = f"{loss / first_loss:.3g}"
    return table


def _last_loss(record: records.RunRecord) -> float | None:
    """Returns the loss at the last step; None if unknown."""
    return record.rows[-1]["loss"] if record.rows else record.notes.get("loss")


def _total_seconds(record: records.RunRecord) -> float:
    """Returns the duration of a run until its end or its last step."""
    so_far = record.rows[-1].get("seconds", 0.0) if record.rows else 0.0
    return record.notes.get("seconds", so_far)


def _build_command(record: records.RunRecord) -> list[str]:
    """Returns the words of the command that repeats a run."""
    flags = _flags(record, default=False)
    return ["jaxtex", *(shlex.quote(f"--{name}={value}") for name, value in flags.items())]


def _describe_state(record: records.RunRecord, finished: bool) -> str:
    """Returns how far a run is, in a few words."""
    if finished:
        return f"{record.step} steps in {_total_seconds(record):.1f} s"
    if record.notes:
        return f"{record.step} steps, but no result"
    return f"unfinished: step {record.step} of {record.flags.get('num_steps', '?')}"


def _find_remarks(record: records.RunRecord, loaded: _Images) -> Iterator[str]:
    """Yields a sentence for each picture that is missing."""
    if record.notes and not loaded.finished:
        problem = f"{run_folder.RESULT} is missing or damaged"
        yield problem if loaded.result is None else f"{problem}; the page shows the last snapshot"
    elif loaded.result is None:
        yield "no picture yet"

    for path, image in loaded.sources.items():
        if image is None:
            yield f"{path} cannot be shown: the file is missing, or has changed since the run began"
