"""Sweeps: a grid or a list of flags -> runs -> a manifest, which is a folder of flagfiles that `jaxtex` takes, one a run.

seed=0,1,2                         a flag and its values
layers=relu1_1,relu2_1;relu3_1     where a ; stands, it alone separates: two values
"""

import copy
import dataclasses
import functools
import itertools
import pathlib
import re
import shlex
from collections.abc import Iterator, Sequence

from absl import flags, logging

from jaxtex import errors, images
from jaxtex.cli import flag_parsing
from jaxtex.runs import execution, experiments, results
from jaxtex.runtime import files
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, planning

MANIFEST = "manifest"  # the folder of flagfiles, beside those of the runs
LONGEST = 60  # letters of a run's name
CHOICES = [field.name for field in dataclasses.fields(configs.Config)]
ALLOWED = ["style", "experiment", *CHOICES]  # the flags of `jaxtex` that a sweep may give

Labelled = tuple[
    str, execution.Run
]  # "q1-pebbles" of an experiment's run, else ""; its folder is still open


def parse_vary(text: str) -> list[str]:
    """`"seed=0,1"` -> `["--seed=0", "--seed=1"]`.

    Raises:
      UserError: it is no flag with values, or none that may vary.
    """
    name, equals, values = text.partition("=")
    if not equals:
        raise errors.UserError(
            f"--vary={text}: a flag and its values, please, such as --vary=seed=0,1,2"
        )
    errors.choose("flag to vary", name, dict.fromkeys(ALLOWED))
    return [f"--{name}={value.strip()}" for value in values.split(";" if ";" in values else ",")]


def read_list(path: str) -> list[list[str]]:
    """The flags of each line, as a shell would split them; `#` begins a comment.

    Raises:
      UserError: the file cannot be read, or has no line of flags.
    """
    try:
        lines = [
            shlex.split(line, comments=True) for line in pathlib.Path(path).read_text().splitlines()
        ]
    except (OSError, ValueError) as error:
        raise errors.UserError(
            f"--list={path}: {getattr(error, 'strerror', None) or error}"
        ) from error
    if not any(lines):
        raise errors.UserError(f"--list={path}: no line of flags")
    return [line for line in lines if line]


def flag_points(fixed: list[str], varied: Sequence[str], listed: str = "") -> list[list[str]]:
    """The flags of each run: the fixed ones with each line of the list and each combination of the values that vary.

    Raises:
      UserError: as `parse_vary` and `read_list`, or a flag is given twice.
    """
    names = [text.partition("=")[0] for text in varied]
    for i, name in enumerate(names):
        if name in names[:i] or any(flag.startswith(f"--{name}=") for flag in fixed):
            raise errors.UserError(f"--vary={varied[i]}: --{name} is given twice")
    axes = [[[value] for value in parse_vary(text)] for text in varied]
    lines = read_list(listed) if listed else [[]]
    return [[*fixed, *itertools.chain(*point)] for point in itertools.product(lines, *axes)]


def expand_runs(values: flags.FlagValues, flags_of_runs: Sequence[list[str]]) -> list[Labelled]:
    """The runs that the flags of each stand for, all checked; twins are made once.

    Args:
      values: the flags of `jaxtex`, which stay as they are; `take` has those that count.
      flags_of_runs: as from `points`; an experiment stands for all of its runs.

    Raises:
      UserError: a flag, a value or a picture cannot be used; the text names it.
    """
    found = {}
    for arguments in flags_of_runs:
        for label, run in _runs(_parsed(values, arguments)):
            validate_run(run)
            if found.setdefault(run[:2], (label, run))[1] is not run:
                logging.info("left out, as it is there already: %s", " ".join(arguments))
    return list(found.values())


def copy_flags(source: flags.FlagValues, into: flags.FlagValues) -> flags.FlagValues:
    """Defines the flags of `jaxtex` that a sweep may give; returns `into`."""
    for name in ALLOWED:
        into[name] = copy.deepcopy(source[name])
    flags.DEFINE_alias("texture", "style", flag_values=into)
    return into


def _parsed(values: flags.FlagValues, arguments: list[str]) -> flags.FlagValues:
    values = copy_flags(values, flags.FlagValues())
    flags.DEFINE_string("workdir", "", "Of a flagfile.", flag_values=values)
    try:
        rest = values(["jaxtex", *arguments])[1:]
    except flags.Error as error:
        raise errors.UserError(flag_parsing.explain_error(error, values)) from error
    if rest:
        raise errors.UserError(f"'{rest[0]}' is no flag")
    return values


def _runs(values: flags.FlagValues) -> Iterator[Labelled]:
    if values.workdir:
        raise errors.UserError(
            f"--workdir={values.workdir}: a sweep gives each run a folder of its own"
        )
    given = {name: values[name].value for name in CHOICES if values[name].present}
    if not values.experiment:
        yield "", execution.Run(values.style or "", configs.Config(**given), pathlib.Path())
    for name in filter(None, (name.strip() for name in (values.experiment or "").split(","))):
        yield from _of_experiment(name, given | ({"style": values.style} if values.style else {}))


def _of_experiment(name: str, given: dict) -> Iterator[Labelled]:
    experiment = experiments.load(name)
    if (
        experiment.demonstrate
        or experiment.more is not experiments.Experiment._field_defaults["more"]
    ):
        raise errors.UserError(
            f"experiment '{name}' does not know its runs beforehand: jaxtex --experiment={name}"
        )
    for each, run in experiments.adapt_runs(experiment, experiment.runs, given, pathlib.Path(), {}):
        if isinstance(run, errors.UserError):
            raise run
        if isinstance(run, experiments.Skipped):
            logging.info("%s/%s is left out: %s", name, each, run.reason)
        else:
            yield f"{name}-{each}", run


def validate_run(run: execution.Run) -> None:
    """Finds what is wrong before anything runs.

    Raises:
      UserError: as `problems.check`.
    """
    configs.validate(run.config)
    _check(run.style, dataclasses.replace(run.config, seed=0))


@functools.cache
def _check(style: str, config: configs.Config) -> None:
    planning.check([images.load(path) for path in input_images.split_paths(style)], config)


def write_manifest(folder: pathlib.Path, wanted: Sequence[Labelled], there: results.Runs) -> None:
    """Writes the flagfiles of runs that are not in the manifest yet; those that are there stay as they are.

    Args:
      folder: of the sweep.
      wanted: all of its runs.
      there: what `read` found.

    Raises:
      UserError: there are other runs in the manifest.
    """
    known, asked = {run[:2] for run in there.values()}, {run[:2] for _, run in wanted}
    others = [name for name, run in there.items() if run[:2] not in asked]
    if others:
        raise errors.UserError(
            f"--folder={folder}: {len(others)} of its {len(there)} runs, such as {others[0]}, are not in this grid, which "
            "may only grow; another folder, please"
        )
    number = max(map(number_of, there), default=-1) + 1
    named = zip(run_names(wanted), wanted, strict=True)
    new = [(name, run) for name, (_, run) in named if run[:2] not in known]
    for i, (name, run) in enumerate(new, number):
        _write(folder, run._replace(folder=folder / f"{i:03d}-{name}"))


def _write(folder: pathlib.Path, run: execution.Run) -> None:
    """The flagfile of a run: all that is not as by default."""
    defaults = dataclasses.asdict(configs.Config())
    chosen = {
        name: value
        for name, value in dataclasses.asdict(run.config).items()
        if value != defaults[name]
    }
    lines = [
        f"--{name}={value}"
        for name, value in {"style": run.style, **chosen, "workdir": run.folder}.items()
    ]
    if any(len(line.splitlines()) > 1 or line != line.strip() for line in lines):
        raise errors.UserError(
            f"{run.folder.name}: a value ends with white space, which a flagfile cannot hold"
        )
    try:
        (folder / MANIFEST).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.UserError(
            f"--folder={folder}: cannot be written to ({error.strerror})"
        ) from error
    with files.atomic(flagfile(folder, run.folder.name)) as part:
        part.write_text("".join(f"{line}\n" for line in lines))


def run_names(wanted: Sequence[Labelled]) -> list[str]:
    """A name for each, by what it differs in from the others of its label: `pebbles-gram-seed1`."""
    differing = {}
    for label in dict(wanted):
        differing[label] = results.differing_choices(
            {str(i): run for i, (of, run) in enumerate(wanted) if of == label}
        )
    words = [
        [label, *(_word(key, results.run_choices(run)[key]) for key in differing[label])]
        for label, run in wanted
    ]
    return [
        re.sub(r"[^\w.+-]+", "_", "-".join(filter(None, each)))[:LONGEST] or "run" for each in words
    ]


def _word(name: str, value) -> str:
    if name in ("style", "content"):
        return "+".join(pathlib.Path(path).stem for path in value.split(","))
    return value if isinstance(value, str) and not value[:1].isdigit() else f"{name}{value}"


def read_manifest(folder: pathlib.Path, values: flags.FlagValues) -> results.Runs:
    """The runs of the manifest by their names, in its order; none, if there is no manifest.

    Args:
      folder: of the sweep.
      values: as for `expand`.

    Raises:
      UserError: a flagfile is broken.
    """
    found = {}
    for path in sorted((folder / MANIFEST).glob("*.flags"), key=lambda path: number_of(path.stem)):
        try:
            each = _parsed(values, [f"--flagfile={path}"])
        except errors.UserError as error:
            raise errors.UserError(f"{path}: {error}") from error
        chosen = {name: each[name].value for name in CHOICES}
        found[path.stem] = execution.Run(
            each.style or "", configs.Config(**chosen), pathlib.Path(each.workdir)
        )
    return found


def flagfile(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Of a run."""
    return folder / MANIFEST / f"{name}.flags"


def number_of(name: str) -> int:
    """`"007-pebbles-seed1"` -> 7: the place in the manifest, and in a Slurm array.

    Raises:
      UserError: there is none.
    """
    number = name.partition("-")[0]
    if not number.isdecimal():
        raise errors.UserError(
            f"{MANIFEST}/{name}.flags: the name begins with a number, please, such as 007-{name}.flags"
        )
    return int(number)
