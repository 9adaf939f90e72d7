"""What a run leaves behind: pictures, numbers, and a line or a bar while it goes."""

import json
import pathlib
import platform
import textwrap
import time
from importlib import metadata

import jax
import numpy as np
import rich.console
import rich.progress
from absl import logging
from PIL import Image, ImageDraw, ImageFont

from jaxtex import errors, files, images, memory, synthesis

DONE = "DONE"  # the file that marks a finished run
GAP = 8  # pixels between the pictures of a sheet
LETTERS, SMALL = 16, 8  # pixels, of a caption's letters
WIDE = 1.7  # so many letters are as wide as one is high
LOG_EVERY = 15.0  # seconds between two lines where there is no terminal


class Report:
    """Writes the files of one run into its folder, as the observer of a synthesis.

    `result.png`, `sheet.png`, `steps/000010.png`, ..., `metrics.jsonl` (a line for each step: step, loss at the best
    image so far, loss evaluated in this step, each term, seconds since the start), `run.json`, and
    `DONE` in the end (steps, seconds, last and first loss, peak of memory in bytes).

    Raises:
      UserError: the folder cannot be written to.
    """

    def __init__(self, folder: str | pathlib.Path, identity: dict):
        self.folder, self.began, self.snapshots = pathlib.Path(folder), time.time(), []
        self.first, self.last = None, {}
        try:
            (self.folder / "steps").mkdir(parents=True, exist_ok=True)
            self._forget()
            self.metrics = open(self.folder / "metrics.jsonl", "w")
            (self.folder / "run.json").write_text(json.dumps(identity | provenance(), indent=1) + "\n")
        except OSError as error:
            raise errors.UserError(f"--workdir={folder}: cannot be written to ({error.strerror})") from error

    def __call__(self, progress: synthesis.Progress) -> None:
        first, seconds = progress.step - len(progress.infos.loss) + 1, round(time.time() - self.began, 3)
        for i in range(len(progress.infos.loss)):
            info = jax.tree.map(lambda leaf, i=i: float(leaf[i]), progress.infos)
            row = {"step": first + i, "loss": info.loss, "evaluated": info.evaluated, **info.terms, "seconds": seconds}
            self.metrics.write(json.dumps(row) + "\n")
            self.first = info.evaluated if self.first is None else self.first
        self.last = {"steps": progress.step, "seconds": seconds, "loss": info.loss}
        self.metrics.flush()
        path = self.folder / "steps" / f"{progress.step:06d}.png"
        images.save(path, progress.image)
        self.snapshots.append(path)

    def finish(self, sources: list[np.ndarray], result: np.ndarray, notes: dict, tile: str = "") -> None:
        """Writes the result, the sheet (what it was made from, four snapshots, result), and the mark of a finished run.

        Args:
          sources: what it was made from.
          result: `[H, W, 3]`.
          notes: go into the mark.
          tile: along which axes the sheet shows the result twice, see `images.resize`.
        """
        self.metrics.close()
        images.save(self.folder / "result.png", result)
        chosen = self.snapshots[:-1]
        chosen = [chosen[round(i)] for i in np.linspace(0, len(chosen) - 1, min(4, len(chosen)))]
        shown = [images.resize(images.load(path), *result.shape[:2]) for path in chosen]
        images.save(self.folder / "sheet.png", sheet([*sources, *shown, images.repeated(result, tile, 2)]))
        with files.atomic(self.folder / DONE) as part:
            part.write_text(json.dumps({**notes, **self.last, "first": self.first, "memory": memory.peak()}) + "\n")

    def _forget(self) -> None:
        for path in (*self.folder.glob("steps/*.png"), self.folder / DONE):
            path.unlink(missing_ok=True)


def sheet(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures of any heights side by side on white, `[H, W, 3]`."""
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(p, ((0, height - len(p)), (0, GAP), (0, 0)), constant_values=1.0) for p in pictures]
    return np.concatenate(padded, axis=1)[:, :-GAP]


def grid(columns: list[list[np.ndarray]], width: int = 5) -> np.ndarray:
    """Columns of pictures (exemplar above, result below), `width` of them in a row, on white."""
    turned = [sheet([picture.swapaxes(0, 1) for picture in column]).swapaxes(0, 1) for column in columns]
    rows = [sheet(turned[i : i + width]) for i in range(0, len(turned), width)]
    return sheet([row.swapaxes(0, 1) for row in rows]).swapaxes(0, 1)


def caption(text: str, width: int, lines: int = 1) -> np.ndarray:
    """Text on white, `[H, width, 3]`, as large as fits, with room for so many lines; `wrapped` has them."""
    parts = wrapped(text, width)
    size = max(SMALL, min(LETTERS, int(WIDE * width / max(1, *map(len, parts)))))
    canvas = Image.new("L", (width, max(LETTERS, lines * (SMALL + 2)) + 4), 255)
    place = (0, LETTERS - size if len(parts) == 1 else 0)
    ImageDraw.Draw(canvas).text(place, "\n".join(parts), 0, ImageFont.load_default(size), spacing=2)
    return np.repeat(np.asarray(canvas, np.float32)[..., None] / 255, 3, -1)


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a caption; more than one where the smallest letters are too wide for that."""
    return textwrap.wrap(text, max(1, int(WIDE * width / SMALL))) or [""]


def provenance() -> dict:
    """What else is needed to do a run again: the versions and the device."""
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy", "pillow")}
    versions |= {"python": platform.python_version(), "jaxtex": metadata.version("jaxtex")}
    return {"versions": versions, "device": jax.devices()[0].device_kind}


class Bar:
    """On a terminal a bar with loss, steps a second and the time left; elsewhere a line now and then.

    Args:
      num_steps: of all images that it is shown.
    """

    def __init__(self, num_steps: int):
        self.done, self.num_steps = 0, num_steps
        columns = ("{task.description}", rich.progress.BarColumn(), rich.progress.MofNCompleteColumn())
        rest = (rich.progress.TextColumn("{task.fields[pace]}"), rich.progress.TimeRemainingColumn())
        self.console = rich.console.Console(stderr=True)
        self.bar = rich.progress.Progress(*columns, *rest, console=self.console, disable=not self.console.is_terminal)
        self.task = self.bar.add_task("compiling", total=num_steps, pace="")
        self.began, self.spoke = time.time(), time.time()

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *_):
        self.bar.stop()

    def __call__(self, progress: synthesis.Progress) -> None:
        now, loss = time.time(), float(progress.infos.loss[-1])
        self.done += len(progress.infos.loss)
        pace = f"{self.done / (now - self.began):.1f} steps/s"
        self.bar.update(self.task, completed=self.done, description=f"loss {loss:.2e}", pace=pace)
        if not self.console.is_terminal and (now - self.spoke > LOG_EVERY or self.done == self.num_steps):
            self.spoke = now
            logging.info("step %d of %d, loss %.3e, %s", self.done, self.num_steps, loss, pace)
