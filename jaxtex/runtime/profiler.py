"""What a step spends its time on, as a file for TensorBoard (XProf) and ui.perfetto.dev."""

import contextlib
from collections.abc import Iterator

import jax
from absl import logging

from jaxtex import errors
from jaxtex.synthesis import loop


@contextlib.contextmanager
def profile(folder: str) -> Iterator[loop.Observer]:
    """An observer that records the steps between the first two snapshots, when all is compiled.

    Args:
      folder: for the files; empty: nothing is recorded.

    Raises:
      UserError: the folder cannot be written to.
    """
    seen = []

    def observe(progress: loop.Progress) -> None:
        seen.append(progress.step)
        if folder and len(seen) == 1:
            _start(folder)
        elif folder and len(seen) == 2:
            jax.profiler.stop_trace()
            logging.info("steps %d to %d recorded in %s", seen[0] + 1, seen[1], folder)

    try:
        yield observe
    finally:
        if folder and len(seen) == 1:
            jax.profiler.stop_trace()
        if folder and len(seen) < 2:
            logging.warning(
                "--profile=%s: there was no second snapshot, and so no whole record", folder
            )


def _start(folder: str) -> None:
    try:
        jax.profiler.start_trace(folder, create_perfetto_trace=True)
    except OSError as error:
        raise errors.UserError(
            f"--profile={folder}: cannot be written to ({error.strerror})"
        ) from error
