"""Experiments: files that declare runs, with a sheet and a table of all results.

    \"\"\"Question in one line?

        jaxtex --experiment=NAME         (time that it takes)

    Result: what was found, below what is done and its source.
    \"\"\"

    from jaxtex import Config

    RUNS = {"pebbles": ("images/pebbles.png", Config(statistic="gram")), ...}

This is a whole file, `experiments/NAME.py`. Optional names in it:

    COLUMNS = 5                   runs in a row of the sheet
    STEPS = (10, 100)             snapshots that the sheet shows between exemplar and result
    CURVE = ("numbers", "patches")  columns of the table to plot, or ("step", "loss")
    LACKING = {"*4_*": ""}        layers that a network may lack -> replacement; "": left out
    ON = {"vgg_lite": {"octaves": 3}}   network -> further choices with this network
    more(rows) -> RUNS            further runs from the table so far, until it returns no new ones
    demonstrate(folder) -> rows   instead of runs: a table, each row with `holds`, and sheet.png
"""

import dataclasses
import fnmatch
import functools
import importlib.util
import pathlib
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from absl import logging

from jaxtex import errors, weights
from jaxtex.runs import claims, execution, results, run_folder, tables
from jaxtex.synthesis import config as configs

FOLDER = pathlib.Path("experiments")
DEFAULT_NETWORK = "vgg16_bn"  # what --network replaces, if the runs of a file differ in theirs
LAYER_CHOICES = ("layers", "content_layers", "excite")  # choices that name layers
Declared = dict[str, tuple[str, configs.Config]]  # name -> style and choices
More = Callable[[list[tables.Row]], Declared]


def no_more(rows: list[tables.Row]) -> Declared:
    """Returns no further runs."""
    del rows
    return {}


class Experiment(NamedTuple):
    """Contents of an experiment's file, see the module."""

    name: str
    question: str
    runs: Declared
    columns: int = 5
    steps: tuple[int, ...] = ()
    curve: tuple[str, str] | None = None
    lacking: Mapping[str, str] = types.MappingProxyType({})
    on: Mapping[str, dict] = types.MappingProxyType({})
    more: More = no_more
    demonstrate: Callable[[pathlib.Path], list[tables.Row]] | None = None

    @property
    def is_static(self) -> bool:
        """True if all runs are known before the first one is made."""
        return self.demonstrate is None and self.more is no_more


class Skipped(NamedTuple):
    """Placeholder of a run that does not apply to the chosen network."""

    reason: str


Adapted = execution.Run | Skipped | errors.UserError


def names() -> list[str]:
    """Lists the experiments.

    Raises:
      UserError: the current folder has none.
    """
    stems = sorted(path.stem for path in FOLDER.glob("*.py"))
    if not stems:
        raise errors.UserError(
            f"no experiments here: those of jaxtex are in the folder {FOLDER} of its repository, "
            f"from which they must be called; your own are {FOLDER}/NAME.py"
        )
    return stems


def load(name: str) -> Experiment:
    """Reads `experiments/NAME.py`.

    Raises:
      UserError: the file is missing or broken.
    """
    path = errors.choose("experiment", name, {known: FOLDER / f"{known}.py" for known in names()})
    try:
        module = _execute(name, path)
        question = (module.__doc__ or "").strip().partition("\n")[0]
        declared: dict[str, Any] = {"runs": {}, "name": name, "question": question}
        for field in ("runs", "columns", "steps", "curve", "lacking", "on"):
            if hasattr(module, field.upper()):
                declared[field] = getattr(module, field.upper())
        for field in ("more", "demonstrate"):
            if hasattr(module, field):
                declared[field] = getattr(module, field)
        return Experiment(**declared)
    except Exception as error:  # the file is arbitrary code
        raise errors.UserError(
            f"experiment '{name}': {path} is broken ({type(error).__name__}: {error})"
        ) from error


def _execute(name: str, path: pathlib.Path) -> types.ModuleType:
    """Executes the file, which may import its neighbors."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


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
    experiment = load(name)
    if not overwrite and (experiment.runs or run_folder.is_run(base / name)):
        claims.refuse_foreign_summary("workdir", base / name)
    start = time.time()
    perform = _demonstrate if experiment.demonstrate else _perform
    failed = perform(experiment, given, base / name, overwrite)
    print(f"{base / name}: {len(failed)} failed, {time.time() - start:.0f} s")
    return failed


def _demonstrate(
    experiment: Experiment, given: dict, folder: pathlib.Path, overwrite: bool
) -> list[str]:
    """Runs an experiment that computes its table itself; returns the claims that do not hold."""
    del given, overwrite
    assert experiment.demonstrate is not None
    folder.mkdir(parents=True, exist_ok=True)
    rows = experiment.demonstrate(folder)
    tables.save(folder, rows, experiment.question)
    print(tables.markdown(rows))
    return [f"{experiment.name}: {row['claim']}" for row in rows if not row["holds"]]


def _perform(
    experiment: Experiment, given: dict, folder: pathlib.Path, overwrite: bool
) -> list[str]:
    """Makes the runs of an experiment, in rounds until `more` returns no new ones."""
    done: results.Runs = {}
    failed: list[str] = []
    declared: Declared = {}
    pending = dict(experiment.runs)
    while pending:
        prepared = dict(adapt_runs(experiment, pending, given, folder, done))
        mistakes = [run for run in prepared.values() if isinstance(run, errors.UserError)]
        if not done and mistakes and len(mistakes) == len(prepared):
            raise mistakes[0]
        for run_name, run in prepared.items():
            failed += _try(f"{experiment.name}/{run_name}", run, done, overwrite)
        declared |= pending
        further = experiment.more(results.table_rows(done, every=True)) if done else {}
        pending = {name: run for name, run in further.items() if name not in declared}
    presentation = results.Presentation(
        experiment.question, experiment.columns, experiment.steps, experiment.curve
    )
    shown = results.shown_names(list(declared), done, experiment.columns)
    results.write_results(folder, done, shown, presentation)
    return failed


def _try(label: str, run: Adapted, done: results.Runs, overwrite: bool) -> list[str]:
    """Makes a run and adds it to `done`; returns the failure, if any."""
    if isinstance(run, Skipped):
        logging.info("%s is left out: %s", label, run.reason)
        return []
    try:
        if isinstance(run, errors.UserError):
            raise run
        logging.info("%s starts", label)
        execution.make_run(run, execution.RunOptions(overwrite=overwrite))
        done[run.folder.name] = run
        return []
    except Exception as error:  # the other runs are made all the same
        logging.debug("%s", label, exc_info=error)
        return [f"{label}: {' '.join(str(error).split()) or type(error).__name__}"]


def adapt_runs(
    experiment: Experiment,
    declared: Declared,
    given: dict,
    folder: pathlib.Path,
    done: results.Runs,
) -> Iterator[tuple[str, Adapted]]:
    """Applies the given choices to runs, with the layers that their network has.

    Args:
      experiment: the declaration.
      declared: name -> style and choices.
      given: choices that replace those of the file.
      folder: of the experiment.
      done: finished runs, of which no duplicates are made.

    Yields:
      Name, and the run; or why it is left out or cannot be made.
    """
    differ = len({config.network for _, config in declared.values()}) > 1
    first_names = {(run.style, run.config): name for name, run in done.items()}
    for name, (style, config) in declared.items():
        replaced = dict(given)
        if differ and config.network != DEFAULT_NETWORK:
            replaced.pop("network", None)  # this network is what the experiment compares
        adapted: configs.Config | Adapted
        try:
            adapted = _adapt_config(experiment, config, replaced)
        except errors.UserError as error:
            adapted = error
        if not isinstance(adapted, configs.Config):
            yield name, adapted
            continue

        run = execution.Run(given.get("style") or style, adapted, folder / name)
        twin = first_names.setdefault((run.style, run.config), name)
        if twin == name:
            yield name, run
        else:
            yield name, Skipped(f"with these layers it is the same as {twin}")


def _adapt_config(
    experiment: Experiment, config: configs.Config, given: dict
) -> configs.Config | Skipped:
    """Combines the choices of the file, of the network, and the given ones; the latter win."""
    given = {key: value for key, value in given.items() if key != "style"}
    with_network = experiment.on.get(given.get("network", config.network), {})
    config = dataclasses.replace(dataclasses.replace(config, **with_network), **given)
    return _adapt_layers(config, experiment.lacking)


def _adapt_layers(config: configs.Config, lacking: Mapping[str, str]) -> configs.Config | Skipped:
    """Replaces or drops the layers that the network lacks."""
    available = available_layers(config.network, config.weights)
    changed: dict[str, Any] = {}
    for field in LAYER_CHOICES:
        text = getattr(config, field)
        parts = [part.strip() for part in text.split(",") if part.strip()]
        adapted = [_adapt_layer(part, available, lacking) for part in parts]
        changed[field] = ",".join(dict.fromkeys(part for part in adapted if part))
        if parts and not changed[field]:
            return Skipped(f"'{config.network}' has none of {text}")
    return dataclasses.replace(config, **changed)


def _adapt_layer(part: str, available: tuple[str, ...], lacking: Mapping[str, str]) -> str:
    """Returns a layer with its weight, or its replacement; empty if it is left out.

    An unavailable layer that `lacking` does not mention stays; building the plan will refuse it.
    """
    name, colon, weight = part.partition(":")
    if name in available:
        return part
    for pattern, replacement in lacking.items():
        if fnmatch.fnmatchcase(name, pattern):
            return f"{replacement}{colon}{weight}" if replacement else ""
    return part


@functools.lru_cache
def available_layers(network: str, path: str) -> tuple[str, ...]:
    """Returns the layers that a network has with the weights of a path, as in `--weights`."""
    return weights.available_layers(weights.NetworkChoice(name=network, weights=path))
