"""A run as a page shows it: pictures as data URIs, numbers as text, the course of its loss."""

import base64
import functools
import hashlib
import io
import os
import pathlib
import shlex
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxtex import errors, images, metrics
from jaxtex.images import encoding
from jaxtex.runs import records
from jaxtex.viewer import charts

THUMB = 96  # pixels on the longer side of a picture in a table
REDUCED = 160  # likewise, of a snapshot where there are many runs
SNAPSHOTS = 8  # of a run that are shown
QUALITY = 80  # of WebP, of what is reduced
SMALL = 400  # pixels: narrower pictures are enlarged, and their pixels stay squares


class Picture(NamedTuple):
    """A picture in the page."""

    title: str
    uri: str  # data:image/webp;base64,...
    width: int  # pixels
    height: int

    @property
    def key(self) -> str:
        """The same for the same picture, which the page then holds once."""
        return f"picture-{hashlib.sha256(self.uri.encode()).hexdigest()[:16]}"

    @property
    def small(self) -> bool:
        """Whether it is enlarged on most screens."""
        return self.width < SMALL


class RunView(NamedTuple):
    """One run. A field that nothing is known of is empty or None."""

    name: str
    path: str  # of its folder
    state: str  # "60 steps in 9.1 s", "unfinished: step 340 of 2000"
    finished: bool
    result: Picture | None  # or the last snapshot
    thumb: Picture | None
    sources: list[Picture]
    rival: Picture | None  # what the result is compared with: the content, or the first style
    full: tuple[
        int, int
    ]  # width and height of the result, in pixels, which a snapshot may be short of
    snapshots: list[Picture]
    tiled: bool  # whether it goes on from its own beginning
    chart: charts.Chart | None
    chosen: dict[str, str]  # the flags that are not default
    usual: dict[str, str]  # the others
    measures: dict[str, float]
    timings: dict[str, str]
    inputs: dict[str, str]
    origin: dict[str, str]
    command: list[str]  # its words, as a shell takes them
    cells: dict[str, object]  # what tells it from others in a table: loss, steps, seconds
    points: charts.Points  # of its loss
    remarks: list[str]  # what is missing


def build_view(
    record: records.RunRecord, measured: Sequence[str], reduced: bool = False
) -> RunView:
    """Everything that a page shows of a run.

    Args:
      record: the run.
      measured: names of metrics; none are measured of a run that is not finished.
      reduced: whether its snapshots are reduced, where there are many runs.
    """
    made, sources = records.result_image(record), records.source_images(record)
    image, path = made if made else (None, None)
    finished = bool(record.notes) and path == record.folder / "result.png"
    base = next(iter(sources.values()), None)  # the content, or the first style
    points = [(row["step"], row["loss"]) for row in record.rows]
    title = "result" if finished else f"snapshot at step {int(path.stem)}" if path else ""
    return RunView(
        name=record.name,
        path=os.fspath(record.folder),
        state=_state(record, finished),
        finished=finished,
        result=None if image is None else picture(title, image),
        thumb=None if image is None else thumbnail(title, image, THUMB),
        sources=[
            picture(pathlib.Path(path).name, array)
            for path, array in sources.items()
            if array is not None
        ],
        rival=None
        if base is None
        else picture("content" if record.flags.get("content") else "exemplar", base),
        full=_full(record, image, image if finished or base is None else base),
        snapshots=list(_snapshots(record, reduced)),
        tiled=record.flags.get("tile") == "xy",
        chart=charts.draw({"loss": points, **_terms(record)}),
        chosen=_flags(record, False),
        usual=_flags(record, True),
        measures=_measures(record, sources, image, measured) if finished else {},
        timings=_timings(record),
        inputs=record.inputs,
        origin=record.origin,
        command=command(record),
        cells={"steps": record.step, "loss": _loss(record), "seconds": _seconds(record)},
        points=points,
        remarks=list(_remarks(record, sources, finished, image)),
    )


def picture(title: str, image: np.ndarray) -> Picture:
    """`[H, W, 3]` in [0, 1] -> a picture without loss."""
    height, width = image.shape[:2]
    return Picture(title, _uri(image.tobytes(), image.shape, lossless=True), width, height)


def thumbnail(title: str, image: np.ndarray, longest: int) -> Picture:
    """A picture, some 5 kB of it, whose longer side has at most so many pixels."""
    factor = min(1, longest / max(image.shape))
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    image = images.resize(image, height, width)
    return Picture(title, _uri(image.tobytes(), image.shape, quality=QUALITY), width, height)


@functools.lru_cache(64)
def _uri(values: bytes, shape: tuple[int, ...], **options) -> str:
    kind, options = (
        ("WEBP", options) if max(shape) <= encoding.FORMATS[".webp"].longest else ("PNG", {})
    )
    levels, buffer = images.to_uint8(np.frombuffer(values, np.float32).reshape(shape)), io.BytesIO()
    Image.fromarray(levels).save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _full(
    record: records.RunRecord, image: np.ndarray | None, like: np.ndarray | None
) -> tuple[int, int]:
    """The size that the flags ask for; where they do not, that of another picture; none without an image."""
    if image is None:
        return 0, 0
    return int(record.flags.get("width") or like.shape[1]), int(
        record.flags.get("height") or like.shape[0]
    )


def _snapshots(record: records.RunRecord, reduced: bool) -> Iterable[Picture]:
    """Some of them, the first and the last among them, and what can be read of those."""
    paths = record.snapshots
    chosen = [paths[round(i)] for i in np.linspace(0, len(paths) - 1, min(SNAPSHOTS, len(paths)))]
    for path, image in records.readable_images(chosen):
        title = f"step {int(path.stem)}"
        yield thumbnail(title, image, REDUCED) if reduced else picture(title, image)


def _terms(record: records.RunRecord) -> dict[str, charts.Points]:
    """The course of each term, if there are several."""
    names = records.term_names(record)
    course = lambda name: [(row["step"], row[name]) for row in record.rows if name in row]
    return {name: course(name) for name in names} if len(names) > 1 else {}


def _flags(record: records.RunRecord, default: bool) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in record.flags.items()
        if records.is_default(name, value) == default
    }


def command(record: records.RunRecord) -> list[str]:
    """What makes it again."""
    return [
        "jaxtex",
        *(shlex.quote(f"--{name}={value}") for name, value in _flags(record, False).items()),
    ]


def _measures(
    record: records.RunRecord, sources: dict, image: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """By `jaxtex.metrics`, against the first style or the content, as in `results`."""
    styles = [array for path, array in sources.items() if path != record.flags.get("content")]
    reference = next(iter(styles or sources.values()), None)
    if reference is None or record.flags.get("excite") or not names:
        return {}
    try:
        return metrics.measure(reference, image, names)
    except errors.UserError:
        return {}


def _state(record: records.RunRecord, finished: bool) -> str:
    if finished:
        return f"{record.step} steps in {_seconds(record):.1f} s"
    if record.notes:
        return f"{record.step} steps, but no result"
    return f"unfinished: step {record.step} of {record.flags.get('num_steps', '?')}"


def _loss(record: records.RunRecord) -> float | None:
    return record.rows[-1]["loss"] if record.rows else record.notes.get("loss")


def _seconds(record: records.RunRecord) -> float:
    return record.notes.get("seconds", record.rows[-1].get("seconds", 0.0) if record.rows else 0.0)


def _timings(record: records.RunRecord) -> dict[str, str]:
    """What it took, with units."""
    first = record.rows[0].get("seconds", 0.0) if record.rows else 0.0
    found = {
        "steps": f"{record.step}",
        "time": f"{_seconds(record):.1f} s",
        "first snapshot": f"{first:.1f} s",
    }
    if "memory" in record.notes:
        found["peak of memory"] = f"{record.notes['memory'] / 2**20:,.0f} MiB"
    if "numbers" in record.notes:
        found["numbers matched"] = f"{record.notes['numbers']:,.0f}"
    if _loss(record) is not None:
        found["loss"] = f"{_loss(record):.4g}"
    if _loss(record) is not None and record.notes.get("first"):
        found["loss / first"] = f"{_loss(record) / record.notes['first']:.3g}"
    return found


def _remarks(
    record: records.RunRecord, sources: dict, finished: bool, image: np.ndarray | None
) -> Iterable[str]:
    if record.notes and not finished:
        yield "result.png is damaged or not there" + (
            "" if image is None else "; the last snapshot is shown"
        )
    elif image is None:
        yield "there is no picture yet"
    for path in (path for path, array in sources.items() if array is None):
        yield f"{path} is not shown: not there any more, or not the file that the run began with"
