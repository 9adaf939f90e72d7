"""Updates of one run for the live page: metrics and snapshots since the last request."""

import pathlib

import numpy as np

from jaxtex.runs import run_folder
from jaxtex.viewer import run_status

MAX_ROWS = 2000  # per update: more than a curve has pixels
HIDDEN_COLUMNS = ("evaluated", "seconds")  # of the metrics, not drawn as curves
EXEMPLAR = "exemplar.png"


def read_updates(path: pathlib.Path, offset: int, step: int, snapshot: int) -> dict:
    """Reads what a run has written since the last request; everything if all numbers are 0.

    Args:
      path: of the run.
      offset: bytes of the metrics that were already read.
      step: last step in them.
      snapshot: step of the last snapshot already known.

    Returns:
      A table that can be written as JSON.

      - `offset` for the next request
      - `restarted`: the run has restarted, so that earlier updates are void
      - `columns`: `step`, `loss` (at the best image so far) and each term
      - `rows`: numbers by column, evenly chosen if there are more than `MAX_ROWS`
      - `snapshots`: `[step, version]` of each; the version changes with the file
      - `exemplar`: version of the picture of the exemplar; None without one
    """
    lines, end = _lines_after(path / run_folder.METRICS, offset)
    rows = list(run_folder.parse_metrics(lines))
    continues = end >= offset and (not rows or rows[0]["step"] == step + 1)
    if offset and not continues:
        return read_updates(path, 0, 0, 0) | {"restarted": True}

    names = dict.fromkeys(name for row in rows for name in row)
    columns = [name for name in names if name not in HIDDEN_COLUMNS]
    return {
        "offset": end,
        "restarted": False,
        "columns": columns,
        "rows": [[run_status.json_number(row.get(name)) for name in columns] for row in rows],
        "snapshots": _snapshots_after(path, snapshot),
        "exemplar": run_status.file_version(path / EXEMPLAR),
    }


def _lines_after(metrics: pathlib.Path, offset: int) -> tuple[list[bytes], int]:
    """Reads complete lines of the metrics.

    Returns:
      At most `MAX_ROWS` lines, the first and the last included, and the offset of their end.
      Nothing, and 0, if no line ends at the given offset: the file was written again.
    """
    try:
        with open(metrics, "rb") as file:
            file.seek(max(0, offset - 1))
            before = file.read(1 if offset else 0)
            text = file.read()
    except OSError:
        return [], 0
    if offset and before != b"\n":
        return [], 0

    complete = text[: text.rfind(b"\n") + 1]
    lines = complete.splitlines()
    chosen = np.linspace(0, len(lines) - 1, min(len(lines), MAX_ROWS)).round().astype(int)
    return [lines[i] for i in chosen], offset + len(complete)


def _snapshots_after(path: pathlib.Path, last: int) -> list[list[int]]:
    """Returns `[step, version]` of the snapshots after a step."""
    new = {step: file for step, file in run_folder.snapshot_paths(path).items() if step > last}
    versions = {step: run_status.file_version(file) for step, file in new.items()}
    return [[step, version] for step, version in versions.items() if version]
