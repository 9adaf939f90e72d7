"""Runs as they lie in their folders, of any age, finished or not: read with care, changed never."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.images import builtin
from jaxtex.runs import run_folder
from jaxtex.runtime import files
from jaxtex.synthesis import config, input_images

Rows = list[dict[str, float]]
COUNTED = (
    "step",
    "loss",
    "evaluated",
    "seconds",
)  # of a row of metrics; whatever else is in it is a term of the loss


class RunRecord(NamedTuple):
    """What a folder tells of its run."""

    name: str
    folder: pathlib.Path
    flags: dict[str, object]  # by their names, `style` first
    inputs: dict[str, str]  # path or "weights" -> SHA-256
    origin: dict[str, str]  # the device, and what of which version
    rows: Rows  # a line for each step
    notes: dict[str, float]  # of a finished run, see `runs.outcome`; else empty
    snapshots: list[pathlib.Path]  # in their order

    @property
    def step(self) -> int:
        """How far it is; 0: nothing is known."""
        return int(self.rows[-1]["step"]) if self.rows else 0


def find_runs(paths: Sequence[str]) -> list[pathlib.Path]:
    """The folders of the runs that are there, or below; each once, in the order of the paths and of their names.

    Raises:
      UserError: a path is no folder, or there is no run in it.
    """
    found: list[pathlib.Path] = []
    for path in map(pathlib.Path, paths):
        if not path.is_dir():
            there = "a file" if path.exists() else "no such folder"
            raise errors.UserError(
                f"run {os.fspath(path)!r}: {there}; a folder that jaxtex made, please"
            )
        below = (
            [path]
            if (path / run_folder.RECORD).exists()
            else [each.parent for each in path.rglob(run_folder.RECORD)]
        )
        if not below:
            raise errors.UserError(
                f"run {os.fspath(path)!r}: no {run_folder.RECORD} in it or below, so no run"
            )
        found += sorted(below)
    return list({each.resolve(): each for each in found}.values())


def unique_names(folders: Sequence[pathlib.Path]) -> list[str]:
    """What tells folders apart: their paths from the folder above all of them; of one its own name."""
    paths = [folder.resolve() for folder in folders]
    above = os.path.commonpath([path.parent for path in paths])
    return [os.path.relpath(path, above) for path in paths]


def read_run(folder: pathlib.Path, name: str = "") -> RunRecord:
    """What is there; a line or mark that was cut off is left out.

    Args:
      folder: of the run.
      name: that it is shown by; empty: the folder's.

    Raises:
      UserError: `run.json` cannot be read, or says what no run says.
    """
    found = run_folder.read_record(folder)
    if not found:
        raise errors.UserError(
            f"run {os.fspath(folder)!r}: its {run_folder.RECORD} is damaged or cannot be read"
        )
    texts = lambda key: {name: str(text) for name, text in _mapping(folder, found, key).items()}
    return RunRecord(
        name=name or folder.resolve().name,
        folder=folder,
        flags=_flags(folder, _mapping(folder, found, "flags")),
        inputs=texts("inputs"),
        origin=({"device": str(found["device"])} if "device" in found else {}) | texts("versions"),
        rows=[
            row
            for row in map(_numbers, run_folder.read_metrics(folder))
            if {"step", "loss"} <= set(row)
        ],
        notes=_numbers(run_folder.read_done(folder)),
        snapshots=list(run_folder.snapshot_paths(folder).values()),
    )


def _mapping(folder: pathlib.Path, found: dict, key: str) -> dict:
    if not isinstance(found.get(key, {}), dict):
        raise errors.UserError(
            f"run {os.fspath(folder)!r}: '{key}' in its {run_folder.RECORD} is no table of names"
        )
    return found.get(key, {})


def _flags(folder: pathlib.Path, flags: dict) -> dict[str, object]:
    kinds = {
        "style": str,
        **{field.name: field.type for field in dataclasses.fields(config.Config)},
    }
    for name, kind in kinds.items():
        if name in flags and not isinstance(flags[name], (int, float) if kind is float else kind):
            value = f"--{name}={flags[name]}, which is no {kind.__name__}"
            raise errors.UserError(
                f"run {os.fspath(folder)!r}: its {run_folder.RECORD} says {value}"
            )
    return {"style": "", **flags}


def _numbers(row: dict) -> dict[str, float]:
    """Of a table its numbers; of one whose step is none, nothing."""
    is_number = lambda value: (
        isinstance(value, float) or (type(value) is int and abs(value) < 2**63)
    )
    found = {name: value for name, value in row.items() if is_number(value)}
    step = found.get("step", 0)
    return found | ({"step": int(step)} if "step" in found else {}) if math.isfinite(step) else {}


def is_default(name: str, value: object) -> bool:
    """Whether a flag has the value that it has when it is not given."""
    defaults = {field.name: field.default for field in dataclasses.fields(config.Config)}
    return defaults.get(name, None if name != "style" else "") == value


def term_names(record: RunRecord) -> list[str]:
    """The names of the terms of its loss."""
    return [
        name
        for name in dict.fromkeys(name for row in record.rows for name in row)
        if name not in COUNTED
    ]


def result_image(record: RunRecord) -> tuple[np.ndarray, pathlib.Path] | None:
    """The picture, `[H, W, 3]`, and its file: the result, or the last snapshot that can be read; None: there is none."""
    finished = (
        [record.folder / "result.png"] if record.notes else []
    )  # without the mark it may be another run's
    return next(
        (
            (image, path)
            for path, image in readable_images([*finished, *reversed(record.snapshots)])
        ),
        None,
    )


def readable_images(paths: Iterable[pathlib.Path]) -> Iterator[tuple[pathlib.Path, np.ndarray]]:
    """The pictures among them that are neither damaged nor gone, `[H, W, 3]`."""
    pairs = ((path, images.load_if_readable(path)) for path in paths)
    return ((path, image) for path, image in pairs if image is not None)


def source_images(record: RunRecord) -> dict[str, np.ndarray | None]:
    """Paths -> what it was made from, as used, `[H, W, 3]`: the content, the styles; None: no longer there.

    Relative paths count from here, or from a folder above the run's. A file that is not the one which the run began
    with, by its hash, is not there.
    """
    style = str(record.flags["style"])
    styles = [style] if style in record.inputs else style.split(",")
    paths = filter(None, [str(record.flags.get("content", "")), *styles])
    return {path: _source(record, path) for path in paths}


def _source(record: RunRecord, path: str) -> np.ndarray | None:
    candidates = [
        pathlib.Path(builtin.resolve(path)),
        *(above / path for above in record.folder.resolve().parents),
    ]
    try:
        file = next((each for each in candidates if _is(each, record.inputs.get(path, ""))), None)
        return (
            None
            if file is None
            else input_images.resize_input(images.load(file), int(record.flags.get("size", 0)))
        )
    except (errors.UserError, OSError):
        return None


def _is(path: pathlib.Path, digest: str) -> bool:
    try:
        return path.is_file() and files.hash_file(path, "sha256")["sha256"] == digest
    except (OSError, ValueError):
        return False
