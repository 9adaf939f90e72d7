"""One run: a picture made into a folder, and found there again."""

import dataclasses
import functools
import json
import pathlib
from typing import NamedTuple

import numpy as np

from jaxtex import (
    batches,
    distributed,
    errors,
    files,
    images,
    problems,
    profiles,
    report,
    scenes,
    sights,
    store,
    synthesis,
)
from jaxtex import config as configs


class Run(NamedTuple):
    """What is to be made, and where it goes."""

    style: str  # paths, with commas between them; empty: the content alone
    config: configs.Config
    folder: pathlib.Path


def plan(style: str, config: configs.Config) -> synthesis.Plan:
    """The synthesis of a run; raises as `make` does."""
    return problems.build(_load(style), config)


def make(run: Run, profile: str = "") -> np.ndarray:
    """Makes the picture into the folder, and a profile into another. Bad choices are found before anything is written.

    Returns:
      The result, `[H, W, 3]`.

    Raises:
      UserError: a choice, a picture or the folder cannot be used.
    """
    made = plan(run.style, run.config)
    if not distributed.writes():
        return synthesis.run(made, observe=lambda progress: distributed.heed(progress.step))
    sources(run)  # which are shown in the end, when the files may be gone
    folder = report.Report(run.folder, identity(run))
    with report.Bar(run.config.num_steps) as bar, profiles.profile(profile) as record:
        watch = lambda progress: (folder(progress), bar(progress), record(progress), distributed.heed(progress.step))
        result = synthesis.run(made, watch)
    folder.finish(sources(run), result, {"numbers": made.numbers}, run.config.tile)
    return result


def make_batch(
    styles: list[str], config: configs.Config, num_images: int, folder: pathlib.Path, profile: str = ""
) -> list[Run]:
    """Pictures of each style with the seeds that follow the config's, all at once, each in a folder of its own.

    Args:
      styles: of each picture, as in `Run`.
      config: what they share.
      num_images: of each style.
      folder: above theirs; gets a sheet of all.
      profile: as for `make`.

    Raises:
      UserError: a choice, a picture or the folder cannot be used.
    """
    plans = problems.build_batch([_load(style) for style in styles], config, num_images)
    seeds = [dataclasses.replace(config, seed=config.seed + i) for i in range(num_images)]
    made = [Run(style, each, folder / f"{_stem(style)}-{each.seed}") for style in styles for each in seeds]
    if not distributed.writes():
        batches.run(plans, [lambda progress: distributed.heed(progress.step), *[_unseen] * (len(made) - 1)])
        return made
    for run in made:
        sources(run)  # as in `make`
    reports = [report.Report(run.folder, identity(run)) for run in made]
    with report.Bar(config.num_steps * len(made)) as bar, profiles.profile(profile) as record:
        shown = [lambda progress, own=own: (own(progress), bar(progress)) for own in reports]
        first = lambda progress: (shown[0](progress), record(progress), distributed.heed(progress.step))
        results = batches.run(plans, [first, *shown[1:]])
    for run, planned, each, result in zip(made, plans, reports, results, strict=True):
        each.finish(sources(run), result, {"numbers": planned.numbers}, config.tile)
    images.save(folder / "sheet.png", report.grid([column(run) for run in made]))
    return made


def _unseen(progress: synthesis.Progress) -> None:
    """For those that do not write."""


def _load(style: str) -> list[np.ndarray]:
    return [images.load(path) for path in scenes.split_paths(style)]


def _stem(style: str) -> str:
    return "-".join(pathlib.Path(path).stem for path in scenes.split_paths(style)) or "content"


def identity(run: Run) -> dict:
    """What decides the picture: the choices, and the hash of every file that goes into it."""
    named = [run.config.content, run.config.init, *scenes.split_paths(run.style)]
    named += [*scenes.split_paths(run.config.masks), *scenes.split_paths(run.config.style_masks)]
    paths = {path: path for path in named} | {"weights": run.config.weights or store.path_of(run.config.network) or ""}
    digest = lambda path: files.hashes(path, "sha256")["sha256"]
    inputs = {name: digest(path) for name, path in paths.items() if pathlib.Path(path).is_file()}
    return {"flags": {"style": run.style, **dataclasses.asdict(run.config)}, "inputs": inputs}


def is_done(run: Run) -> bool:
    """Whether this very picture has been finished in this folder."""
    try:
        recorded = json.loads((run.folder / "run.json").read_text())
    except (OSError, ValueError):
        return False
    return (run.folder / report.DONE).is_file() and {**recorded, **identity(run)} == recorded


@functools.cache
def sources(run: Run) -> list[np.ndarray]:
    """What it is made from, as used: content and exemplars; of a feature map what excites it in them."""
    exemplars = _load(run.style)
    if run.config.excite and exemplars:
        return [sights.mosaic(exemplars, run.config)]
    content = [images.load(run.config.content)] if run.config.content else []
    return [scenes.as_used(picture, run.config.size) for picture in (*content, *exemplars)]


def column(run: Run, steps: tuple[int, ...] = ()) -> list[np.ndarray]:
    """What it was made from, snapshots and result, from the folder."""
    result = images.load(run.folder / "result.png")
    snapshots = [images.load(run.folder / "steps" / f"{step:06d}.png") for step in steps if step < run.config.num_steps]
    return [*sources(run), *(images.resize(each, *result.shape[:2]) for each in snapshots), result]


def outcome(run: Run) -> dict:
    """What the finished run noted: `numbers`, `steps`, `seconds`, `loss`, `first`."""
    return json.loads((run.folder / report.DONE).read_text())


def losses(run: Run) -> tuple[list[int], list[float]]:
    """Steps, and the loss at the best image so far."""
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    return [row["step"] for row in rows], [row["loss"] for row in rows]


def exemplar(run: Run) -> np.ndarray | None:
    """What the result should look like, to be measured against: the first style, or the content, as used."""
    if run.config.excite:
        return None
    path = (scenes.split_paths(run.style) or [run.config.content])[0]
    if not path:
        raise errors.UserError("a run has neither style nor content")
    return scenes.as_used(images.load(path), run.config.size)
