"""A run's folder: one process at a time makes one run in it, and nothing that was made is lost by a slip.

What is in it may be read at any moment, by anybody: what is damaged, or not whole yet, is not there.
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

RECORD, METRICS, RESULT, DONE = "run.json", "metrics.jsonl", "result.png", "DONE"
STEPS, CHECKPOINTS = "steps", "checkpoints"  # folders of the snapshots, and of what `saves` keeps
SNAPSHOT_NAME = re.compile(r"(\d{6}|[1-9]\d{6,17})\.png", re.ASCII)  # the name of one


@contextlib.contextmanager
def claim(
    folder: pathlib.Path, identity: dict, about: dict, overwrite: bool = False
) -> Iterator[IO[str]]:
    """Makes the folder this run's, for as long as the context lasts.

    Args:
      folder: made if it is not there.
      identity: what decides the picture; goes into `run.json`.
      about: what else goes there.
      overwrite: whether what another run left, or this one, is given up.

    Yields:
      The file of the metrics, which is the folder's lock, too.

    Raises:
      UserError: it cannot be written to, another process writes to it, or it holds another run.
    """
    with _opened(folder) as metrics:
        if not files.try_lock(metrics):
            raise errors.UserError(f"--workdir={folder}: another process is making its run there")
        if not overwrite:
            _refuse_others(folder, identity)
        _warn_of_versions(folder, about)
        _clean(folder, overwrite)
        with files.atomic(folder / RECORD) as part:
            part.write_text(json.dumps(identity | about, indent=1) + "\n")
        yield metrics


def _opened(folder: pathlib.Path) -> IO[str]:
    try:
        (folder / STEPS).mkdir(parents=True, exist_ok=True)
        return open(folder / METRICS, "a+")
    except OSError as error:
        raise errors.UserError(
            f"--workdir={folder}: cannot be written to ({error.strerror})"
        ) from error


def _refuse_others(folder: pathlib.Path, identity: dict) -> None:
    there = read_record(folder)
    worth = (folder / DONE).exists() or any((folder / CHECKPOINTS).glob("*"))
    if there and worth and not matches(there, identity):
        raise errors.UserError(
            f"--workdir={folder}: holds another run ({_difference(there, identity)}); --overwrite makes this one in its "
            "place, another --workdir keeps both"
        )


def _warn_of_versions(folder: pathlib.Path, about: dict) -> None:
    there = {name: read_record(folder).get(name) for name in about}
    if any((folder / CHECKPOINTS).glob("*")) and there != about:
        logging.warning(
            "%s: begun with %s, goes on with %s: the last bits may differ", folder, there, about
        )


def _difference(there: dict, identity: dict) -> str:
    """The first thing in which two runs differ."""
    old, new = ({**each.get("inputs", {}), **each.get("flags", {})} for each in (there, identity))
    name = next(
        name for name in (*new, *old, "all") if old.get(name) != new.get(name) or name == "all"
    )
    if name in identity["flags"]:
        return f"--{name}: {old.get(name)} there, {new.get(name)} here"
    return f"the file '{name}' is not the same"


def _clean(folder: pathlib.Path, overwrite: bool) -> None:
    (folder / DONE).unlink(missing_ok=True)
    for place in (folder, folder / STEPS, folder / CHECKPOINTS):
        files.remove_partial_files(place)
    if overwrite:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def result_paths(picture: str | os.PathLike, maps: Sequence[str]) -> list[pathlib.Path]:
    """The files of a result of several maps: `result.png`, `result-normal.png`, ..., beside each other."""
    first = pathlib.Path(picture)
    return [first, *(first.with_stem(f"{first.stem}-{pathlib.Path(each).stem}") for each in maps)]


def read_record(folder: pathlib.Path) -> dict:
    """What `run.json` says; nothing if there is none, or a damaged one."""
    return _table(folder / RECORD)


def read_done(folder: pathlib.Path) -> dict:
    """What the mark of a finished run says; nothing as with `record`."""
    return _table(folder / DONE)


def _table(path: pathlib.Path) -> dict:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_metrics(folder: pathlib.Path) -> list[dict]:
    """The lines of `metrics.jsonl`, see `report.Report`; none if there is no such file."""
    try:
        return list(parse_metrics((folder / METRICS).read_bytes().splitlines()))
    except OSError:
        return []


def parse_metrics(lines: Iterable[str | bytes]) -> Iterator[dict]:
    """The rows among some lines of `metrics.jsonl`; one that was cut off, or is none, is left out."""
    for line in lines:
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                yield row


def snapshot_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """The file of the image after a step."""
    return folder / STEPS / f"{step:06d}.png"


def snapshot_paths(folder: pathlib.Path) -> dict[int, pathlib.Path]:
    """Steps -> the files that there are, in their order."""
    try:
        names = os.listdir(folder / STEPS)
    except OSError:
        return {}
    steps = sorted(
        int(name.removesuffix(".png")) for name in names if SNAPSHOT_NAME.fullmatch(name)
    )
    return {step: snapshot_path(folder, step) for step in steps}


def matches(there: dict, identity: dict) -> bool:
    """Whether a record is that of this very run."""
    return {**there, **identity} == there


def mark_done(folder: pathlib.Path, notes: dict) -> None:
    """The mark of a finished run, and nothing to go on from any more."""
    with files.atomic(folder / DONE) as part:
        part.write_text(json.dumps(notes) + "\n")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
