"""Execution of a batch: several styles and seeds at once, each into a folder of its own."""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxtex import errors, images
from jaxtex.images import contact_sheet
from jaxtex.runs import claims, execution, progress, provenance, run_folder, sources
from jaxtex.runtime import distributed, file_names, profiler
from jaxtex.synthesis import batches, input_images, planning, settings, stepping
from jaxtex.synthesis import config as configs

logger = logging.getLogger(__name__)


class Sources(NamedTuple):
    """Style and content of one or more runs of a batch, and the stem of their folders."""

    style: str  # as in `Run`
    config: configs.Config  # names the content
    stem: str


def make_batch(
    styles: Sequence[str],
    config: configs.Config,
    num_images: int,
    folder: pathlib.Path,
    options: execution.RunOptions = execution.DEFAULT_OPTIONS,
    contents: Sequence[str] = (),
) -> list[execution.Run]:
    """Makes several results at once: each style on each content with each of consecutive seeds.

    Args:
      styles: as in `Run`.
      config: choices that all share; `config.seed` is the first seed.
      num_images: number of seeds for each style and content.
      folder: gets a folder for each run, and `sheet.png` of all results.
      options: options that do not change the results.
      contents: paths; empty uses `config.content`.

    Returns:
      The runs, by style, then by content, then by seed.

    Raises:
      UserError: as `make_run`; or the loss of some runs is not finite, and the others are finished.
      Preempted: a signal arrived; a checkpoint is saved.
    """
    with execution.explain_errors(folder):
        _refuse_foreign_sheet(folder, options)
        batch = combine_sources(styles, contents, config)
        if options.continues:
            batch = _continue_shares(batch, folder, num_images)
        inputs = []
        for style, own, _ in batch:
            choices = settings.parse_settings(own)
            inputs.append(input_images.load_inputs(configs.split_paths(style), choices))
        plans = planning.build_batch(inputs, settings.parse_settings(batch[0].config), num_images)
        jobs = _batch_jobs(batch, num_images, folder, plans)
        paths = [path for job in jobs for path in job.identity["inputs"]]
        execution.refuse_own_inputs("batch", [job.run for job in jobs], paths, folder)

    if options.overwrite:
        unfinished = jobs
    else:
        unfinished = [job for job in jobs if not distributed.broadcast_flag(_is_job_done(job))]
    if unfinished and not batches.runs_separately(plans[0]):
        unfinished = jobs  # one program makes all of them

    failed = _make_jobs(unfinished, options)
    if failed:
        raise errors.UserError(
            f"the loss is not finite in {', '.join(failed)}, without a result; the other runs are "
            "finished"
        )
    if distributed.is_writer():
        columns = [sources.sheet_column(job.sources, job.run.folder, config) for job in jobs]
        images.save(folder / run_folder.SHEET, contact_sheet.grid(columns))
    return [job.run for job in jobs]


def combine_sources(
    styles: Sequence[str], contents: Sequence[str], config: configs.Config
) -> list[Sources]:
    """Combines each style with each content, under different stems.

    Args:
      styles: as in `make_batch`; one that is given twice counts once.
      contents: as in `make_batch`.
      config: as in `make_batch`.
    """
    pairs = [(style, content) for style in styles for content in contents or [config.content]]
    different = list(dict.fromkeys(pairs))
    if len(different) < len(pairs):
        logger.info("%d of %d are left out: given twice", len(pairs) - len(different), len(pairs))
    several = len(contents) > 1
    stems = [_stem(style, content if several else "") for style, content in different]
    return [
        Sources(style, dataclasses.replace(config, content=content), stem)
        for (style, content), stem in zip(different, file_names.unique(stems), strict=True)
    ]


def _refuse_foreign_sheet(folder: pathlib.Path, options: execution.RunOptions) -> None:
    """Raises if the sheet of the batch would replace a file that is none."""
    path = None if options.overwrite else claims.foreign_summary(folder)
    if path and path.name == run_folder.SHEET:
        raise errors.UserError(
            f"--workdir={folder}: '{path}' is not of a batch and would be replaced; use another "
            "--workdir, or --overwrite"
        )


def _beside(config: configs.Config, num_images: int) -> dict[str, dict[str, int]]:
    """Returns what decides a result beside its own choices: the other images it keeps away from."""
    if not config.diversity or num_images == 1:
        return {}
    return {run_folder.BESIDE: {"seed": config.seed, "num_images": num_images}}


def _continue_shares(
    batch: Sequence[Sources], folder: pathlib.Path, num_images: int
) -> list[Sources]:
    """Returns the batch with the shares that continue the runs of the first seed, see `claims`."""
    found = set()
    for style, config, stem in batch:
        identity = provenance.identity(style, config) | _beside(config, num_images)
        path = _run_path(folder, stem, config.seed)
        found.add(claims.continued_shares(path, identity, config))
    if len(found) > 1:
        raise errors.UserError(
            f"--continue: the runs in {folder} need different --shares ({'; '.join(found)}) and "
            "cannot be continued together; continue each with its own --workdir"
        )
    (shares,) = found
    return [each._replace(config=dataclasses.replace(each.config, shares=shares)) for each in batch]


def _run_path(folder: pathlib.Path, stem: str, seed: int) -> pathlib.Path:
    """Returns the folder of one run of a batch."""
    ending = f"-{seed}"
    return folder / f"{file_names.fit(stem, file_names.MAX_BYTES - len(ending))}{ending}"


def _batch_jobs(
    batch: Sequence[Sources], num_images: int, folder: pathlib.Path, plans: Sequence[stepping.Plan]
) -> list[execution.Job]:
    """Pairs each plan with its run; styles vary slowest, as in `planning.build_batch`."""
    jobs: list[execution.Job] = []
    for style, config, stem in batch:
        inputs = provenance.hash_inputs(style, config)
        pictures = sources.load_sources(style, config)
        for seed in range(config.seed, config.seed + num_images):
            run = execution.Run(
                style=style,
                config=dataclasses.replace(config, seed=seed),
                folder=_run_path(folder, stem, seed),
            )
            identity = provenance.identity(style, run.config, inputs) | _beside(config, num_images)
            jobs.append(execution.Job(run, plans[len(jobs)], identity, pictures))
    return jobs


def _is_job_done(job: execution.Job) -> bool:
    return run_folder.is_done(job.run.folder, job.identity)


def _make_jobs(jobs: Sequence[execution.Job], options: execution.RunOptions) -> list[str]:
    """Makes the runs of a batch; returns the folders of those with a loss that is not finite."""
    if not jobs:
        return []
    failed: list[str] = []
    plans = [job.plan for job in jobs]
    # One program for all images has one checkpoint of all, with the identities of all.
    identities: list[dict | list[dict]] = [job.identity for job in jobs]
    if not batches.runs_separately(plans[0]):
        identities = [[job.identity for job in jobs]] * len(jobs)

    with (
        execution.claim_folders(jobs, options) as writers,
        execution.explain_errors(jobs[0].run.folder.parent),
    ):
        checkpointers = [
            execution.build_checkpointer(job.run.folder, identity, writers)
            for job, identity in zip(jobs, identities, strict=True)
        ]
        with (
            progress.ProgressBar(jobs[0].run.config.num_steps * len(jobs)) as bar,
            profiler.profile(options.profile) as record,
        ):
            observers = [execution.combine_observers(own, bar.observer()) for own in writers]
            observers[0] = execution.combine_observers(observers[0], record)
            for i, result in batches.run(plans, observers, checkpointers):
                if np.isfinite(result).all():
                    execution.finish(jobs[i], writers[i], result, options)
                else:
                    failed.append(str(jobs[i].run.folder))
    return failed


def _stem(style: str, content: str) -> str:
    """Returns the name of a run in a batch, from the files of its content and style."""
    paths = [content, *configs.split_paths(style)]
    return "-".join(file_names.stem(path) for path in paths if path) or "content"
