"""Status and results of a sweep, from the folders and logs of its runs."""

import collections
import pathlib
from collections.abc import Iterable, Mapping

from jaxtex.runs import claims, execution, results, run_folder, tables, workers

# States of a run, in the order in which they are counted.
STATES = ("done", "running", "failed", "waiting")
DEFAULT_COLUMNS = 5  # runs in a row of the sheet
MAX_COLUMNS = 12  # of runs that share a value
TAIL_SIZE = 4096  # bytes of the metrics that hold the last row


def log_path(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the path of a run's log, which also is its lock.

    Args:
      folder: of the sweep.
      name: of the run.
    """
    return folder / "logs" / f"{name}.log"


def read_states(folder: pathlib.Path, runs: results.Runs) -> dict[str, str]:
    """Reads the states of runs.

    Args:
      folder: of the sweep.
      runs: of the sweep, or some of them.

    Returns:
      Name -> a state of `STATES`. A run is `failed` if its last attempt failed.
    """
    return {name: _state(log_path(folder, name), run) for name, run in runs.items()}


def _state(log: pathlib.Path, run: execution.Run) -> str:
    """Returns the state of one run."""
    if execution.is_done(run):
        return "done"
    if workers.is_running(log):
        return "running"
    return "failed" if workers.read_failure(log) else "waiting"


def summarize(states: Mapping[str, str]) -> str:
    """Counts the states: `"12 runs: 7 done, 2 running, 1 failed, 2 waiting"`."""
    counts = collections.Counter(states.values())
    parts = [f"{counts[state]} {state}" for state in STATES if state in counts]
    plural = "" if len(states) == 1 else "s"
    return f"{len(states)} run{plural}: {', '.join(parts)}"


def show(folder: pathlib.Path, runs: results.Runs) -> None:
    """Prints a line for each run, and the reasons of failures.

    Args:
      folder: of the sweep.
      runs: to show.
    """
    states = read_states(folder, runs)
    rows = [[name, state, *_progress(runs[name])] for name, state in states.items()]
    tables.show([["run", "state", "steps", "loss", "seconds"], *rows])
    for name, state in states.items():
        if state == "failed":
            print(f"{name} failed: {workers.read_failure(log_path(folder, name))}")
    print(f"{folder}: {summarize(states)}")


def _progress(run: execution.Run) -> tuple[str, str, str]:
    """Returns steps, loss and seconds from the last complete row of the metrics."""
    lines = workers.read_tail(run.folder / run_folder.METRICS, TAIL_SIZE)
    last = next(run_folder.parse_metrics(reversed(lines)), None)
    if last is None:
        return f"0/{run.config.num_steps}", "", ""
    return f"{last['step']}/{run.config.num_steps}", f"{last['loss']:.3g}", f"{last['seconds']:.1f}"


def gather(folder: pathlib.Path, runs: results.Runs) -> None:
    """Writes the sheet and the table; unfinished runs appear by name.

    Args:
      folder: of the sweep.
      runs: all runs of the sweep.
    """
    claims.refuse_foreign_summary("folder", folder)
    states = read_states(folder, runs)
    done = {name: run for name, run in runs.items() if states[name] == "done"}
    unfinished = {name: run for name, run in runs.items() if name not in done}
    title = f"{folder}: {summarize(states)}"
    presentation = results.Presentation(title, sheet_columns(runs.values()))
    results.write_results(folder, done, list(runs), presentation, unfinished)
    print(f"{title}; {folder / 'sheet.png'}, {folder / 'table.md'}" if done else title)


def sheet_columns(runs: Iterable[execution.Run]) -> int:
    """Returns the number of runs in a row of the sheet.

    A row holds the runs that share a value of the flag that varies slowest, if they are few enough.
    """
    named = {str(number): run for number, run in enumerate(runs)}
    choices = [results.run_choices(run) for run in named.values()]
    longest = 1
    for flag in results.differing_choices(named):
        values = [choice[flag] for choice in choices]
        # Runs at the beginning that have the same value; not all have, as the flag differs.
        changes = (i for i, value in enumerate(values) if value != values[0])
        longest = max(longest, next(changes))
    return longest if 1 < longest <= MAX_COLUMNS else DEFAULT_COLUMNS
