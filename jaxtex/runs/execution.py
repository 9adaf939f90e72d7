"""One run: a picture made into a folder, and found there again."""

import contextlib
import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from typing import NamedTuple

import jax
import numpy as np
from absl import logging

from jaxtex import errors, images
from jaxtex.images import builtin
from jaxtex.runs import provenance, receptive_fields, report, run_folder
from jaxtex.runtime import background, distributed, files, preemption, profiler
from jaxtex.synthesis import batches, checkpointing, input_images, loop, planning, stepping
from jaxtex.synthesis import config as configs
from jaxtex.weights import locations


class Run(NamedTuple):
    """What is to be made, and where it goes."""

    style: str  # paths, with commas between them; empty: the content alone
    config: configs.Config
    folder: pathlib.Path


class RunOptions(NamedTuple):
    """How it is made, which does not decide the picture."""

    profile: str = ""  # folder for a profile; empty: none
    overwrite: bool = False  # made anew, and in place of another run
    noted: bool = True  # whether the result says in its file how it was made


DEFAULT_OPTIONS = RunOptions()


def plan_run(style: str, config: configs.Config) -> stepping.Plan:
    """The synthesis of a run; raises as `make` does."""
    return planning.build_plan(_load(style, config), config)


def make_run(run: Run, manner: RunOptions = DEFAULT_OPTIONS) -> np.ndarray | None:
    """Makes the picture into the folder, and a profile into another. Bad choices are found before anything is written.

    What is done already stays; what was cut off goes on from its last checkpoint, to the same picture.

    Args:
      run: what, and where.
      manner: how.

    Returns:
      The result, `[H, W, 3]`; None if it was done already.

    Raises:
      UserError: a choice, a picture or the folder cannot be used, or it holds another run.
      Preempted: the process was told to leave; what was done is saved.
    """
    who = background.begin(identity, run)  # to hash the weights takes a while
    if not manner.overwrite and distributed.broadcast_flag(_is_done(run, who)):
        logging.info("%s is done already; --overwrite makes it anew", run.folder)
        return None
    with _explain_errors(run.folder):
        made = plan_run(
            run.style,
            run.config
            if manner.overwrite
            else checkpointing.restore_strips(run.folder / run_folder.CHECKPOINTS, run.config),
        )
        source_images(run)  # which are shown in the end, when the files may be gone
    with _claim_folders([run], [who()], manner.overwrite) as (folder,), _explain_errors(run.folder):
        keeper = checkpointing.FileCheckpointer(
            run.folder / run_folder.CHECKPOINTS, who(), _flush_all([folder])
        )
        with (
            report.ProgressBar(run.config.num_steps) as bar,
            profiler.profile(manner.profile) as record,
        ):
            watch = _combine_observers(folder, bar.watch(), record)
            result = loop.run(made, watch, keeper)
        _finish(run, folder, made, result, manner.noted)
    return result


def make_batch(
    styles: list[str],
    config: configs.Config,
    num_images: int,
    folder: pathlib.Path,
    manner: RunOptions = DEFAULT_OPTIONS,
) -> list[Run]:
    """Pictures of each style with the seeds that follow the config's, all at once, each in a folder of its own.

    Args:
      styles: of each picture, as in `Run`.
      config: what they share.
      num_images: of each style.
      folder: above theirs; gets a sheet of all.
      manner: how.

    Raises:
      UserError, Preempted: as `make`; or the loss of some is not finite, and the others are done.
    """
    with _explain_errors(folder):
        plans = planning.build_batch([_load(style, config) for style in styles], config, num_images)
    seeds = [dataclasses.replace(config, seed=config.seed + i) for i in range(num_images)]
    made = [
        Run(style, each, folder / f"{_stem(style)}-{each.seed}")
        for style in styles
        for each in seeds
    ]
    todo = [
        i
        for i, run in enumerate(made)
        if manner.overwrite or not distributed.broadcast_flag(is_done(run))
    ]
    todo = todo if not todo or batches.runs_separately(plans[0]) else range(len(made))
    spoilt = _make_all([made[i] for i in todo], [plans[i] for i in todo], manner)
    if spoilt:
        raise errors.UserError(
            f"the loss is not finite, and nothing is made, in {', '.join(spoilt)}; the others are done"
        )
    if distributed.is_writer():
        images.save(folder / "sheet.png", report.grid([sheet_column(run) for run in made]))
    return made


def _make_all(made: list[Run], plans: list[stepping.Plan], manner: RunOptions) -> list[str]:
    """The folders of those that came to nothing."""
    if not made:
        return []
    whose, spoilt, alone = [identity(run) for run in made], [], batches.runs_separately(plans[0])
    for run in made:
        source_images(run)  # as in `make`
    with (
        _claim_folders(made, whose, manner.overwrite) as folders,
        _explain_errors(made[0].folder.parent),
    ):
        of_each = zip(made, whose if alone else [whose] * len(made), strict=True)
        saved = [
            checkpointing.FileCheckpointer(
                run.folder / run_folder.CHECKPOINTS, who, _flush_all(folders)
            )
            for run, who in of_each
        ]
        with (
            report.ProgressBar(made[0].config.num_steps * len(made)) as bar,
            profiler.profile(manner.profile) as record,
        ):
            watch = [
                _combine_observers(own, bar.watch(), *([] if i else [record]))
                for i, own in enumerate(folders)
            ]
            for i, result in batches.run(plans, watch, saved):
                if np.isfinite(result).all():
                    _finish(made[i], folders[i], plans[i], result, manner.noted)
                else:
                    spoilt.append(str(made[i].folder))
    return spoilt


@contextlib.contextmanager
def _claim_folders(
    made: Sequence[Run], whose: Sequence[dict], overwrite: bool
) -> Iterator[list[report.RunWriter | None]]:
    """A report into the folder of each, which has its identity then; None in a process that does not write."""
    if not distributed.is_writer():
        yield [None] * len(made)
        return
    with contextlib.ExitStack() as stack:
        claim = lambda run, who: run_folder.claim(run.folder, who, provenance.versions(), overwrite)
        metrics = [stack.enter_context(claim(*each)) for each in zip(made, whose, strict=True)]
        writers = stack.enter_context(
            futures.ThreadPoolExecutor(report.MAX_PENDING)
        )  # which are done before another may claim
        folders = [
            report.RunWriter(run.folder, own, writers)
            for run, own in zip(made, metrics, strict=True)
        ]
        for run, folder in zip(made, folders, strict=True):
            with _explain_errors(run.folder):
                folder.begin(source_images(run))
        yield folders


def _flush_all(folders: Sequence[report.RunWriter | None]) -> Callable[[], object]:
    return lambda: [folder.settle() for folder in folders if folder]


def _combine_observers(*observers: loop.Observer | None) -> loop.Observer:
    """In a process that does not write, none of them."""
    there = observers if distributed.is_writer() else ()
    return lambda progress: [observe(progress) for observe in there]


@contextlib.contextmanager
def _explain_errors(folder: pathlib.Path) -> Iterator[None]:
    """A disk that is full, or gone, or too little memory, costs no more than what came after the last checkpoint."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or folder}: {error.strerror or error}"
        raise errors.UserError(
            f"{what}; what was saved is kept, and the same command goes on from it"
        ) from error
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise errors.UserError(
            f"{str(error).removeprefix('RESOURCE_EXHAUSTED: ')} Half the --size (--height, --width) takes a quarter of the "
            "memory; --strips=64 and --remat=all take less, too"
        ) from error


def _finish(
    run: Run, folder: report.RunWriter | None, made: stepping.Plan, result: np.ndarray, noted: bool
) -> None:
    """Picture, sheet and mark, if this process writes."""
    if folder is None:
        return
    note = json.dumps(run_folder.read_record(run.folder)) if noted else ""
    told = folder.finish(
        source_images(run), result, run.config.tile, note, input_images.split_paths(run.config.maps)
    )
    if preemption.requested():
        raise errors.Preempted("told to leave before the last touch")
    run_folder.mark_done(run.folder, {"numbers": made.statistic_size, **told})


def _load(style: str, config: configs.Config) -> list[np.ndarray]:
    return [input_images.read_style(path, config) for path in input_images.split_paths(style)]


def _stem(style: str) -> str:
    return (
        "-".join(pathlib.Path(path).stem for path in input_images.split_paths(style)) or "content"
    )


def identity(run: Run) -> dict:
    """What decides the picture: the choices, and the hash of every file that goes into it."""
    named = [run.config.content, run.config.init, *input_images.split_paths(run.style)]
    several = (run.config.masks, run.config.style_masks, run.config.maps)
    named += [path for text in several for path in input_images.split_paths(text)]
    paths = {path: path for path in named} | {
        "weights": run.config.weights or locations.find_file(run.config.network) or ""
    }
    found = {name: pathlib.Path(builtin.resolve(path)) for name, path in paths.items()}
    inputs = {
        name: files.hash_file(path, "sha256")["sha256"]
        for name, path in found.items()
        if path.is_file()
    }
    return {"flags": {"style": run.style, **dataclasses.asdict(run.config)}, "inputs": inputs}


def is_done(run: Run) -> bool:
    """Whether this very picture has been finished in this folder."""
    return _is_done(run, functools.partial(identity, run))


def _is_done(run: Run, who: Callable[[], dict]) -> bool:
    return (run.folder / run_folder.DONE).is_file() and run_folder.matches(
        run_folder.read_record(run.folder), who()
    )


@functools.cache
def source_images(run: Run) -> list[np.ndarray]:
    """What it is made from, as used: content and exemplars; of a feature map what excites it in them."""
    exemplars = [images.load(path) for path in input_images.split_paths(run.style)]
    if run.config.excite and exemplars:
        return [receptive_fields.strongest_patches(exemplars, run.config)]
    content = [images.load(run.config.content)] if run.config.content else []
    maps = [images.load(path) for path in input_images.split_paths(run.config.maps)]
    return [
        input_images.resize_input(picture, run.config.size)
        for picture in (*content, *exemplars, *maps)
    ]


def sheet_column(run: Run, steps: tuple[int, ...] = ()) -> list[np.ndarray]:
    """What it was made from, snapshots and result with all its maps, from the folder."""
    made = run_folder.result_paths(
        run.folder / run_folder.RESULT, input_images.split_paths(run.config.maps)
    )
    result, *maps = (images.load(path) for path in made)
    snapshots = [
        images.load(run_folder.snapshot_path(run.folder, step))
        for step in steps
        if step < run.config.num_steps
    ]
    return [
        *source_images(run),
        *(images.resize(each, *result.shape[:2]) for each in snapshots),
        result,
        *maps,
    ]


def read_outcome(run: Run) -> dict:
    """What the finished run noted: `numbers`, `steps`, `seconds`, `loss`, `first`, `memory`."""
    return run_folder.read_done(run.folder)


def read_losses(run: Run) -> tuple[list[int], list[float]]:
    """Steps, and the loss at the best image so far."""
    rows = run_folder.read_metrics(run.folder)
    return [row["step"] for row in rows], [row["loss"] for row in rows]


def reference_image(run: Run) -> np.ndarray | None:
    """What the result should look like, to be measured against: the first style, or the content, as used."""
    if run.config.excite:
        return None
    path = (input_images.split_paths(run.style) or [run.config.content])[0]
    if not path:
        raise errors.UserError("a run has neither style nor content")
    return input_images.resize_input(images.load(path), run.config.size)
