"""Declaration of an experiment: a file with the choices of its runs.

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

import importlib.util
import pathlib
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxtex import errors
from jaxtex.runs import claims, tables
from jaxtex.synthesis import config as configs

FOLDER = pathlib.Path("experiments")
KINDS = [str, configs.Config]  # of the parts of a run: style and choices
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
        experiment = Experiment(**declared)
        if experiment.demonstrate is None:
            _validate(experiment)
        return experiment
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


def _validate(experiment: Experiment) -> None:
    """Raises a `ValueError` if an optional name of the file has no valid value."""
    validate_runs(experiment.runs)
    columns, steps, curve = experiment.columns, experiment.steps, experiment.curve
    if not isinstance(columns, int) or columns < 1:
        raise ValueError(f"COLUMNS = {columns!r}: must be a whole number of at least 1")
    if not _is_sequence_of(int, steps):
        raise ValueError(f"STEPS = {steps!r}: must be numbers of steps, such as (10, 100)")
    if curve is not None and not (_is_sequence_of(str, curve) and len(curve) == 2):
        raise ValueError(f"CURVE = {curve!r}: must be two columns, such as ('step', 'loss')")
    for name, values, kind in (("LACKING", experiment.lacking, str), ("ON", experiment.on, dict)):
        if not (isinstance(values, Mapping) and _is_sequence_of(kind, list(values.values()))):
            raise ValueError(f"{name} = {values!r}: must be a dict of {kind.__name__}")


def _is_sequence_of(kind: type, values: object) -> bool:
    """True for a list, tuple or range whose items are of a type."""
    return isinstance(values, Sequence) and all(isinstance(value, kind) for value in values)


def validate_runs(runs: object) -> None:
    """Validates the runs of an experiment, or of its `more`.

    Raises:
      ValueError: it is no dict, a name is not that of a folder, or a run is no style and `Config`.
    """
    if not isinstance(runs, Mapping):
        raise ValueError(f"RUNS: expected a dict of runs by name, got {runs!r}")
    for name, run in runs.items():
        is_name = isinstance(name, str) and name and pathlib.PurePath(name).name == name != ".."
        if not is_name or name in claims.SUMMARIES:
            raise ValueError(f"RUNS: the name {name!r} is not that of a folder, such as 'one-gram'")
        if not isinstance(run, tuple | list) or [type(part) for part in run] != KINDS:
            raise ValueError(f"RUNS: {name!r} must be a style and a Config, got {run!r}")
