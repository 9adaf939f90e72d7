"""How far the runs in a folder are, told from the files that they leave there: while they go, and afterwards.

Nothing is asked of the runs. They may be begun, cut off, begun anew and removed at any moment, by any process: what cannot
be read just now is not there yet. All that is returned goes into JSON as it is.
"""

import contextlib
import math
import os
import pathlib
import time
import urllib.parse
from collections.abc import Iterator

import numpy as np

from jaxtex.runs import run_folder, sweeps, workers

LEVELS = 2  # folders below the one that is followed: runs/q1/pebbles
OTHER_FOLDERS = {
    run_folder.STEPS,
    run_folder.CHECKPOINTS,
    sweeps.MANIFEST,
    "logs",
}  # folders in which there are no runs
TAIL = 16384  # bytes of the metrics that tell the pace
MAX_ROWS = 2000  # rows that are told at once: more than a curve has pixels
DIGITS = 6
HIDDEN_COLUMNS = ("evaluated", "seconds")  # columns that make no curve
SILENT = 60.0  # seconds after which a run whose lock cannot be asked for counts as stopped


def find_runs(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The folders of runs, at most `LEVELS` below, by keys that go into an address; of a sweep also those still to come."""
    return {
        urllib.parse.quote(os.fsencode(path.relative_to(folder))): path
        for path in sorted({*_below(folder, LEVELS)})
    }


def _below(folder: pathlib.Path, levels: int) -> Iterator[pathlib.Path]:
    if (folder / run_folder.RECORD).is_file():
        yield folder
    if not levels:
        return
    yield from (folder / path.stem for path in folder.glob(f"{sweeps.MANIFEST}/*.flags"))
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in OTHER_FOLDERS and entry.is_dir():
                yield from _below(pathlib.Path(entry), levels - 1)


def summary(folder: pathlib.Path, path: pathlib.Path) -> dict:
    """Where a run stands.

    Args:
      folder: that is followed.
      path: of the run.

    Returns:
      `name`, `state`, `step` of `num_steps` (0: not known yet), `loss`, `seconds` of work until then, `pace` in steps a
      second, `left` in seconds, `heard` (seconds since it last wrote), `why` it failed, `picture`: its newest one; None
      for each that is not known.
    """
    first, last = _ends(path)
    log, total = path.parent / "logs" / f"{path.name}.log", _num_steps(path)
    state, pace = _state(path, log, bool(last)), _pace(first, last)
    told = {
        "name": _name(folder, path),
        "state": state,
        "step": last.get("step", 0),
        "num_steps": total,
    }
    left = max(0, total - told["step"]) / pace if pace and total and state == "running" else None
    told |= {
        "loss": _number(last.get("loss")),
        "seconds": _number(last.get("seconds")),
        "pace": _number(pace),
    }
    why = workers.read_failure(log) if state == "failed" else None
    return told | {
        "left": _number(left),
        "heard": _seconds_since_write(path),
        "why": why,
        "picture": _newest(path),
    }


def details(path: pathlib.Path, at: int, step: int, shot: int) -> dict:
    """What has come since the last question; all of it at the first, with zeros.

    Args:
      path: of the run.
      at: bytes of the metrics that were told already.
      step: the last one in them.
      shot: the last snapshot that was told.

    Returns:
      `at` for the next question; `anew`: whether what was told before is void, as the run was begun anew; `names` of the
      columns (`step`, `loss` at the best image so far, each term), `rows` of numbers, of many some; `shots`: steps of
      snapshots, each with a version, which changes with the file; `exemplar`: that of its picture, None if there is none.
    """
    lines, size = _lines_after(path / run_folder.METRICS, at)
    rows = list(run_folder.parse_metrics(lines))
    if at and (size < at or (rows and rows[0]["step"] != step + 1)):
        return details(path, 0, 0, 0) | {"anew": True}
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in HIDDEN_COLUMNS
    ]
    table = [[_number(row.get(name)) for name in names] for row in rows]
    told = {"at": size, "anew": False, "names": names, "rows": table}
    return told | {"shots": _shots(path, shot), "exemplar": _version(path / "exemplar.png")}


def display_path(path: pathlib.Path) -> str:
    """For people: names of files are any bytes."""
    return os.fsencode(path).decode(errors="replace")


def _name(folder: pathlib.Path, path: pathlib.Path) -> str:
    return display_path(
        path.relative_to(folder) if path != folder else pathlib.Path(path.resolve().name)
    )


def _state(path: pathlib.Path, log: pathlib.Path, begun: bool) -> str:
    """`done`, `running`, `failed` in a sweep, `stopped`, or `waiting` for its first step."""
    if (path / run_folder.DONE).is_file():
        return "done"
    if _is_active(path / run_folder.METRICS) or _is_active(log):
        return "running" if begun else "waiting"
    if workers.read_failure(log):
        return "failed"
    return "stopped" if (path / run_folder.RECORD).is_file() else "waiting"


def _is_active(file: pathlib.Path) -> bool:
    """Whether a process makes the run; where files have no locks, whether it wrote of late."""
    try:
        return workers.is_running(file)
    except OSError:
        return (_seconds_since_write(file.parent) or math.inf) < SILENT


def _num_steps(path: pathlib.Path) -> int:
    """As `run.json` has them; 0, if it is not there or not readable."""
    flags = run_folder.read_record(path).get("flags")
    found = flags.get("num_steps") if isinstance(flags, dict) else 0
    return found if isinstance(found, int) else 0


def _lines_after(metrics: pathlib.Path, at: int) -> tuple[list[bytes], int]:
    """Whole lines from this byte on, of very many evenly some with the first and the last; and where they end.

    Nothing, and 0, where no line ended at that byte: these are other lines than before.
    """
    try:
        with open(metrics, "rb") as file:
            file.seek(max(0, at - 1))
            before, text = file.read(1 if at else 0), file.read()
    except OSError:
        return [], 0
    if at and before != b"\n":
        return [], 0
    text = text[: text.rfind(b"\n") + 1]
    lines = text.splitlines()
    chosen = np.linspace(0, len(lines) - 1, min(len(lines), MAX_ROWS)).round().astype(int)
    return [lines[i] for i in chosen], at + len(text)


def _ends(path: pathlib.Path) -> tuple[dict, dict]:
    """The first row of late, and the last one; nothing, if there is none."""
    lines = workers.read_tail(path / run_folder.METRICS, TAIL)
    return next(run_folder.parse_metrics(lines), {}), next(
        run_folder.parse_metrics(reversed(lines)), {}
    )


def _pace(first: dict, last: dict) -> float | None:
    """Steps a second between two rows; over the whole run where that cannot be told."""
    (begin, began), (end, ended) = (
        (row.get("step", 0), _number(row.get("seconds")) or 0.0) for row in (first, last)
    )
    if end > begin and ended > began:
        return (end - begin) / (ended - began)
    return end / ended if ended > 0 else None


def _seconds_since_write(path: pathlib.Path) -> float | None:
    with contextlib.suppress(OSError):
        return round(max(0.0, time.time() - (path / run_folder.METRICS).stat().st_mtime), 1)
    return None


def _newest(path: pathlib.Path) -> list | None:
    """`[file, version]` of the result, or of the last snapshot."""
    done, taken = (path / run_folder.DONE).is_file(), run_folder.snapshot_paths(path)
    file = path / "result.png" if done else taken[max(taken)] if taken else None
    return (
        [file.relative_to(path).as_posix(), version]
        if file and (version := _version(file))
        else None
    )


def _shots(path: pathlib.Path, after: int) -> list[list[int]]:
    found = [
        [step, _version(file)]
        for step, file in run_folder.snapshot_paths(path).items()
        if step > after
    ]
    return [[step, version] for step, version in found if version]


def _version(path: pathlib.Path) -> int | None:
    """Another one when the file is written again, in milliseconds; None if it is not there."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns // 1_000_000
    return None


def _number(value) -> float | None:
    """JSON has no words for what is not finite."""
    if isinstance(value, int):
        return value
    return (
        float(f"{value:.{DIGITS}g}") if isinstance(value, float) and math.isfinite(value) else None
    )
