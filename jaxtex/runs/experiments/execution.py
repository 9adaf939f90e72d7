"""Execution of experiments: their runs, in folders of their own, and the results of all."""

import logging
import pathlib
import time

from jaxtex import errors
from jaxtex.runs import claims, execution, results, run_folder, tables
from jaxtex.runs.experiments import adaptation, declaration

logger = logging.getLogger(__name__)


def run_experiment(
    name: str, given: dict, base: pathlib.Path, overwrite: bool = False
) -> list[str]:
    """Runs an experiment: writes `sheet.png`, `table.md`, `table.csv` and perhaps `curve.png`.

    Args:
      name: of the experiment.
      given: choices that replace those of the file; `style`, too.
      base: parent of the experiment's folder.
      overwrite: as in `execution.RunOptions`.

    Returns:
      A line for each failure; the other runs are made.
    """
    experiment = declaration.load(name)
    if not overwrite and (experiment.runs or run_folder.is_run(base / name)):
        claims.refuse_foreign_summary("workdir", base / name)
    start = time.time()
    perform = _demonstrate if experiment.demonstrate else _perform
    failed = perform(experiment, given, base / name, overwrite)
    print(f"{base / name}: {len(failed)} failed, {time.time() - start:.0f} s")
    return failed


def _demonstrate(
    experiment: declaration.Experiment, given: dict, folder: pathlib.Path, overwrite: bool
) -> list[str]:
    """Runs an experiment that computes its table itself; returns the claims that do not hold."""
    del overwrite
    assert experiment.demonstrate is not None
    for flag, value in given.items():
        logger.warning("--%s=%s has no effect on experiment '%s'", flag, value, experiment.name)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        rows = experiment.demonstrate(folder)
        tables.save(folder, rows, experiment.question)
        failed = [f"{experiment.name}: {row['claim']}" for row in rows if not row["holds"]]
    except (errors.UserError, OSError):
        raise
    except Exception as error:  # the file is arbitrary code
        raise errors.UserError(_describe_error(experiment, "demonstrate", error)) from error
    print(tables.markdown(rows))
    return failed


def _perform(
    experiment: declaration.Experiment, given: dict, folder: pathlib.Path, overwrite: bool
) -> list[str]:
    """Makes the runs of an experiment, in rounds until `more` returns no new ones."""
    done: results.Runs = {}
    failed: list[str] = []
    declared: declaration.Declared = {}
    pending = dict(experiment.runs)
    while pending:
        prepared = dict(adaptation.adapt_runs(experiment, pending, given, folder, done))
        mistakes = [run for run in prepared.values() if isinstance(run, errors.UserError)]
        if not done and mistakes and len(mistakes) == len(prepared):
            raise mistakes[0]
        for run_name, run in prepared.items():
            failed += _try(f"{experiment.name}/{run_name}", run, done, overwrite)
        declared |= pending
        further = _further_runs(experiment, done, failed)
        pending = {name: run for name, run in further.items() if name not in declared}
    presentation = results.Presentation(
        experiment.question, experiment.columns, experiment.steps, experiment.curve
    )
    shown = results.shown_names(list(declared), done, experiment.columns)
    results.write_results(folder, done, shown, presentation)
    return failed


def _further_runs(
    experiment: declaration.Experiment, done: results.Runs, failed: list[str]
) -> declaration.Declared:
    """Returns the runs of `more`; if it fails, none, and adds the failure to `failed`."""
    if not done:
        return {}
    rows = results.table_rows(done, every=True)
    try:
        further = experiment.more(rows)
        declaration.validate_runs(further)
        return further
    except Exception as error:  # the file is arbitrary code
        failed.append(_describe_error(experiment, "more", error))
        return {}


def _describe_error(experiment: declaration.Experiment, function: str, error: Exception) -> str:
    """Describes an error of a function of the file."""
    logger.debug("%s", experiment.name, exc_info=error)
    return f"experiment '{experiment.name}': {function} failed ({type(error).__name__}: {error})"


def _try(label: str, run: adaptation.Adapted, done: results.Runs, overwrite: bool) -> list[str]:
    """Makes a run and adds it to `done`; returns the failure, if any."""
    if isinstance(run, adaptation.Skipped):
        logger.info("%s is left out: %s", label, run.reason)
        return []
    try:
        if isinstance(run, errors.UserError):
            raise run
        logger.info("%s starts", label)
        execution.make_run(run, execution.RunOptions(overwrite=overwrite))
        done[run.folder.name] = run
        return []
    except Exception as error:  # the other runs are made all the same
        logger.debug("%s", label, exc_info=error)
        return [f"{label}: {' '.join(str(error).split()) or type(error).__name__}"]
