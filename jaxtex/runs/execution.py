"""Execution of runs: a synthesis into a folder, resumed from its last checkpoint."""

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent import futures
from typing import NamedTuple

import jax
import numpy as np

from jaxtex import errors
from jaxtex.runs import claims, progress, provenance, run_folder, sources, writer
from jaxtex.runtime import distributed, preemption, profiler
from jaxtex.synthesis import (
    checkpointing,
    input_images,
    loop,
    planning,
    settings,
    stepping,
)
from jaxtex.synthesis import config as configs

logger = logging.getLogger(__name__)


class Run(NamedTuple):
    """Choices of one result, and its folder."""

    style: str  # paths, separated by commas; empty: content alone
    config: configs.Config
    folder: pathlib.Path


class RunOptions(NamedTuple):
    """Options that do not change the result."""

    profile: str = ""  # folder for a profile; empty: none
    overwrite: bool = False  # replaces a finished, interrupted or other run
    metadata: bool = True  # stores the provenance in the file of the result
    continues: bool = False  # adds steps to the same run with fewer steps
    keep_state: bool = False  # keeps the optimizer's state of a finished run, for more steps
    preset: str = ""  # its name is recorded


class Job(NamedTuple):
    """A run with everything that is loaded before its folder is touched."""

    run: Run
    plan: stepping.Plan
    identity: dict
    sources: list[np.ndarray]  # loaded early, as the files may be gone at the end


DEFAULT_OPTIONS = RunOptions()
MAX_KEPT_BYTES = 128_000_000  # of the state of a finished run; 19 MB at 256 x 256 pixels


def plan_run(style: str, config: configs.Config) -> stepping.Plan:
    """Builds the plan of a run; raises as `make_run`.

    Args:
      style: paths of the exemplars, separated by commas.
      config: choices of the run.
    """
    choices = settings.parse_settings(config)
    inputs = input_images.load_inputs(configs.split_paths(style), choices)
    return planning.build_plan(inputs, choices)


def is_done(run: Run) -> bool:
    """True if the folder holds this result, finished."""
    # Hashing the inputs takes a while, so the mark and the flags are compared first.
    identity = provenance.identity(run.style, run.config, {})
    recorded = run_folder.read_record(run.folder)
    if recorded.get("flags") != identity["flags"] or not run_folder.read_done(run.folder):
        return False
    return run_folder.is_done(run.folder, provenance.identity(run.style, run.config))


def make_run(run: Run, options: RunOptions = DEFAULT_OPTIONS) -> np.ndarray | None:
    """Makes one result. Validates all choices before anything is written.

    A finished run is left as it is. An interrupted one resumes from its last checkpoint, with the
    same result.

    Args:
      run: choices and folder.
      options: options that do not change the result.

    Returns:
      The result, `[H, W, 3]` in [0, 1]; None if it was finished before.

    Raises:
      UserError: a choice, an image or the folder is not usable, or the folder holds another run.
      Preempted: a signal arrived; a checkpoint is saved.
    """
    if options.continues:
        with explain_errors(run.folder):
            identity = provenance.identity(run.style, run.config)
            shares = claims.continued_shares(run.folder, identity, run.config)
            run = run._replace(config=dataclasses.replace(run.config, shares=shares))
    if not options.overwrite and distributed.broadcast_flag(is_done(run)):
        logger.info("%s is finished; --overwrite makes it again", run.folder)
        return None

    with explain_errors(run.folder):
        config = run.config
        identity = provenance.identity(run.style, config)
        before = run_folder.read_record(run.folder)
        if not options.overwrite and (not before or claims.can_continue(before, identity)):
            checkpoints = run.folder / run_folder.CHECKPOINTS
            config = checkpointing.restore_strips(checkpoints, config)
        job = Job(
            run=run,
            plan=plan_run(run.style, config),
            identity=identity,
            sources=sources.load_sources(run.style, run.config),
        )

    with claim_folders([job], options) as (run_writer,), explain_errors(run.folder):
        checkpointer = build_checkpointer(
            run.folder, job.identity, [run_writer], MAX_KEPT_BYTES if options.keep_state else 0
        )
        with (
            progress.ProgressBar(run.config.num_steps) as bar,
            profiler.profile(options.profile) as record,
        ):
            observe = combine_observers(run_writer, bar.observer(), record)
            result = loop.run(job.plan, observe, checkpointer)
        finish(job, run_writer, result, options)
    return result


def refuse_own_inputs(
    kind: str, runs: Sequence[Run], inputs: Iterable[str], folder: pathlib.Path
) -> None:
    """Raises if several runs, or the sheet above them, would replace one of their inputs.

    Args:
      kind: what the runs make together, for the message: "batch" or "sequence".
      runs: all runs.
      inputs: paths of their exemplars, contents and other files.
      folder: above those of the runs.
    """
    folders = {os.path.realpath(run.folder): run.folder for run in runs}
    sheet = os.path.realpath(folder / run_folder.SHEET)
    for path in dict.fromkeys(inputs):
        real = pathlib.Path(os.path.realpath(path))
        around = [folders[str(parent)] for parent in real.parents[:2] if str(parent) in folders]
        is_own = any(claims.is_own_file(each, path) for each in around)
        if real.exists() and (is_own or str(real) == sheet):
            raise errors.UserError(
                f"--workdir={folder}: the {kind} would replace its input '{path}'; use another "
                "--workdir"
            )


@contextlib.contextmanager
def claim_folders(
    jobs: Sequence[Job], options: RunOptions
) -> Iterator[list[writer.RunWriter | None]]:
    """Reserves the folders of runs, records their identities and writes `exemplar.png`.

    Args:
      jobs: the runs. Nothing is written if one of them cannot have its folder.
      options: options that do not change the result.

    Yields:
      A writer for each run; None in a process that does not write.
    """
    if not distributed.is_writer():
        yield [None] * len(jobs)
        return
    for job in jobs:
        claims.validate(job.run.folder, job.identity, options.overwrite, options.continues)
    about = provenance.versions()
    if options.preset:
        about[run_folder.PRESET] = options.preset
    with contextlib.ExitStack() as stack:
        metrics = [
            stack.enter_context(
                claims.claim(
                    job.run.folder,
                    job.identity,
                    {**about, run_folder.ARRANGEMENT: job.plan.arrangement_weight},
                    options.overwrite,
                    options.continues,
                )
            )
            for job in jobs
        ]
        # Entered last, so that all snapshots are written before the folders are released.
        executor = stack.enter_context(futures.ThreadPoolExecutor(writer.MAX_PENDING))

        writers: list[writer.RunWriter | None] = []
        for job, file in zip(jobs, metrics, strict=True):
            run_writer = writer.RunWriter(job.run.folder, file, executor)
            with explain_errors(job.run.folder):
                run_writer.begin(job.sources)
            writers.append(run_writer)
        yield writers


def build_checkpointer(
    folder: pathlib.Path,
    identity: dict | list[dict],
    writers: Sequence[writer.RunWriter | None],
    keep_bytes: int = 0,
) -> checkpointing.FileCheckpointer:
    """Builds the checkpointer of a run; snapshots are written before a checkpoint is saved.

    Args:
      folder: of the run.
      identity: of the run, or of all runs of one program.
      writers: result of `claim_folders`.
      keep_bytes: largest state that is saved after the last step.
    """

    def flush() -> None:
        for run_writer in writers:
            if run_writer is not None:
                run_writer.flush()

    def accepts(plan: stepping.Plan, about: dict) -> bool:
        before = run_folder.complete(about["identity"])
        before, now = (each if isinstance(each, list) else [each] for each in (before, identity))
        return len(before) == len(now) and all(
            old == new or claims.is_earlier(plan, {**about, "identity": old}, new)
            for old, new in zip(before, now, strict=True)
        )

    checkpoints = folder / run_folder.CHECKPOINTS
    return checkpointing.FileCheckpointer(checkpoints, identity, flush, accepts, keep_bytes)


def combine_observers(*observers: loop.Observer | None) -> loop.Observer:
    """Combines observers into one, which does nothing in a process that does not write."""
    active: list[loop.Observer] = []
    if distributed.is_writer():
        active = [observe for observe in observers if observe is not None]

    def observe_all(progress: loop.Progress) -> None:
        for observe in active:
            observe(progress)

    return observe_all


def finish(
    job: Job, run_writer: writer.RunWriter | None, result: np.ndarray, options: RunOptions
) -> None:
    """Writes the result and marks the run as finished.

    Args:
      job: the run.
      run_writer: of the run; None in a process that does not write.
      result: `[H, W, C]` in [0, 1].
      options: options that do not change the result.

    Raises:
      Preempted: a signal arrived meanwhile.
    """
    if run_writer is None:
        return
    run = job.run
    text = json.dumps(run_folder.read_record(run.folder)) if options.metadata else ""
    maps = configs.split_paths(run.config.maps)
    outcome = run_writer.finish(job.sources, result, run.config.tile, text, maps)
    if preemption.requested():
        raise errors.Preempted("stopped by a signal before the run was marked as finished")
    outcome = {"numbers": job.plan.statistic_size, **outcome}
    run_folder.mark_done(run.folder, outcome, options.keep_state)


@contextlib.contextmanager
def explain_errors(folder: pathlib.Path) -> Iterator[None]:
    """Turns errors of the disk and lack of device memory into a `UserError` with advice."""
    try:
        yield
    except OSError as error:
        problem = f"{error.filename or folder}: {error.strerror or error}"
        raise errors.UserError(
            f"{problem}; saved work is kept, and {preemption.RESUMES} from it"
        ) from error
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        problem = str(error).removeprefix("RESOURCE_EXHAUSTED: ")
        raise errors.UserError(
            f"{problem} Half the --size (--height, --width) takes a quarter of the memory; "
            "--strips=64 and --remat=all also reduce it"
        ) from error
