"""Writer of a run's files: images, snapshots and metrics."""

import collections
import json
import pathlib
import time
from collections.abc import Sequence
from concurrent import futures
from typing import IO

import jax
import numpy as np

from jaxtex import errors, images
from jaxtex.images import contact_sheet, texture_maps
from jaxtex.runs import run_folder
from jaxtex.runtime import device_memory
from jaxtex.synthesis import loop

MAX_PENDING = 4  # snapshots in memory that are not written yet
NUM_SHOWN = 4  # snapshots in the sheet of a run


class RunWriter:
    """Writes the files of one run into its folder, as an observer of the synthesis.

    The files are `exemplar.png`, `result.png`, `sheet.png`, `steps/000010.png`, ..., and
    `metrics.jsonl`. Each row of the latter holds the step, the loss at the best image so far, the
    loss evaluated in this step, each term of the loss, and the seconds of work until then. Rows and
    snapshots of a previous run that this one replaces are removed.

    Snapshots are written by other threads, so the device does not wait for PNG compression.

    Args:
      folder: reserved by `claims.claim`.
      metrics: file that `claims.claim` yields.
      executor: threads that write the snapshots.
    """

    def __init__(self, folder: pathlib.Path, metrics: IO[str], executor: futures.Executor):
        self.folder = folder
        self.metrics = metrics
        self.executor = executor
        self.start = time.monotonic()
        self.seconds_before: float | None = None  # of a resumed run; None until the first call
        self.pending: collections.deque[futures.Future] = collections.deque(maxlen=MAX_PENDING)

    def __call__(self, progress: loop.Progress) -> None:
        """Writes the metrics, and submits the snapshot; waits if too many are pending."""
        self._write_metrics(progress)
        if len(self.pending) == MAX_PENDING:
            self.pending[0].result()

        path = run_folder.snapshot_path(self.folder, progress.step)
        image = progress.image[..., :3]
        self.pending.append(self.executor.submit(images.save, path, image, durable=False))

    def flush(self) -> None:
        """Waits until all snapshots are written; raises the error of a failed one."""
        for snapshot in tuple(self.pending):
            snapshot.result()

    def begin(self, sources: Sequence[np.ndarray]) -> None:
        """Writes `exemplar.png`, since the input files may be deleted later.

        Args:
          sources: input images as used, each `[H, W, 3]` in [0, 1].
        """
        images.save(self.folder / "exemplar.png", contact_sheet.sheet(sources), durable=False)

    def finish(
        self,
        sources: Sequence[np.ndarray],
        result: np.ndarray,
        tile: str = "",
        metadata: str = "",
        maps: Sequence[str] = (),
    ) -> dict:
        """Writes the result, and the sheet of sources, snapshots and result.

        Args:
          sources: input images as used, each `[H, W, 3]` in [0, 1].
          result: `[H, W, C]` in [0, 1], three channels per map, see `images.texture_maps`.
          tile: axes along which the sheet repeats the result, see `images.repeat`.
          metadata: text for the result's file.
          maps: paths of the exemplar's further maps, which name the files of the result.

        Returns:
          Outcome for the mark of a finished run: `steps`, `seconds`, last `loss`, `first` loss, and
          peak of `memory` in bytes.

        Raises:
          UserError: the rows of the metrics were removed.
        """
        self.flush()
        paths = run_folder.result_paths(self.folder / run_folder.RESULT, maps)
        for path, image in zip(paths, texture_maps.split_maps(result), strict=True):
            images.save(path, image, note=metadata)

        rows = run_folder.read_metrics(self.folder)
        if not rows:
            raise errors.UserError(
                f"{self.folder / run_folder.METRICS}: has no steps of this run, which was resumed "
                "after the last one; --overwrite makes it again"
            )
        first, last = rows[0], rows[-1]
        snapshots = self._shown_snapshots(last["step"], *result.shape[:2])
        repeated = texture_maps.side_by_side(images.repeat(result, tile, 2))
        sheet = contact_sheet.sheet([*sources, *snapshots, repeated])
        images.save(self.folder / "sheet.png", sheet)
        return {
            "steps": last["step"],
            "seconds": last["seconds"],
            "loss": last["loss"],
            "first": first["evaluated"],
            "memory": device_memory.peak_bytes(),
        }

    def _shown_snapshots(self, last_step: int, height: int, width: int) -> list[np.ndarray]:
        """Loads snapshots for the sheet, evenly spaced before the last step, at its size."""
        paths = [
            path
            for step, path in run_folder.snapshot_paths(self.folder).items()
            if step < last_step
        ]
        positions = np.linspace(0, len(paths) - 1, min(NUM_SHOWN, len(paths)))
        loaded = [images.load_if_readable(paths[round(position)]) for position in positions]
        return [images.resize(image, height, width) for image in loaded if image is not None]

    def _write_metrics(self, progress: loop.Progress) -> None:
        """Appends one row for each step since the last call."""
        first = progress.step - len(progress.infos.loss) + 1
        if self.seconds_before is None:
            self.seconds_before = self._remove_from(first)

        seconds = round(self.seconds_before + time.monotonic() - self.start, 3)
        infos = jax.tree.map(np.asarray, progress.infos)
        for i in range(len(infos.loss)):
            row = {
                "step": first + i,
                "loss": float(infos.loss[i]),
                "evaluated": float(infos.evaluated[i]),
                **{name: float(values[i]) for name, values in infos.terms.items()},
                "seconds": seconds,
            }
            self.metrics.write(json.dumps(row) + "\n")
        self.metrics.flush()

    def _remove_from(self, first: int) -> float:
        """Removes rows and snapshots from a step on.

        Returns:
          Seconds of work until the last row that is left.
        """
        kept = [row for row in run_folder.read_metrics(self.folder) if row["step"] < first]
        # The open file is the lock of the folder, so it is truncated, not replaced.
        self.metrics.truncate(0)
        self.metrics.writelines(json.dumps(row) + "\n" for row in kept)

        steps = {row["step"] for row in kept}
        for step, path in run_folder.snapshot_paths(self.folder).items():
            if step not in steps:
                path.unlink()
        return kept[-1]["seconds"] if kept else 0.0
