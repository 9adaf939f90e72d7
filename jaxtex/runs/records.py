"""Read-only view of run folders of any age, finished or not."""

import math
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.images import builtin
from jaxtex.runs import provenance, run_folder
from jaxtex.runtime import files
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images

Rows = list[dict[str, float]]
COUNTED = ("step", "loss", "evaluated", "seconds")  # all other columns are terms of the loss


class RunRecord(NamedTuple):
    """Contents of one run folder."""

    name: str
    folder: pathlib.Path
    flags: dict[str, object]  # by name, `style` first
    inputs: dict[str, str]  # `provenance.input_key` -> SHA-256
    origin: dict[str, str]  # device, preset, arrangement, and versions
    rows: Rows  # metrics of each step
    outcome: dict[str, float]  # contents of `DONE`; empty for an unfinished run
    snapshots: list[pathlib.Path]  # in order of steps

    @property
    def step(self) -> int:
        """Steps done; 0 if unknown."""
        return int(self.rows[-1]["step"]) if self.rows else 0


def find_runs(paths: Sequence[str]) -> list[pathlib.Path]:
    """Finds the run folders at or below some paths.

    Args:
      paths: of folders.

    Returns:
      Each folder once, in the order of `paths`, then of names.

    Raises:
      UserError: a path is not a folder, or holds no run.
    """
    folders: list[pathlib.Path] = []
    for path in map(pathlib.Path, paths):
        if not path.is_dir():
            problem = "a file" if path.exists() else "no such folder"
            raise errors.UserError(
                f"run {os.fspath(path)!r}: {problem}; expected a folder made by jaxtex"
            )

        if (path / run_folder.RECORD).exists():
            below = [path]
        else:
            below = [record.parent for record in path.rglob(run_folder.RECORD)]
        if not below:
            raise errors.UserError(
                f"run {os.fspath(path)!r}: no {run_folder.RECORD} in this folder or below"
            )
        folders += sorted(below)
    return list({folder.resolve(): folder for folder in folders}.values())


def unique_names(folders: Sequence[pathlib.Path]) -> list[str]:
    """Returns names that differ: paths relative to the closest common parent folder."""
    paths = [folder.resolve() for folder in folders]
    parent = os.path.commonpath([path.parent for path in paths])
    return [os.path.relpath(path, parent) for path in paths]


def read_run(folder: pathlib.Path, name: str = "") -> RunRecord:
    """Reads a run folder; skips lines and marks that were cut off.

    Args:
      folder: of the run.
      name: to show; empty: the name of the folder.

    Raises:
      UserError: `run.json` cannot be read, or has invalid entries.
    """
    record = run_folder.read_record(folder)
    if not record:
        raise errors.UserError(
            f"run {os.fspath(folder)!r}: its {run_folder.RECORD} is damaged or cannot be read"
        )
    named = ("device", run_folder.PRESET, run_folder.ARRANGEMENT)
    origin = {name: str(record[name]) for name in named if name in record}
    rows = [_numbers(row) for row in run_folder.read_metrics(folder)]
    return RunRecord(
        name=name or folder.resolve().name,
        folder=folder,
        flags=_validated_flags(folder, _object(folder, record, "flags")),
        inputs=_texts(_object(folder, record, "inputs")),
        origin=origin | _texts(_object(folder, record, "versions")),
        rows=[row for row in rows if "step" in row and "loss" in row],
        outcome=_numbers(run_folder.read_done(folder)),
        snapshots=list(run_folder.snapshot_paths(folder).values()),
    )


def _object(folder: pathlib.Path, record: dict, key: str) -> dict:
    """Returns the JSON object under a key of the record; empty if the key is missing."""
    value = record.get(key, {})
    if not isinstance(value, dict):
        raise errors.UserError(
            f"run {os.fspath(folder)!r}: '{key}' in its {run_folder.RECORD} must be a JSON object"
        )
    return value


def _texts(mapping: dict) -> dict[str, str]:
    return {name: str(value) for name, value in mapping.items()}


def _validated_flags(folder: pathlib.Path, flags: dict) -> dict[str, object]:
    """Returns the flags with `style` first; other versions may have unknown ones."""
    for name, value in flags.items():
        kind = provenance.FLAG_TYPES.get(name)
        if kind is not None and not provenance.has_flag_type(name, value):
            raise errors.UserError(
                f"run {os.fspath(folder)!r}: --{name}={value} in its {run_folder.RECORD} must be "
                f"{kind.__name__}"
            )
    return {"style": "", **flags}


def _numbers(row: dict) -> dict[str, float]:
    """Returns the numeric entries of a row; none if its step is not finite."""
    numbers = {name: value for name, value in row.items() if _is_number(value)}
    if "step" not in numbers:
        return numbers
    if not math.isfinite(numbers["step"]):
        return {}
    return numbers | {"step": int(numbers["step"])}


def _is_number(value: object) -> bool:
    """True for floats and for whole numbers that fit into 64 bits; not for booleans."""
    return isinstance(value, float) or (type(value) is int and abs(value) < 2**63)


def is_default(name: str, value: object) -> bool:
    """True if a flag has its default value.

    Args:
      name: of the flag.
      value: as recorded.
    """
    if name == "style":
        return value == ""
    return getattr(configs.Config(), name, None) == value


def term_names(record: RunRecord) -> list[str]:
    """Lists the terms of the loss in the metrics of a run."""
    columns = dict.fromkeys(name for row in record.rows for name in row)
    return [name for name in columns if name not in COUNTED]


def result_image(record: RunRecord) -> tuple[np.ndarray, pathlib.Path] | None:
    """Loads the result of a finished run, or else the last readable snapshot.

    Returns:
      The image, `[H, W, 3]` in [0, 1], and its path; None if nothing can be read.
    """
    # Without the mark of a finished run, a result may belong to the run before.
    finished = [record.folder / run_folder.RESULT] if record.outcome else []
    candidates = [*finished, *reversed(record.snapshots)]
    return next(((image, path) for path, image in readable_images(candidates)), None)


def readable_images(paths: Iterable[pathlib.Path]) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    """Yields the images, `[H, W, 3]` in [0, 1], that are neither missing nor damaged."""
    for path in paths:
        image = images.load_if_readable(path)
        if image is not None:
            yield path, image


def source_images(record: RunRecord) -> dict[str, np.ndarray | None]:
    """Loads the content and the styles of a run at the size in which they were used.

    Relative paths are looked up in the current folder, then in the folders above the run's. A file
    with another hash than the recorded one counts as missing.

    Returns:
      Images, `[H, W, 3]` in [0, 1], by path; None for a missing file.
    """
    content = str(record.flags.get("content", ""))
    styles = provenance.split_recorded(str(record.flags["style"]), record.inputs)
    loaded = {content: _load_source(record, content, is_style=False)} if content else {}
    return loaded | {path: _load_source(record, path, is_style=True) for path in styles if path}


def _load_source(record: RunRecord, path: str, is_style: bool) -> np.ndarray | None:
    """Loads one source image; None if it is missing, changed or damaged."""
    digest = record.inputs.get(provenance.input_key(path), "")
    candidates = [pathlib.Path(builtin.resolve(path))]
    candidates += [parent / path for parent in record.folder.resolve().parents]
    try:
        file = next((file for file in candidates if _has_hash(file, digest)), None)
        if file is None:
            return None
        sizes: dict[str, Any] = {"size": record.flags.get("size", 0)}
        if not is_style:
            return input_images.resize_input(images.load(file), sizes["size"])
        sizes["style_scale"] = record.flags.get("style_scale", 1.0)
        return input_images.resize_style(images.load(file), configs.Config(**sizes))
    except (errors.UserError, OSError):
        return None


def _has_hash(path: pathlib.Path, digest: str) -> bool:
    try:
        return path.is_file() and files.hash_file(path, "sha256")["sha256"] == digest
    except (OSError, ValueError):
        return False
