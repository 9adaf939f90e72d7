"""Experiments: files that declare runs. Each run is made once; a sheet and a table hold all of them side by side.

    \"\"\"What is asked, in one line?

        jaxtex --experiment=NAME         (how long it took)

    Came out: what was seen.
    \"\"\"

    from jaxtex import Config

    RUNS = {"pebbles": ("images/pebbles.png", Config(statistic="gram")), ...}

That is a whole file, `experiments/NAME.py`. It may also say:

    COLUMNS = 5                   runs in a row of the sheet
    STEPS = (10, 100)             snapshots that the sheet shows between exemplar and result
    CURVE = ("numbers", "patches")  columns of the table to be drawn against each other, or ("step", "loss")
    LACKING = {"*4_*": ""}        layers that a network may lack -> what takes their place; "": they are left out
    ON = {"vgg_lite": {"octaves": 3}}   a network -> choices that go with it
    more(rows) -> RUNS            further runs, given the table so far with all choices, until there are no new ones
    demonstrate(folder) -> rows   instead of runs: rows of a table, each with `holds`, and a sheet.png
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
from typing import NamedTuple

from absl import logging

from jaxtex import errors
from jaxtex.runs import execution, results, tables
from jaxtex.synthesis import config as configs
from jaxtex.weights import loading

FOLDER = pathlib.Path("experiments")
WRITTEN_FOR = "vgg16_bn"  # the network that --network takes the place of, where the runs of a file differ in theirs
LAYERS = ("layers", "content_layers", "excite")  # the choices that name layers


class Experiment(NamedTuple):
    """What a file says, see above."""

    name: str
    question: str
    runs: dict[str, tuple[str, configs.Config]]
    columns: int = 5
    steps: tuple[int, ...] = ()
    curve: tuple[str, str] | None = None
    lacking: Mapping[str, str] = types.MappingProxyType({})
    on: Mapping[str, dict] = types.MappingProxyType({})
    more: Callable[[list[tables.Row]], dict] = lambda rows: {}
    demonstrate: Callable[[pathlib.Path], list[tables.Row]] | None = None


class Skipped(NamedTuple):
    """In place of a run that makes no sense with this network."""

    reason: str


def names() -> list[str]:
    """Those that there are.

    Raises:
      UserError: none; the text says where they are.
    """
    found = sorted(path.stem for path in FOLDER.glob("*.py"))
    if not found:
        raise errors.UserError(
            f"no experiments here: jaxtex's own are in the folder {FOLDER} of its repository, from which they are to be "
            f"called; one that you write is {FOLDER}/NAME.py"
        )
    return found


def load(name: str) -> Experiment:
    """Reads `experiments/NAME.py`.

    Raises:
      UserError: there is none, or it is broken; the text says where.
    """
    path = errors.choose("experiment", name, {each: FOLDER / f"{each}.py" for each in names()})
    try:
        module = _execute(name, path)
        fields = {
            field: getattr(module, field.upper())
            for field in Experiment._fields
            if hasattr(module, field.upper())
        }
        functions = {
            field: getattr(module, field)
            for field in ("more", "demonstrate")
            if hasattr(module, field)
        }
        question = (module.__doc__ or "").strip().partition("\n")[0]
        return Experiment(**{"runs": {}, **fields, **functions, "name": name, "question": question})
    except Exception as error:  # it is anybody's code
        raise errors.UserError(
            f"experiment '{name}': {path} is broken ({type(error).__name__}: {error})"
        ) from error


def _execute(name: str, path: pathlib.Path) -> types.ModuleType:
    """Runs the file; it may import its neighbours."""
    spec = importlib.util.spec_from_file_location(name, path)
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
    """Does an experiment, and leaves `sheet.png`, `table.md`, `table.csv` and perhaps `curve.png` in its folder.

    Args:
      name: of the experiment.
      given: choices that take the place of the file's; `style`, too.
      base: the folder above the experiment's.
      overwrite: as in `runs.Manner`.

    Returns:
      What failed, a line each; the rest is done all the same.
    """
    experiment, began = load(name), time.time()
    act = _demonstrate if experiment.demonstrate else _perform
    failed = act(experiment, given, base / name, overwrite)
    print(f"{base / name}: {len(failed)} failed, {time.time() - began:.0f} s")
    return failed


def _demonstrate(
    experiment: Experiment, given: dict, folder: pathlib.Path, overwrite: bool
) -> list[str]:
    del given, overwrite
    folder.mkdir(parents=True, exist_ok=True)
    rows = experiment.demonstrate(folder)
    tables.save(folder, rows, experiment.question)
    print(tables.markdown(rows))
    return [f"{experiment.name}: {row['claim']}" for row in rows if not row["holds"]]


def _perform(
    experiment: Experiment, given: dict, folder: pathlib.Path, overwrite: bool
) -> list[str]:
    done, failed, seen, wanted = {}, [], {}, dict(experiment.runs)
    while wanted:
        prepared = dict(adapt_runs(experiment, wanted, given, folder, done))
        if not done and all(isinstance(run, errors.UserError) for run in prepared.values()):
            raise next(iter(prepared.values()))
        for run_name, run in prepared.items():
            failed += _try(f"{experiment.name}/{run_name}", run, done, overwrite)
        seen |= wanted
        further = experiment.more(results.table_rows(done, every=True)) if done else {}
        wanted = {key: run for key, run in further.items() if key not in seen}
    results.write_results(folder, done, list(seen), experiment)
    return failed


def _try(
    label: str,
    run: execution.Run | Skipped | errors.UserError,
    done: dict[str, execution.Run],
    overwrite: bool,
) -> list[str]:
    """Makes a run, unless it is done; nothing, or why it failed."""
    if isinstance(run, Skipped):
        logging.info("%s is left out: %s", label, run.reason)
        return []
    try:
        if isinstance(run, errors.UserError):
            raise run
        logging.info("%s begins", label)
        execution.make_run(run, execution.RunOptions(overwrite=overwrite))
        done[run.folder.name] = run
        return []
    except Exception as error:  # the other runs go on
        logging.debug("%s", label, exc_info=error)
        return [f"{label}: {' '.join(str(error).split()) or type(error).__name__}"]


def adapt_runs(
    experiment: Experiment,
    wanted: dict,
    given: dict,
    folder: pathlib.Path,
    done: dict[str, execution.Run],
) -> Iterator[tuple[str, execution.Run | Skipped | errors.UserError]]:
    """The runs with the choices given, and with the layers that their network has; or why one cannot be made.

    Args:
      experiment: whose they are.
      wanted: name -> style and choices.
      given: choices that take the place of the file's.
      folder: of the experiment.
      done: runs that a twin is not made of.
    """
    several = len({config.network for _, config in wanted.values()}) > 1
    made = {(run.style, run.config): name for name, run in done.items()}
    for name, (style, config) in wanted.items():
        fixed = {"network"} if several and config.network != WRITTEN_FOR else set()
        try:
            chosen = _chosen(
                experiment, config, {key: value for key, value in given.items() if key not in fixed}
            )
        except errors.UserError as error:
            chosen = error
        if isinstance(chosen, configs.Config):
            run = execution.Run(given.get("style") or style, chosen, folder / name)
            twin = made.setdefault((run.style, run.config), name)
            chosen = run if twin == name else Skipped(f"with these layers it is the same as {twin}")
        yield name, chosen


def _chosen(
    experiment: Experiment, config: configs.Config, given: dict
) -> configs.Config | Skipped:
    """The file's choices, what goes with the network, the flags' choices: the later ones count."""
    chosen = {key: value for key, value in given.items() if key != "style"}
    config = dataclasses.replace(
        config, **experiment.on.get(chosen.get("network", config.network), {})
    )
    return _with_layers(dataclasses.replace(config, **chosen), experiment.lacking)


def _with_layers(config: configs.Config, lacking: Mapping[str, str]) -> configs.Config | Skipped:
    """The choices with just the layers that there are; `lacking` says what becomes of the others."""
    available, changed = available_layers(config.network, config.weights), {}
    for field in LAYERS:
        parts = [part.strip() for part in getattr(config, field).split(",") if part.strip()]
        kept = [_in_place_of(part, available, lacking) for part in parts]
        changed[field] = ",".join(dict.fromkeys(part for part in kept if part))
        if parts and not changed[field]:
            return Skipped(f"'{config.network}' has none of {getattr(config, field)}")
    return dataclasses.replace(config, **changed)


def _in_place_of(part: str, available: tuple[str, ...], lacking: Mapping[str, str]) -> str:
    """A layer with its weight, what takes its place, or nothing. Layers that nothing is said of stay, to be refused."""
    name, colon, weight = part.partition(":")
    if name in available:
        return part
    other = next(
        (other for pattern, other in lacking.items() if fnmatch.fnmatchcase(name, pattern)), name
    )
    return f"{other}{colon}{weight}" if other else ""


@functools.lru_cache
def available_layers(network: str, path: str) -> tuple[str, ...]:
    """The layers that a network with these weights has."""
    return loading.available_layers(configs.Config(network=network, weights=path))
