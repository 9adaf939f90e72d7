"""Claim of a run folder: one process at a time, and nothing but files of runs is replaced.

A folder with other files of these names, or with another run, is refused.
"""

import contextlib
import itertools
import json
import logging
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

from jaxtex import errors
from jaxtex.runs import run_folder
from jaxtex.runtime import files
from jaxtex.synthesis import checkpointing, input_images, scales, settings, stepping
from jaxtex.synthesis import config as configs
from jaxtex.synthesis.shorthands import step_shares

logger = logging.getLogger(__name__)

# With all of them, there is a content beside a style.
TRANSFER_FLAGS = ("style", "content", "content_weight", "texture_weight")
SUMMARIES = (run_folder.SHEET, "table.md", "table.csv", "curve.png")  # of several runs


@contextlib.contextmanager
def claim(
    folder: pathlib.Path,
    identity: dict,
    about: dict,
    overwrite: bool = False,
    continues: bool = False,
) -> Iterator[IO[str]]:
    """Reserves the folder for one run while the context lasts.

    Args:
      folder: created if missing.
      identity: everything that decides the result; written to `run.json`.
      about: further entries of `run.json`.
      overwrite: discards what this or another run left in the folder.
      continues: as in `validate`.

    Yields:
      The open file of metrics, which also is the lock of the folder.

    Raises:
      UserError: as `validate`; or the folder is not writable, or in use by another process.
    """
    validate(folder, identity, overwrite, continues)
    with _open_metrics(folder) as metrics:
        if not files.try_lock(metrics):
            raise errors.UserError(f"--workdir={folder}: another process is writing to this folder")

        validate(folder, identity, overwrite, continues)
        _warn_of_versions(folder, about)
        _clean(folder, overwrite)

        with files.atomic(folder / run_folder.RECORD) as part:
            part.write_text(json.dumps(identity | about, indent=1) + "\n")
        yield metrics


def validate(
    folder: pathlib.Path, identity: dict, overwrite: bool = False, continues: bool = False
) -> None:
    """Validates that a run may write to a folder. Changes nothing.

    Args:
      folder: of the run; may be missing.
      identity: of the run.
      overwrite: accepts what the folder holds, unless it is an input of the run.
      continues: accepts the same run with fewer steps.

    Raises:
      UserError: the folder holds another run, or files that no run made, or the run's own input.
    """
    maps = configs.split_paths(identity.get("flags", {}).get("maps", ""))
    for path in identity.get("inputs", {}):
        if os.path.exists(path) and is_own_file(folder, path, maps):
            raise errors.UserError(
                f"--workdir={folder}: the run would replace its input '{path}'; use another "
                "--workdir"
            )
    if overwrite:
        return
    if path := foreign_file(folder, maps):
        raise errors.UserError(
            f"--workdir={folder}: '{path}' is not of a run and would be replaced; use another "
            "--workdir, or --overwrite"
        )
    _refuse_other_run(folder, identity, continues)


def is_own_file(folder: pathlib.Path, path: str | os.PathLike, maps: Sequence[str] = ()) -> bool:
    """True if a run in the folder would write, replace or remove the file.

    Args:
      folder: of the run.
      path: of any file.
      maps: paths of the exemplar's further maps.
    """
    own, file = pathlib.Path(os.path.realpath(folder)), pathlib.Path(os.path.realpath(path))
    if file.parent == own / run_folder.STEPS:
        return run_folder.SNAPSHOT_NAME.fullmatch(file.name) is not None
    if file.parent == own / run_folder.CHECKPOINTS:
        return checkpointing.FILE_NAME.fullmatch(file.name) is not None
    names = {path.name for path in run_folder.result_paths(run_folder.RESULT, maps)}
    return file.parent == own and file.name in names.union(run_folder.FILES)


def foreign_file(folder: pathlib.Path, maps: Sequence[str] = ()) -> pathlib.Path | None:
    """Returns a file that a run would replace although no run made it; None without one.

    Args:
      folder: of the run; may be missing.
      maps: paths of the exemplar's further maps.
    """
    if run_folder.is_run(folder):
        return None
    candidates = [folder / name for name in run_folder.FILES]
    candidates += [
        *run_folder.result_paths(folder / run_folder.RESULT, maps),
        *run_folder.snapshot_paths(folder).values(),
    ]
    candidates += checkpointing.newest_first(folder / run_folder.CHECKPOINTS)
    return _first_with_content(candidates)


def foreign_summary(folder: pathlib.Path) -> pathlib.Path | None:
    """Returns a file that the summary of several runs would replace although it is not one.

    Args:
      folder: above those of the runs; may be missing.
    """
    if run_folder.is_run(folder):
        return folder / run_folder.SHEET  # of that run, which may not be finished
    with_runs = any(
        run_folder.is_run(record.parent) for record in folder.glob(f"*/{run_folder.RECORD}")
    )
    if with_runs:
        return None
    return _first_with_content([folder / name for name in SUMMARIES])


def refuse_foreign_summary(flag: str, folder: pathlib.Path) -> None:
    """Raises if the summary of several runs would replace a file that is none.

    Args:
      flag: that names the folder.
      folder: above those of the runs; may be missing.
    """
    if path := foreign_summary(folder):
        raise errors.UserError(
            f"--{flag}={folder}: '{path}' is not of several runs and would be replaced; use "
            f"another --{flag}, or move the file"
        )


def _first_with_content(paths: Iterable[pathlib.Path]) -> pathlib.Path | None:
    """Returns the first path that exists and is not an empty file.

    A process that was killed early leaves an empty file of metrics.
    """
    for path in paths:
        if os.path.lexists(path) and not (path.is_file() and path.stat().st_size == 0):
            return path
    return None


def _open_metrics(folder: pathlib.Path) -> IO[str]:
    """Opens the file of metrics without truncating it, and creates the folders."""
    try:
        (folder / run_folder.STEPS).mkdir(parents=True, exist_ok=True)
        return open(folder / run_folder.METRICS, "a+")
    except OSError as error:
        raise errors.UserError(f"--workdir={folder}: not writable ({error.strerror})") from error


def can_continue(record: dict, identity: dict) -> bool:
    """True if a recorded run differs from a run at most by fewer steps, and by shares.

    Args:
      record: contents of `run.json`.
      identity: of the run with at least as many steps.
    """
    before, now = record.get("flags", {}), identity["flags"]
    steps = before.get("num_steps")
    if record.get("inputs") != identity["inputs"] or not isinstance(steps, int):
        return False
    if record.get(run_folder.BESIDE) != identity.get(run_folder.BESIDE):
        return False
    return {**before, **{name: now[name] for name in run_folder.STEP_FLAGS}} == now and (
        steps <= now["num_steps"]
    )


def continued_shares(folder: pathlib.Path, identity: dict, config: configs.Config) -> str:
    """Returns `--shares` that give all further steps of a continued run to the last scale.

    The other scales keep the steps that they had, so the result is the one that these shares give
    from the beginning.

    Args:
      folder: may hold the same run with fewer steps, finished or not.
      identity: of the run with more steps.
      config: its choices.

    Returns:
      `config.shares` itself if the folder holds nothing, or another run; else it has no effect.
    """
    record = run_folder.read_record(folder)
    if not run_folder.has_work(folder) or not can_continue(record, identity):
        return config.shares
    before = record["flags"]
    choices = settings.parse_settings(config)
    inputs = input_images.load_inputs(configs.split_paths(identity["flags"]["style"]), choices)
    number = len(scales.scale_factors(inputs.shortest_side, config.scales))
    steps = _scale_steps(before, number)
    steps[-1] += config.num_steps - before["num_steps"]
    if steps == _scale_steps({**before, "num_steps": config.num_steps}, number):
        return str(before.get("shares", ""))
    return ",".join(map(str, step_shares.of_steps(steps)))


def is_earlier(plan: stepping.Plan, about: dict, identity: dict) -> bool:
    """True if a checkpoint of the same run with fewer steps is a state of this run, too.

    Args:
      plan: of this run.
      about: the JSON of the checkpoint.
      identity: of this run.
    """
    if not isinstance(about["identity"], dict) or not can_continue(about["identity"], identity):
        return False
    steps = _scale_steps(about["identity"]["flags"], len(plan.problems))
    finished = range(1, about["number"])  # scales, from 1
    return all(sum(steps[:scale]) == plan.until(scale) for scale in finished)


def _scale_steps(flags: Mapping, number: int) -> list[int]:
    """Returns the steps of each of `number` scales."""
    transfer = all(map(flags.get, TRANSFER_FLAGS))
    shares = step_shares.of_scales(str(flags.get("shares", "")), number, transfer)
    ends = [stepping.steps_until(flags["num_steps"], shares, i) for i in range(number + 1)]
    return [end - start for start, end in itertools.pairwise(ends)]


def _refuse_other_run(folder: pathlib.Path, identity: dict, continues: bool) -> None:
    """Raises if the folder holds work of another run: a result or a checkpoint."""
    record = run_folder.read_identity(folder, identity)
    if not run_folder.has_work(folder) or run_folder.matches(record, identity):
        return
    if not record:
        raise errors.UserError(
            f"--workdir={folder}: holds a run whose {run_folder.RECORD} is missing or damaged; "
            "--overwrite replaces it, another --workdir keeps it"
        )
    offer = ""
    if can_continue(record, identity):
        if continues:
            return
        more = record["flags"]["num_steps"] < identity["flags"]["num_steps"]
        offer = f"--continue {'makes the further steps' if more else 'keeps it'}, "
    raise errors.UserError(
        f"--workdir={folder}: holds another run ({run_folder.first_difference(record, identity)}); "
        f"{offer}--overwrite replaces it, another --workdir keeps both"
    )


def _warn_of_versions(folder: pathlib.Path, about: dict) -> None:
    """Logs a warning if a checkpoint comes from other library versions or another device."""
    record = run_folder.read_record(folder)
    choices = (run_folder.PRESET, run_folder.ARRANGEMENT)
    about = {name: value for name, value in about.items() if name not in choices}
    before = {name: record.get(name) for name in about}
    if checkpointing.newest_first(folder / run_folder.CHECKPOINTS) and before != about:
        logger.warning(
            "%s: begun with %s, resumed with %s: the last bits may differ", folder, before, about
        )


def _clean(folder: pathlib.Path, overwrite: bool) -> None:
    """Removes the mark of a finished run, partial files and, on request, the checkpoints."""
    (folder / run_folder.DONE).unlink(missing_ok=True)
    for subfolder in (folder, folder / run_folder.STEPS, folder / run_folder.CHECKPOINTS):
        files.remove_partial_files(subfolder)
    if overwrite:
        run_folder.remove_checkpoints(folder)
