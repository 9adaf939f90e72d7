"""Pictures of a run: the result, what it was made from, and its snapshots."""

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jaxtex.runs import records, run_folder
from jaxtex.synthesis.canvas import sizes
from jaxtex.viewer import pictures

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


class RunImages(NamedTuple):
    """Images of a run folder."""

    result: np.ndarray | None  # or the last snapshot, `[H, W, 3]`
    path: pathlib.Path | None  # of the result
    sources: Sources
    finished: bool  # the result is that of a finished run


def load_images(record: records.RunRecord) -> RunImages:
    """Reads the result, or the last snapshot, and the sources of a run."""
    sources = records.source_images(record)
    loaded = records.result_image(record)
    if loaded is None:
        return RunImages(None, None, sources, finished=False)

    result, path = loaded
    finished = bool(record.outcome) and path == record.folder / run_folder.RESULT
    return RunImages(result, path, sources, finished)


def encode_pictures(record: records.RunRecord, loaded: RunImages, reduced: bool) -> RunPictures:
    """Encodes the pictures of a run.

    Args:
      record: the run.
      loaded: its images.
      reduced: shrink the snapshots.
    """
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
    record: records.RunRecord, loaded: RunImages, reference: np.ndarray | None
) -> tuple[int, int]:
    """Returns the width and height of the finished result; zeros without any image.

    Sides that the flags leave open are those of the result or, if the run is not finished, follow
    the proportions of the reference.
    """
    if loaded.result is None:
        return 0, 0
    model = loaded.result if loaded.finished or reference is None else reference
    height, width = (int(str(record.flags.get(side) or 0)) for side in ("height", "width"))
    height, width = sizes.in_proportion(model.shape[:2], height, width)
    return width, height


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
