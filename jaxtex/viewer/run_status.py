"""Status of the runs in a folder, read from their files during a run or afterwards.

Runs may start, stop, restart and be removed at any moment, by any process: a file that cannot be
read counts as missing. All results can be written as JSON.
"""

import contextlib
import math
import os
import pathlib
import time
import urllib.parse
from collections.abc import Iterator

from jaxtex.runs import run_folder, sweeps, workers

LEVELS = 2  # of folders below the served one, as in runs/q1/pebbles
LOGS = "logs"  # folder of the logs of a sweep, beside its runs
OTHER_FOLDERS = {run_folder.STEPS, run_folder.CHECKPOINTS, sweeps.MANIFEST, LOGS}  # without runs
TAIL_BYTES = 16384  # of the metrics, from which the speed is measured
DIGITS = 6  # significant, of a number in JSON
SILENT_SECONDS = 60.0  # without a write, a run on a file system without locks counts as stopped


def find_runs(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Finds the runs in a folder, and those that a sweep has yet to start.

    Args:
      folder: of a run, or at most `LEVELS` above runs.

    Returns:
      The folders of the runs by a key for use in a URL.
    """
    paths = sorted(set(_find_below(folder, LEVELS)))
    return {urllib.parse.quote(os.fsencode(path.relative_to(folder))): path for path in paths}


def _find_below(folder: pathlib.Path, levels: int) -> Iterator[pathlib.Path]:
    """Yields run folders; some may come twice."""
    if (folder / run_folder.RECORD).is_file():
        yield folder
    if not levels:
        return

    for flagfile in folder.glob(f"{sweeps.MANIFEST}/*.flags"):
        yield folder / flagfile.stem

    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name not in OTHER_FOLDERS and entry.is_dir():
                yield from _find_below(pathlib.Path(entry), levels - 1)


def summarize(folder: pathlib.Path, path: pathlib.Path) -> dict:
    """Returns the status of a run.

    Args:
      folder: served, to which the name is relative.
      path: of the run.

    Returns:
      A table; unknown values are None.

      - `name`
      - `state`: "waiting" for its first step, "running", "done", "stopped" or "failed"
      - `step`, and `num_steps` (0: unknown)
      - `loss` at the best image so far
      - `seconds` of work until now
      - `steps_per_second`
      - `seconds_left`, of a running run
      - `seconds_since_write` of the metrics
      - `failure`: why a run of a sweep failed
      - `picture`: the newest one as `[file, version]`
    """
    first, last = _recent_rows(path)
    log = path.parent / LOGS / f"{path.name}.log"
    state = _find_state(path, log, has_rows=bool(last))

    step = last.get("step", 0)
    num_steps = _read_num_steps(path)
    speed = _measure_speed(first, last)
    seconds_left = None
    if speed and num_steps and state == "running":
        seconds_left = max(0, num_steps - step) / speed

    return {
        "name": _name(folder, path),
        "state": state,
        "step": step,
        "num_steps": num_steps,
        "loss": json_number(last.get("loss")),
        "seconds": json_number(last.get("seconds")),
        "steps_per_second": json_number(speed),
        "seconds_left": json_number(seconds_left),
        "seconds_since_write": _seconds_since_write(path),
        "failure": workers.read_failure(log) if state == "failed" else None,
        "picture": _newest_picture(path),
    }


def display_path(path: pathlib.Path) -> str:
    """Returns a path as text; names of files may be any bytes."""
    return os.fsencode(path).decode(errors="replace")


def file_version(path: pathlib.Path) -> int | None:
    """Returns the time of the last write in milliseconds; None if the file is missing."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns // 1_000_000
    return None


def json_number(value: object) -> float | None:
    """Returns a number with `DIGITS` digits; None for what JSON cannot represent."""
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.{DIGITS}g}")
    return None


def _name(folder: pathlib.Path, path: pathlib.Path) -> str:
    """Returns the path of a run relative to the served folder, or the name of that folder."""
    relative = path.relative_to(folder) if path != folder else pathlib.Path(path.resolve().name)
    return display_path(relative)


def _find_state(path: pathlib.Path, log: pathlib.Path, has_rows: bool) -> str:
    """Returns the state of a run, see `summarize`."""
    if (path / run_folder.DONE).is_file():
        return "done"
    if _is_active(path / run_folder.METRICS) or _is_active(log):
        return "running" if has_rows else "waiting"
    if workers.read_failure(log):
        return "failed"
    return "stopped" if (path / run_folder.RECORD).is_file() else "waiting"


def _is_active(file: pathlib.Path) -> bool:
    """True if a process holds the lock of a file.

    On a file system without locks: true if the run wrote within `SILENT_SECONDS`.
    """
    try:
        return workers.is_running(file)
    except OSError:
        return (_seconds_since_write(file.parent) or math.inf) < SILENT_SECONDS


def _read_num_steps(path: pathlib.Path) -> int:
    """Returns `num_steps` of the record; 0 if it cannot be read."""
    flags = run_folder.read_record(path).get("flags")
    num_steps = flags.get("num_steps") if isinstance(flags, dict) else 0
    return num_steps if isinstance(num_steps, int) else 0


def _recent_rows(path: pathlib.Path) -> tuple[dict, dict]:
    """Returns the first and the last row in the tail of the metrics; empty without rows."""
    lines = workers.read_tail(path / run_folder.METRICS, TAIL_BYTES)
    first = next(run_folder.parse_metrics(lines), {})
    last = next(run_folder.parse_metrics(reversed(lines)), {})
    return first, last


def _measure_speed(first: dict, last: dict) -> float | None:
    """Returns steps per second between two rows, or else since the start of the run."""
    first_step, last_step = first.get("step", 0), last.get("step", 0)
    first_seconds = json_number(first.get("seconds")) or 0.0
    last_seconds = json_number(last.get("seconds")) or 0.0

    if last_step > first_step and last_seconds > first_seconds:
        return (last_step - first_step) / (last_seconds - first_seconds)
    return last_step / last_seconds if last_seconds > 0 else None


def _seconds_since_write(path: pathlib.Path) -> float | None:
    """Returns the age of the last write to the metrics; None if there are none."""
    with contextlib.suppress(OSError):
        return round(max(0.0, time.time() - (path / run_folder.METRICS).stat().st_mtime), 1)
    return None


def _newest_picture(path: pathlib.Path) -> list | None:
    """Returns `[file, version]` of the result, or of the last snapshot; None without either."""
    if (path / run_folder.DONE).is_file():
        file = path / run_folder.RESULT
    else:
        snapshots = run_folder.snapshot_paths(path)
        if not snapshots:
            return None
        file = snapshots[max(snapshots)]

    version = file_version(file)
    return [file.relative_to(path).as_posix(), version] if version else None
