"""Profile of some steps, for TensorBoard (XProf) and ui.perfetto.dev."""

import contextlib
import logging
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Protocol

import jax

from jaxtex import errors

logger = logging.getLogger(__name__)


class HasStep(Protocol):
    """Progress of a synthesis, as far as the profiler uses it."""

    @property
    def step(self) -> int:
        """Steps done."""


def validate(folder: str) -> None:
    """Validates that a profile can be written to a folder, which may be missing; creates nothing.

    Args:
      folder: as for `profile`.

    Raises:
      UserError: its name is no text, or it cannot be written to.
    """
    try:
        folder.encode()  # JAX takes no other names
        if folder and "://" not in folder:
            path = pathlib.Path(folder)
            existing = next(each for each in (path, *path.parents) if each.exists())
            with tempfile.TemporaryFile(dir=existing):
                pass
    except (OSError, ValueError) as error:
        raise _refusal(folder, error) from error


@contextlib.contextmanager
def profile(folder: str) -> Iterator[Callable[[HasStep], None]]:
    """Yields an observer that profiles the steps between the first two snapshots.

    By then all programs of the first scale are compiled.

    Args:
      folder: where the files go; empty profiles nothing.

    Raises:
      UserError: the folder cannot be written to.
    """
    steps: list[int] = []  # of the snapshots so far
    tracing = False

    def observe(progress: HasStep) -> None:
        nonlocal tracing
        steps.append(progress.step)
        if folder and len(steps) == 1:
            _start_trace(folder)
            tracing = True
        elif tracing and len(steps) == 2:
            tracing = False
            jax.profiler.stop_trace()
            logger.info("profiled steps %d to %d into %s", steps[0] + 1, steps[1], folder)

    try:
        yield observe
    finally:
        if tracing:
            jax.profiler.stop_trace()
        if folder and len(steps) < 2:
            logger.warning("--profile=%s: incomplete, the run made no second snapshot", folder)


def _start_trace(folder: str) -> None:
    """Starts JAX's profiler, with a trace for Perfetto too.

    Raises:
      UserError: the folder cannot be written to.
    """
    try:
        if "://" not in folder:  # JAX itself would raise when the trace is complete
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        jax.profiler.start_trace(folder, create_perfetto_trace=True)
    except (OSError, ValueError) as error:
        raise _refusal(folder, error) from error


def _refusal(folder: str, error: Exception) -> errors.UserError:
    """Returns the error for a folder that cannot be written to."""
    reason = getattr(error, "strerror", None) or error
    return errors.UserError(f"--profile={folder}: cannot write to this folder ({reason})")
