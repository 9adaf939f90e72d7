"""Execution of sequences: each frame is a run, in a folder that is named by its number."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxtex import errors, images
from jaxtex.images import contact_sheet
from jaxtex.runs import claims, execution, run_folder
from jaxtex.runs.frames import sequence
from jaxtex.synthesis import config as configs

logger = logging.getLogger(__name__)

MAX_SHOWN = 8  # frames in the sheet


def plan_runs(
    style: str,
    config: configs.Config,
    contents: Sequence[str],
    folder: pathlib.Path,
    frame_steps: int,
) -> list[execution.Run]:
    """Plans a run for each frame. All but the first start from the result before them.

    Args:
      style: as in `execution.Run`.
      config: choices of the first frame; `content` is not used.
      contents: paths of the frames, in their order.
      folder: above those of the runs.
      frame_steps: steps of each frame after the first; 0 uses a quarter of `config.num_steps`.
    """
    steps = sequence.following_steps(config.num_steps, frame_steps)
    first = dataclasses.replace(config, content=contents[0], **sequence.FIRST_CHOICES)
    runs = [execution.Run(style, first, run_folder.frame_folder(folder, 1))]
    for number, content in enumerate(contents[1:], 2):
        following = dataclasses.replace(
            config,
            content=content,
            previous_content=contents[number - 2],
            init=str(runs[-1].folder / run_folder.RESULT),
            **sequence.following_choices(steps),
        )
        runs.append(execution.Run(style, following, run_folder.frame_folder(folder, number)))
    return runs


def make_sequence(
    style: str,
    config: configs.Config,
    contents: Sequence[str],
    folder: pathlib.Path,
    options: execution.RunOptions = execution.DEFAULT_OPTIONS,
    frame_steps: int = 0,
) -> list[execution.Run]:
    """Makes a result of each frame, one after the other.

    Frames that are done are left as they are, and an interrupted one resumes. The next frame starts
    from the file of the result before it, so the sequence is the same, bit for bit.

    Args:
      style: as in `execution.Run`.
      config: choices of the first frame.
      contents: paths of the frames, in their order.
      folder: gets a folder for each frame, `000001`, ..., and `sheet.png` of some of them.
      options: options that do not change the results.
      frame_steps: as in `plan_runs`.

    Returns:
      The runs.

    Raises:
      UserError: as `execution.make_run`; or frames differ in size. Then nothing is written.
      Preempted: a signal arrived; a checkpoint is saved.
    """
    with execution.explain_errors(folder):
        runs = plan_runs(style, config, contents, folder, frame_steps)
        paths = [*configs.split_paths(style), *contents]
        execution.refuse_own_inputs("sequence", runs, paths, folder)
        if not options.overwrite:
            _validate_folders(runs, folder)
        _validate_sizes(contents)

    # A frame with further steps would be another start for the next one.
    options = options._replace(continues=False, keep_state=False)
    for number, run in enumerate(runs, 1):
        logger.info("frame %d of %d: %s", number, len(runs), run.config.content)
        execution.make_run(run, options)
    _warn_of_rest(folder, len(runs))
    _write_sheet(runs, folder)
    return runs


def _validate_sizes(contents: Sequence[str]) -> None:
    """Validates that all frames can be read and have one size."""
    first = f"the first frame ({contents[0]})"
    first_size = None
    for path in contents:
        size = images.load(path).shape[:2]
        first_size = first_size or size
        sequence.validate_size(f"--content={path}", size, first, first_size)


def _validate_folders(runs: Sequence[execution.Run], folder: pathlib.Path) -> None:
    """Validates that the folders hold nothing, or frames of as many steps."""
    for path in (claims.foreign_summary(folder), *(claims.foreign_file(r.folder) for r in runs)):
        if path:
            raise errors.UserError(
                f"--workdir={folder}: '{path}' is not of a sequence and would be replaced; use "
                "another --workdir, or --overwrite"
            )
    for run in runs:
        steps = run_folder.read_record(run.folder).get("flags", {}).get("num_steps")
        if run_folder.has_work(run.folder) and steps != run.config.num_steps:
            raise errors.UserError(
                f"--num_steps: {run.folder} has a frame of {steps} steps, not "
                f"{run.config.num_steps}, from which the next one starts; --overwrite makes all "
                "frames again, another --workdir keeps both"
            )


def _warn_of_rest(folder: pathlib.Path, count: int) -> None:
    """Logs a warning if there are further frames, of a longer sequence."""
    numbers = [int(name) for name in os.listdir(folder) if run_folder.FRAME_NAME.fullmatch(name)]
    rest = sorted(number for number in numbers if number > count)
    if rest:
        logger.warning(
            "%s: has %d further frames of a longer sequence, from %s on",
            folder,
            len(rest),
            run_folder.frame_folder(folder, rest[0]).name,
        )


def _write_sheet(runs: Sequence[execution.Run], folder: pathlib.Path) -> None:
    """Writes a sheet of frames, evenly spaced, above their results."""
    positions = np.linspace(0, len(runs) - 1, min(MAX_SHOWN, len(runs)))
    columns = []
    for run in (runs[round(position)] for position in positions):
        result = images.load(run.folder / run_folder.RESULT)
        content = images.resize(images.load(run.config.content), *result.shape[:2])
        columns.append([content, result])
    images.save(folder / run_folder.SHEET, contact_sheet.grid(columns, MAX_SHOWN // 2))
