"""Folder of one run: claimed by one process at a time, readable by everyone at any moment.

Readers treat damaged or half-written files as missing. The formats are stable: a folder made by an
older version can be resumed and read.
"""

import contextlib
import json
import logging
import os
import pathlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from jaxtex import errors
from jaxtex.runtime import files

RECORD = "run.json"
METRICS = "metrics.jsonl"
RESULT = "result.png"
DONE = "DONE"
STEPS = "steps"  # folder of the snapshots
CHECKPOINTS = "checkpoints"  # folder of `checkpointing.FileCheckpointer`
SNAPSHOT_NAME = re.compile(r"(\d{6}|[1-9]\d{6,17})\.png", re.ASCII)


@contextlib.contextmanager
def claim(
    folder: pathlib.Path, identity: dict, about: dict, overwrite: bool = False
) -> Iterator[IO[str]]:
    """Reserves the folder for one run while the context lasts.

    Args:
      folder: created if missing.
      identity: everything that decides the result; written to `run.json`.
      about: further entries of `run.json`.
      overwrite: discards what this or another run left in the folder.

    Yields:
      The open file of metrics, which also is the lock of the folder.

    Raises:
      UserError: the folder is not writable, in use by another process, or holds another run.
    """
    with _open_metrics(folder) as metrics:
        if not files.try_lock(metrics):
            raise errors.UserError(f"--workdir={folder}: another process is writing to this folder")

        if not overwrite:
            _refuse_other_run(folder, identity)
        _warn_of_versions(folder, about)
        _clean(folder, overwrite)

        with files.atomic(folder / RECORD) as part:
            part.write_text(json.dumps(identity | about, indent=1) + "\n")
        yield metrics


def _open_metrics(folder: pathlib.Path) -> IO[str]:
    """Opens the file of metrics without truncating it, and creates the folders."""
    try:
        (folder / STEPS).mkdir(parents=True, exist_ok=True)
        return open(folder / METRICS, "a+")
    except OSError as error:
        raise errors.UserError(f"--workdir={folder}: not writable ({error.strerror})") from error


def _refuse_other_run(folder: pathlib.Path, identity: dict) -> None:
    """Raises if the folder holds work of another run: a result or a checkpoint."""
    record = read_record(folder)
    has_work = (folder / DONE).exists() or any((folder / CHECKPOINTS).glob("*"))
    if record and has_work and not matches(record, identity):
        raise errors.UserError(
            f"--workdir={folder}: holds another run ({_first_difference(record, identity)}); "
            "--overwrite replaces it, another --workdir keeps both"
        )


def _warn_of_versions(folder: pathlib.Path, about: dict) -> None:
    """Logs a warning if a checkpoint comes from other library versions or another device."""
    record = read_record(folder)
    before = {name: record.get(name) for name in about}
    if any((folder / CHECKPOINTS).glob("*")) and before != about:
        logging.warning(
            "%s: begun with %s, resumed with %s: the last bits may differ", folder, before, about
        )


def _first_difference(record: dict, identity: dict) -> str:
    """Describes the first flag or input file in which two runs differ."""
    old = {**record.get("inputs", {}), **record.get("flags", {})}
    new = {**identity.get("inputs", {}), **identity.get("flags", {})}
    differing = (name for name in (*new, *old) if old.get(name) != new.get(name))
    name = next(differing, "all")
    if name in identity["flags"]:
        return f"--{name}: {old.get(name)} there, {new.get(name)} here"
    return f"the file '{name}' is not the same"


def _clean(folder: pathlib.Path, overwrite: bool) -> None:
    """Removes the mark of a finished run, partial files and, on request, the checkpoints."""
    (folder / DONE).unlink(missing_ok=True)
    for subfolder in (folder, folder / STEPS, folder / CHECKPOINTS):
        files.remove_partial_files(subfolder)
    if overwrite:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def mark_done(folder: pathlib.Path, outcome: dict) -> None:
    """Marks the run as finished and removes its checkpoints.

    Args:
      folder: of the run.
      outcome: written to `DONE`.
    """
    with files.atomic(folder / DONE) as part:
        part.write_text(json.dumps(outcome) + "\n")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def is_done(folder: pathlib.Path, identity: dict) -> bool:
    """True if the folder holds the finished run of this identity."""
    return (folder / DONE).is_file() and matches(read_record(folder), identity)


def matches(record: dict, identity: dict) -> bool:
    """True if a record has all entries of an identity."""
    return {**record, **identity} == record


def result_paths(picture: str | os.PathLike, maps: Sequence[str]) -> list[pathlib.Path]:
    """Lists the files of a result with several maps: `result.png`, `result-normal.png`, ....

    Args:
      picture: path of the first.
      maps: paths of the exemplar's further maps, whose stems are appended.
    """
    first = pathlib.Path(picture)
    return [first, *(first.with_stem(f"{first.stem}-{pathlib.Path(path).stem}") for path in maps)]


def read_record(folder: pathlib.Path) -> dict:
    """Reads `run.json`; empty if it is missing or damaged."""
    return _read_json(folder / RECORD)


def read_done(folder: pathlib.Path) -> dict:
    """Reads `DONE`, the outcome of a finished run; empty if it is missing or damaged."""
    return _read_json(folder / DONE)


def _read_json(path: pathlib.Path) -> dict:
    """Reads a JSON object; empty if the file is missing, damaged or something else."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def read_metrics(folder: pathlib.Path) -> list[dict]:
    """Reads the rows of `metrics.jsonl`, see `writer.RunWriter`; none if the file is missing."""
    try:
        return list(parse_metrics((folder / METRICS).read_bytes().splitlines()))
    except OSError:
        return []


def parse_metrics(lines: Iterable[str | bytes]) -> Iterator[dict]:
    """Yields the rows among lines of `metrics.jsonl`; skips lines that are cut off or damaged."""
    for line in lines:
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                yield row


def snapshot_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Returns the path of the snapshot after a step."""
    return folder / STEPS / f"{step:06d}.png"


def snapshot_paths(folder: pathlib.Path) -> dict[int, pathlib.Path]:
    """Maps steps to the existing snapshots, in order."""
    try:
        names = os.listdir(folder / STEPS)
    except OSError:
        return {}
    steps = sorted(
        int(name.removesuffix(".png")) for name in names if SNAPSHOT_NAME.fullmatch(name)
    )
    return {step: snapshot_path(folder, step) for step in steps}
