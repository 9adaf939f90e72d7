"""Progress of a run on the terminal, or as lines in a log."""

import logging
import time
from types import TracebackType

import rich.console
import rich.progress

from jaxtex.synthesis import loop

logger = logging.getLogger(__name__)

LOG_EVERY = 15.0  # seconds between two lines if stderr is not a terminal


class ProgressBar:
    """Progress bar with loss, steps per second and time left; lines in the log without a terminal.

    Args:
      num_steps: of all images together.
    """

    def __init__(self, num_steps: int):
        self.num_steps = num_steps
        self.done = 0  # steps of this process
        self.resumed = 0  # steps of earlier processes, which count as done but not for the pace

        self.console = rich.console.Console(stderr=True)
        self.bar = rich.progress.Progress(
            "{task.description}",
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TextColumn("{task.fields[pace]}"),
            rich.progress.TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.bar.add_task("compiling", total=num_steps, pace="")
        self.start = time.monotonic()
        self.last_log = self.start

    def __enter__(self) -> "ProgressBar":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def observer(self) -> loop.Observer:
        """Returns an observer for one image."""
        before: int | None = None

        def observe(progress: loop.Progress) -> None:
            nonlocal before
            if before is None:
                before = progress.step - len(progress.infos.loss)
                self.resumed += before
            self.done += progress.step - before
            before = progress.step
            self._show(float(progress.infos.loss[-1]))

        return observe

    def _show(self, loss: float) -> None:
        """Updates the bar, or logs a line if it is time."""
        now = time.monotonic()
        done = self.done + self.resumed
        pace = f"{self.done / (now - self.start):.1f} steps/s"
        self.bar.update(self.task, completed=done, description=f"loss {loss:.2e}", pace=pace)

        is_due = now - self.last_log > LOG_EVERY or done == self.num_steps
        if is_due and not self.console.is_terminal:
            self.last_log = now
            logger.info("step %d of %d, loss %.3e, %s", done, self.num_steps, loss, pace)
