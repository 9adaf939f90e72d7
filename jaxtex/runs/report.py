"""What a run leaves behind: pictures, numbers, and a line or a bar while it goes."""

import collections
import json
import pathlib
import textwrap
import time
from collections.abc import Sequence
from concurrent import futures
from typing import IO

import jax
import numpy as np
import rich.console
import rich.progress
from absl import logging
from PIL import Image, ImageDraw, ImageFont

from jaxtex import images
from jaxtex.images import texture_maps
from jaxtex.runs import run_folder
from jaxtex.runtime import device_memory
from jaxtex.synthesis import loop

GAP = 8  # pixels between the pictures of a sheet
LETTERS, SMALL = 16, 8  # pixels, of a caption's letters
WIDE = 1.7  # so many letters are as wide as one is high
LOG_EVERY = 15.0  # seconds between two lines where there is no terminal
MAX_PENDING = 4  # snapshots that may still be on their way to the disk


class RunWriter:
    """Writes the files of one run into its folder, as the observer of a synthesis.

    `exemplar.png`, `result.png`, `sheet.png`, `steps/000010.png`, ..., and `metrics.jsonl`: a line for each step with step,
    loss at the best image so far, loss evaluated in this step, each term, seconds of work until then. What an observed step
    replaces, of a run that was cut off, or of another one, goes.

    Snapshots are written beside the steps: as PNG one of 1024 px takes 0.1 s, which a GPU need not wait for.

    Args:
      folder: where `workdirs.claim` has been.
      metrics: the file that it gave.
      writers: threads for the snapshots.
    """

    def __init__(self, folder: pathlib.Path, metrics: IO[str], writers: futures.Executor):
        self.folder, self.metrics, self.writers = folder, metrics, writers
        self.began, self.before = time.monotonic(), None
        self.late: collections.deque[futures.Future] = collections.deque(maxlen=MAX_PENDING)

    def __call__(self, progress: loop.Progress) -> None:
        self._note(progress)
        if len(self.late) == MAX_PENDING:
            self.late[0].result()
        path, image = run_folder.snapshot_path(self.folder, progress.step), progress.image[..., :3]
        self.late.append(self.writers.submit(images.save, path, image, durable=False))

    def settle(self) -> None:
        """Waits for the snapshots that are on their way; raises what came in the way of one."""
        for each in tuple(self.late):
            each.result()

    def _note(self, progress: loop.Progress) -> None:
        first = progress.step - len(progress.infos.loss) + 1
        self._forget(first)
        seconds = round(self.before + time.monotonic() - self.began, 3)
        for i in range(len(progress.infos.loss)):
            info = jax.tree.map(lambda leaf, i=i: float(leaf[i]), progress.infos)
            row = {
                "step": first + i,
                "loss": info.loss,
                "evaluated": info.evaluated,
                **info.terms,
                "seconds": seconds,
            }
            self.metrics.write(json.dumps(row) + "\n")
        self.metrics.flush()

    def begin(self, sources: list[np.ndarray]) -> None:
        """Writes `exemplar.png`, what it is made from, side by side: the files themselves may go."""
        images.save(self.folder / "exemplar.png", sheet(sources), durable=False)

    def finish(
        self,
        sources: list[np.ndarray],
        result: np.ndarray,
        tile: str = "",
        note: str = "",
        maps: Sequence[str] = (),
    ) -> dict:
        """Writes the result, and the sheet: what it was made from, four snapshots, result.

        Args:
          sources: what it was made from.
          result: `[H, W, C]`, see `materials`.
          tile: along which axes the sheet shows the result twice, see `images.resize`.
          note: goes into the result's file.
          maps: paths of those beyond the first, whose names the files bear.

        Returns:
          For the mark of a finished run: steps, seconds, last and first loss, peak of memory in bytes.
        """
        self.settle()
        for path, each in zip(
            run_folder.result_paths(self.folder / run_folder.RESULT, maps),
            texture_maps.split_maps(result),
            strict=True,
        ):
            images.save(path, each, note=note)
        rows = run_folder.read_metrics(self.folder)
        chosen = [
            path
            for step, path in run_folder.snapshot_paths(self.folder).items()
            if step < rows[-1]["step"]
        ]
        chosen = [chosen[round(i)] for i in np.linspace(0, len(chosen) - 1, min(4, len(chosen)))]
        shown = [
            images.resize(each, *result.shape[:2])
            for each in map(images.load_if_readable, chosen)
            if each is not None
        ]
        repeated = texture_maps.side_by_side(images.repeat(result, tile, 2))
        images.save(self.folder / "sheet.png", sheet([*sources, *shown, repeated]))
        told = {"steps": rows[-1]["step"], "seconds": rows[-1]["seconds"], "loss": rows[-1]["loss"]}
        return told | {"first": rows[0]["evaluated"], "memory": device_memory.peak_bytes()}

    def _forget(self, first: int) -> None:
        """At the first call: the steps from this one on are made anew, and the clock goes on."""
        if self.before is not None:
            return
        kept = [row for row in run_folder.read_metrics(self.folder) if row["step"] < first]
        self.before = kept[-1]["seconds"] if kept else 0.0
        self.metrics.truncate(0)  # not made anew: the open file is the folder's lock
        self.metrics.writelines(json.dumps(row) + "\n" for row in kept)
        steps = {row["step"] for row in kept}
        for path in [
            path
            for step, path in run_folder.snapshot_paths(self.folder).items()
            if step not in steps
        ]:
            path.unlink()


def sheet(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures of any heights side by side on white, `[H, W, 3]`."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [
        np.pad(p, ((0, height - len(p)), (0, GAP), (0, 0)), constant_values=1.0) for p in pictures
    ]
    return np.concatenate(padded, axis=1)[:, :-GAP]


def grid(columns: list[list[np.ndarray]], width: int = 5) -> np.ndarray:
    """Columns of pictures (exemplar above, result below), `width` of them in a row, on white."""
    turned = [
        sheet([picture.swapaxes(0, 1) for picture in column]).swapaxes(0, 1) for column in columns
    ]
    rows = [sheet(turned[i : i + width]) for i in range(0, len(turned), width)]
    return sheet([row.swapaxes(0, 1) for row in rows]).swapaxes(0, 1)


def caption(text: str, width: int, lines: int = 1) -> np.ndarray:
    """Text on white, `[H, width, 3]`, as large as fits, with room for so many lines; `wrapped` has them."""
    parts = wrap(text, width)
    size = max(SMALL, min(LETTERS, int(WIDE * width / max(1, *map(len, parts)))))
    canvas = Image.new("L", (width, max(LETTERS, lines * (SMALL + 2)) + 4), 255)
    place = (0, LETTERS - size if len(parts) == 1 else 0)
    ImageDraw.Draw(canvas).text(place, "\n".join(parts), 0, ImageFont.load_default(size), spacing=2)
    return np.repeat(np.asarray(canvas, np.float32)[..., None] / 255, 3, -1)


def wrap(text: str, width: int) -> list[str]:
    """The lines of a caption; more than one where the smallest letters are too wide for that."""
    return textwrap.wrap(text, max(1, int(WIDE * width / SMALL))) or [""]


class ProgressBar:
    """On a terminal a bar with loss, steps a second and the time left; elsewhere a line now and then.

    Args:
      num_steps: of all images.
    """

    def __init__(self, num_steps: int):
        self.done, self.skipped, self.num_steps = 0, 0, num_steps
        columns = (
            "{task.description}",
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
        )
        rest = (
            rich.progress.TextColumn("{task.fields[pace]}"),
            rich.progress.TimeRemainingColumn(),
        )
        self.console = rich.console.Console(stderr=True)
        self.bar = rich.progress.Progress(
            *columns, *rest, console=self.console, disable=not self.console.is_terminal
        )
        self.task = self.bar.add_task("compiling", total=num_steps, pace="")
        self.began = self.spoke = time.monotonic()

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *_):
        self.bar.stop()

    def watch(self) -> loop.Observer:
        """An observer of one image; what it had done before counts, for the share, not for the pace."""
        before = None

        def observe(progress: loop.Progress) -> None:
            nonlocal before
            if before is None:
                before = progress.step - len(progress.infos.loss)
                self.skipped += before
            self.done += progress.step - before
            before = progress.step
            self._show(float(progress.infos.loss[-1]))

        return observe

    def _show(self, loss: float) -> None:
        now, done = time.monotonic(), self.done + self.skipped
        pace = f"{self.done / (now - self.began):.1f} steps/s"
        self.bar.update(self.task, completed=done, description=f"loss {loss:.2e}", pace=pace)
        if not self.console.is_terminal and (
            now - self.spoke > LOG_EVERY or done == self.num_steps
        ):
            self.spoke = now
            logging.info("step %d of %d, loss %.3e, %s", done, self.num_steps, loss, pace)
