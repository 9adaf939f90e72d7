"""Folder of one run: its files, readable by everyone at any moment; `claims` reserves it.

Readers treat damaged or half-written files as missing. The formats are stable: a folder made by an
older version can be resumed and read.
"""

import contextlib
import json
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jaxtex import networks
from jaxtex.runtime import file_names, files
from jaxtex.synthesis import checkpointing
from jaxtex.synthesis import config as configs

RECORD = "run.json"
BESIDE = "batch"  # the entry of a run that depends on others of its batch: its seed and number
STEP_FLAGS = ("num_steps", "shares")  # flags that --continue changes
LATE_FLAGS = (*STEP_FLAGS, "octaves", "init", "arrangement_weight")  # others may decide the latter
PRESET = "preset"  # its key in a record; what the preset stands for is among the flags
ARRANGEMENT = "arrangement"  # its weight, as the exemplar decided
METRICS = "metrics.jsonl"
EXEMPLAR = "exemplar.png"
RESULT = "result.png"
SHEET = "sheet.png"  # of a run, or of several runs in the folder above theirs
DONE = "DONE"
OUTCOME = {"numbers", "steps", "seconds", "loss", "first"}  # keys in it that readers need
STEPS = "steps"  # folder of the snapshots
CHECKPOINTS = "checkpoints"  # folder of `checkpointing.FileCheckpointer`
SNAPSHOT_NAME = re.compile(r"(\d{6}|[1-9]\d{6,17})\.png", re.ASCII)
FRAME_NAME = re.compile(r"\d{6}|[1-9]\d{6,17}", re.ASCII)  # folder of a frame of a sequence
FILES = (RECORD, METRICS, EXEMPLAR, RESULT, SHEET, DONE)  # of a run, beside those in its folders
MAX_NAME = 200  # bytes of a result's name; `files.atomic` adds to it, and file systems allow 255
MIN_MAP_NAME = 20  # bytes of the part that names the map


def is_run(folder: pathlib.Path) -> bool:
    """True if the folder holds a run, finished or not."""
    if isinstance(read_record(folder).get("flags"), dict):
        return True
    # Where the record is damaged, rows of our metrics identify the folder.
    return any("evaluated" in row for row in read_metrics(folder))


def mark_done(folder: pathlib.Path, outcome: dict, keep: bool = False) -> None:
    """Marks the run as finished and removes its checkpoints.

    Args:
      folder: of the run.
      outcome: written to `DONE`.
      keep: keeps the checkpoint after the last step, if there is one.
    """
    with files.atomic(folder / DONE) as part:
        part.write_text(json.dumps(outcome) + "\n")
    remove_checkpoints(folder, f"{outcome['steps']:08d}" if keep else "")


def remove_checkpoints(folder: pathlib.Path, kept: str = "") -> None:
    """Removes checkpoints; other files in their folder stay.

    Args:
      folder: of the run.
      kept: stem of the checkpoint that stays; empty removes all.
    """
    for path in checkpointing.newest_first(folder / CHECKPOINTS):
        if path.stem != kept:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # missing, or not empty
        (folder / CHECKPOINTS).rmdir()


def is_done(folder: pathlib.Path, identity: dict) -> bool:
    """True if the folder holds the finished run of this identity, with every file of the result.

    Args:
      folder: of the run; may be missing.
      identity: everything that decides the result, see `provenance.identity`.
    """
    maps = configs.split_paths(identity["flags"].get("maps", ""))
    has_result = all(path.is_file() for path in result_paths(folder / RESULT, maps))
    is_marked = read_done(folder).keys() >= OUTCOME
    return has_result and is_marked and matches(read_record(folder), identity)


def has_work(folder: pathlib.Path) -> bool:
    """True if the folder holds a result or a checkpoint."""
    return (folder / DONE).exists() or bool(checkpointing.newest_first(folder / CHECKPOINTS))


def matches(record: dict, identity: dict) -> bool:
    """True if a record has all entries of an identity.

    Args:
      record: contents of `run.json`, with the versions of libraries beside the identity.
      identity: of a run.
    """
    beside = record.get(BESIDE) == identity.get(BESIDE)
    return beside and {**record, **identity} == record


def first_difference(record: dict, identity: dict) -> str:
    """Describes the first flag or input file in which two runs differ; `LATE_FLAGS` last.

    Args:
      record: contents of `run.json`.
      identity: of another run.
    """
    before, now = ({**each.get("flags", {}), **each.get(BESIDE, {})} for each in (record, identity))
    for name in sorted([*now, *before], key=lambda name: name in LATE_FLAGS):
        old, new = before.get(name, ""), now.get(name, "")
        if old != new:
            there, here = (str(value) or "empty" for value in (old, new))
            return f"--{name}: {there} there, {here} here"

    old, new = record.get("inputs", {}), identity["inputs"]
    changed = next((name for name in (*new, *old) if old.get(name) != new.get(name)), "all")
    return f"the file '{changed}' is not the same"


def result_paths(picture: str | os.PathLike, maps: Sequence[str]) -> list[pathlib.Path]:
    """Lists the files of a result with several maps: `result.png`, `result-normal.png`, ....

    Args:
      picture: path of the first.
      maps: paths of the exemplar's further maps, whose stems are appended.
    """
    first = pathlib.Path(picture)
    room = max(MIN_MAP_NAME, MAX_NAME - len(os.fsencode(first.name)) - 1)
    stems = [file_names.fit(file_names.stem(path), room) for path in maps]
    return [first, *(first.with_stem(f"{first.stem}-{s}") for s in file_names.unique(stems))]


def read_record(folder: pathlib.Path) -> dict:
    """Reads `run.json`; empty if it is missing or damaged. Its flags are completed."""
    return complete(_read_json(folder / RECORD))


def read_identity(folder: pathlib.Path, expected: dict) -> dict:
    """Reads the identity of the run in a folder, also if `run.json` is missing or damaged.

    Args:
      folder: of the run.
      expected: returned if a checkpoint of several runs is one of this run, too.

    Returns:
      `run.json`, or else the identity in the newest checkpoint; empty without both.
    """
    record = read_record(folder)
    if isinstance(record.get("flags"), dict):
        return record
    saved = complete(checkpointing.read_about(folder / CHECKPOINTS).get("identity"))
    if isinstance(saved, list):
        return expected if expected in saved else {}
    return saved if isinstance(saved, dict) else {}


def complete(record: Any) -> Any:
    """Completes the flags of a record or identity, or of each of a list."""
    if isinstance(record, list):
        return [complete(each) for each in record]
    if isinstance(record, dict) and isinstance(record.get("flags"), dict):
        return {**record, "flags": complete_flags(record["flags"])}
    return record


def complete_flags(flags: dict) -> dict:
    """Adds the choices that jaxtex did not have when a record was made, with the values of then.

    Args:
      flags: all choices of a run by name, as its version recorded them.
    """
    if "content_norm" not in flags:
        return flags
    if flags.get("balance") == "auto":  # a choice of 1.0.0
        flags = {**flags, "balance": "equal" if flags.get("content") else "positions"}
    before: dict[str, Any] = dict.fromkeys(("fill", "grow", "guide", "augment", "mix"), "")
    before |= {"style_scale": 1.0, "balance": "equal", "diversity": 0.0}
    before |= {"arrangement_weight": "0", "detail_weight": 0.0}
    if flags.get("content"):  # choices that change nothing beside it: today's defaults
        before |= {name: getattr(configs.Config, name) for name in before if name != "balance"}
    flags = reset_unused({**before, **flags})
    if "structure_weight" in flags:
        return flags

    network = networks.NETWORKS.get(str(flags.get("network")))
    flags = {**flags, "structure_weight": 0.0, "structure_layers": ""}
    if network is not None:
        flags["layers"] = flags.get("layers") or ",".join(network.defaults())
    if "content_color" in flags:
        return flags
    completed = {**flags, "content_color": "own"}
    if network is not None:
        completed["content_layers"] = flags.get("content_layers") or network.defaults()[-1]
    if flags.get("content_weight"):
        completed["init"] = flags.get("init") or "noise"
    return completed


def reset_unused(flags: dict) -> dict:
    """Gives choices that have no effect without a content today's defaults, if there is none.

    Args:
      flags: all choices of a run by name.
    """
    if flags.get("content"):
        return flags
    names = [name for name in dir(configs.Config) if name.startswith(("content_", "structure_"))]
    return {**flags, **{name: getattr(configs.Config, name) for name in names}}


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


def frame_folder(folder: pathlib.Path, number: int) -> pathlib.Path:
    """Returns the folder of a frame of a sequence.

    Args:
      folder: of the sequence.
      number: of the frame, from 1.
    """
    return folder / f"{number:06d}"


def snapshot_path(folder: pathlib.Path, step: int) -> pathlib.Path:
    """Returns the path of the snapshot after a step.

    Args:
      folder: of the run.
      step: counted over all scales, from 1.
    """
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
