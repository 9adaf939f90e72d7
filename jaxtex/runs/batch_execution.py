"""Execution of a batch: several styles and seeds at once, each into a folder of its own."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxtex import errors, images
from jaxtex.images import contact_sheet
from jaxtex.runs import execution, progress, provenance, run_folder, sources
from jaxtex.runtime import distributed, profiler
from jaxtex.synthesis import batches, input_images, planning, settings, stepping
from jaxtex.synthesis import config as configs


def make_batch(
    styles: Sequence[str],
    config: configs.Config,
    num_images: int,
    folder: pathlib.Path,
    options: execution.RunOptions = execution.DEFAULT_OPTIONS,
) -> list[execution.Run]:
    """Makes several results at once: each style with each of consecutive seeds.

    Args:
      styles: as in `Run`.
      config: choices that all share; `config.seed` is the first seed.
      num_images: number of seeds for each style.
      folder: gets a folder for each run, and `sheet.png` of all results.
      options: options that do not change the results.

    Returns:
      The runs, by style, then by seed.

    Raises:
      UserError: as `make_run`; or the loss of some runs is not finite, and the others are finished.
      Preempted: a signal arrived; a checkpoint is saved.
    """
    with execution.explain_errors(folder):
        choices = settings.parse_settings(config)
        inputs = [input_images.load_inputs(configs.split_paths(style), choices) for style in styles]
        plans = planning.build_batch(inputs, choices, num_images)
        jobs = _batch_jobs(styles, config, num_images, folder, plans)

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
        images.save(folder / "sheet.png", contact_sheet.grid(columns))
    return [job.run for job in jobs]


def _batch_jobs(
    styles: Sequence[str],
    config: configs.Config,
    num_images: int,
    folder: pathlib.Path,
    plans: Sequence[stepping.Plan],
) -> list[execution.Job]:
    """Pairs each plan with its run; styles vary slowest, as in `planning.build_batch`."""
    jobs: list[execution.Job] = []
    for style in styles:
        inputs = provenance.hash_inputs(style, config)
        pictures = sources.load_sources(style, config)
        for seed in range(config.seed, config.seed + num_images):
            run = execution.Run(
                style=style,
                config=dataclasses.replace(config, seed=seed),
                folder=folder / f"{_stem(style)}-{seed}",
            )
            identity = provenance.identity(style, run.config, inputs)
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
        execution.claim_folders(jobs, options.overwrite) as writers,
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
                    execution.finish(jobs[i], writers[i], result, options.metadata)
                else:
                    failed.append(str(jobs[i].run.folder))
    return failed


def _stem(style: str) -> str:
    """Returns the name of a run in a batch, from the files of its style."""
    stems = [pathlib.Path(path).stem for path in configs.split_paths(style)]
    return "-".join(stems) or "content"
