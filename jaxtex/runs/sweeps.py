"""Sweeps: grids and lists of flags, expanded to runs, and the manifest of a sweep.

    seed=0,1,2                         a flag and its values
    layers=relu1_1,relu2_1;relu3_1     two values: with a semicolon, commas do not separate

The manifest is a folder of flagfiles for `jaxtex --flagfile=...`, one for each run.
"""

import contextlib
import dataclasses
import itertools
import logging
import pathlib
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from jaxtex import errors
from jaxtex.runs import claims, execution, results
from jaxtex.runs.experiments import adaptation, declaration
from jaxtex.runtime import file_names, files
from jaxtex.synthesis import config as configs
from jaxtex.synthesis.shorthands import resolution

logger = logging.getLogger(__name__)

MANIFEST = "manifest"  # folder of the flagfiles, beside those of the runs
MAX_NAME_LENGTH = 60  # characters of a run's name
MAX_NAME_BYTES = 180  # of that name; its flagfile has a number and a suffix as well
CHOICES = [field.name for field in dataclasses.fields(configs.Config)]
# Flags of `jaxtex` that a sweep accepts.
ALLOWED = ["style", "experiment", *CHOICES, *resolution.NAMES]


class RunFlags(NamedTuple):
    """Parsed flags of one run."""

    style: str
    choices: dict[str, Any]  # fields of `Config` that are given
    experiment: str = ""  # names, separated by commas
    workdir: str = ""


class LabelledRun(NamedTuple):
    """Run of a sweep, whose folder is not chosen yet."""

    label: str  # "q1-pebbles" for an experiment's run; else empty
    run: execution.Run


# Parses the flags of one run; raises `UserError`. The commands define it.
Parser = Callable[[Sequence[str]], RunFlags]


def parse_vary(text: str) -> list[str]:
    """Parses a varied flag: `"seed=0,1"` -> `["--seed=0", "--seed=1"]`.

    Raises:
      UserError: the text has no values, or the flag is unknown or may not vary.
    """
    name, equals, values = text.partition("=")
    if not equals:
        raise errors.UserError(
            f"--vary={text}: expected a flag and its values, such as --vary=seed=0,1,2"
        )
    errors.choose("flag to vary", name, dict.fromkeys(ALLOWED))
    separator = ";" if ";" in values else ","
    return [f"--{name}={value.strip()}" for value in values.split(separator)]


def read_list(path: str) -> list[list[str]]:
    """Reads the flags of each line, split as by a shell; `#` begins a comment.

    Raises:
      UserError: the file cannot be read, or has no flags.
    """
    try:
        text = files.read_text(path)
        lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.UserError(f"--list={path}: {reason}") from error
    if not any(lines):
        raise errors.UserError(f"--list={path}: no line of flags")
    return [line for line in lines if line]


def flag_points(fixed: list[str], varied: Sequence[str], listed: str = "") -> list[list[str]]:
    """Combines fixed flags, each line of a list, and each combination of varied values.

    Args:
      fixed: flags of all runs.
      varied: texts for `parse_vary`.
      listed: path for `read_list`; empty: none.

    Returns:
      The flags of each run.

    Raises:
      UserError: as `parse_vary` and `read_list`, or a flag is given twice.
    """
    names = [text.partition("=")[0] for text in varied]
    for i, name in enumerate(names):
        if name in names[:i] or any(flag.startswith(f"--{name}=") for flag in fixed):
            raise errors.UserError(f"--vary={varied[i]}: --{name} is given twice")

    axes = [[[flag] for flag in parse_vary(text)] for text in varied]
    lines = read_list(listed) if listed else [[]]
    return [[*fixed, *itertools.chain(*point)] for point in itertools.product(lines, *axes)]


def expand_runs(parse: Parser, points: Sequence[list[str]]) -> list[LabelledRun]:
    """Expands flags to validated runs; duplicates are left out.

    Args:
      parse: parses the flags of a run.
      points: result of `flag_points`; an experiment expands to all of its runs.

    Raises:
      UserError: a flag, a value or an image is not usable; the message names it.
    """
    expanded: dict[tuple, LabelledRun] = {}
    planned: set[tuple] = set()
    for arguments in points:
        for labelled in _expand(parse(arguments)):
            style, config = labelled.run.style, labelled.run.config
            if (style, config) in expanded:
                logger.info("left out, as it is a duplicate: %s", " ".join(arguments))
                continue
            configs.validate(config)
            # Seeds need one check together; the runs may have other devices than this process.
            shared = dataclasses.replace(config, seed=0, mesh="")
            if (style, shared) not in planned:
                execution.plan_run(style, shared)
                planned.add((style, shared))
            expanded[style, config] = labelled
    return list(expanded.values())


def _expand(flags: RunFlags) -> Iterator[LabelledRun]:
    """Yields the run of some flags, or the runs of their experiments."""
    if flags.workdir:
        raise errors.UserError(
            f"--workdir={flags.workdir}: a sweep gives each run a folder of its own"
        )
    if not flags.experiment:
        config = configs.Config(**flags.choices)
        yield LabelledRun("", execution.Run(flags.style, config, pathlib.Path()))
        return

    given = dict(flags.choices)
    if flags.style:
        given["style"] = flags.style
    for name in flags.experiment.split(","):
        if name.strip():
            yield from _expand_experiment(name.strip(), given)


def _expand_experiment(name: str, given: dict[str, Any]) -> Iterator[LabelledRun]:
    """Yields the runs of an experiment with the given choices."""
    experiment = declaration.load(name)
    if not experiment.is_static:
        raise errors.UserError(
            f"experiment '{name}' chooses its runs as it goes: use jaxtex --experiment={name}"
        )
    adapted = adaptation.adapt_runs(experiment, experiment.runs, given, pathlib.Path(), {})
    for run_name, run in adapted:
        if isinstance(run, errors.UserError):
            raise run
        if isinstance(run, adaptation.Skipped):
            logger.info("%s/%s is left out: %s", name, run_name, run.reason)
        else:
            yield LabelledRun(f"{name}-{run_name}", run)


def write_manifest(folder: pathlib.Path, requested: Sequence[LabelledRun], parse: Parser) -> None:
    """Writes flagfiles of runs that the manifest lacks; existing ones are not changed.

    Args:
      folder: of the sweep.
      requested: all runs of the sweep.
      parse: parses the flags of a run.

    Raises:
      UserError: the manifest has runs that are not requested, is damaged, in use by another
        process, or cannot be written; or the folder holds something else.
    """
    if not any((folder / MANIFEST).glob("*.flags")):
        claims.refuse_foreign_summary("folder", folder)
    with _lock_manifest(folder):
        existing = {run[:2]: name for name, run in read_manifest(folder, parse).items()}
        wanted = {labelled.run[:2] for labelled in requested}
        others = [name for choices, name in existing.items() if choices not in wanted]
        if others:
            raise errors.UserError(
                f"--folder={folder}: {len(others)} of its {len(existing)} runs, such as "
                f"{others[0]}, are not in this grid; a grid may only grow, or use another --folder"
            )

        number = max(map(number_of, existing.values()), default=-1) + 1
        for name, (_, run) in zip(run_names(requested), requested, strict=True):
            if run[:2] not in existing:
                _write_flagfile(folder, run._replace(folder=folder / f"{number:03d}-{name}"))
                number += 1


@contextlib.contextmanager
def _lock_manifest(folder: pathlib.Path) -> Iterator[None]:
    """Creates the manifest and locks it while the context lasts."""
    path = folder / MANIFEST / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path, "a")
    except OSError as error:
        raise errors.UserError(f"--folder={folder}: not writable ({error.strerror})") from error
    with lock:
        if not files.try_lock(lock):
            raise errors.UserError(f"--folder={folder}: another process is adding runs to it")
        yield


def _write_flagfile(folder: pathlib.Path, run: execution.Run) -> None:
    """Writes all flags of a run; other versions of jaxtex may have other defaults."""
    flags = {**results.run_choices(run), "workdir": run.folder}
    lines = [f"--{name}={value}" for name, value in flags.items()]
    if any(len(line.splitlines()) > 1 or line != line.strip() for line in lines):
        raise errors.UserError(
            f"{run.folder.name}: a value has a line break, or ends with white space, which a "
            "flagfile cannot hold"
        )

    files.write_text(flagfile(folder, run.folder.name), "".join(f"{line}\n" for line in lines))


def run_names(requested: Sequence[LabelledRun]) -> list[str]:
    """Names each run by its differences from the others of its label: `pebbles-gram-seed1`."""
    differing: dict[str, list[str]] = {}
    for label in dict.fromkeys(labelled.label for labelled in requested):
        runs = [labelled.run for labelled in requested if labelled.label == label]
        differing[label] = results.differing_choices({str(i): run for i, run in enumerate(runs)})

    names = []
    for label, run in requested:
        choices = results.run_choices(run)
        words = [label, *(results.name_choice(key, choices[key]) for key in differing[label])]
        joined = "-".join(word for word in words if word)
        name = re.sub(r"[^\w.+-]+", "_", joined)[:MAX_NAME_LENGTH] or "run"
        names.append(file_names.fit(name, MAX_NAME_BYTES))
    return names


def read_manifest(folder: pathlib.Path, parse: Parser) -> results.Runs:
    """Reads the runs of a manifest, in order; none if it is missing.

    Args:
      folder: of the sweep. It may be renamed or copied: its runs are those below it.
      parse: parses the flags of a run.

    Raises:
      UserError: a flagfile is damaged, or two have the same number.
    """
    runs: results.Runs = {}
    paths = (folder / MANIFEST).glob("*.flags")
    for number, path in sorted((number_of(path.stem), path) for path in paths):
        if runs and number_of(previous := next(reversed(runs))) == number:
            raise errors.UserError(
                f"{path}: has the number of {previous}.flags; rename or remove one of them"
            )
        try:
            flags = parse([f"--flagfile={path}"])
        except errors.UserError as error:
            raise errors.UserError(f"{path}: {error}") from error
        config = configs.Config(**flags.choices)
        runs[path.stem] = execution.Run(flags.style, config, folder / path.stem)
    return runs


def flagfile(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the path of a run's flagfile.

    Args:
      folder: of the sweep.
      name: of the run.
    """
    return folder / MANIFEST / f"{name}.flags"


def number_of(name: str) -> int:
    """Returns the number of a run in the manifest and in a job array: `"007-seed1"` -> 7.

    Raises:
      UserError: the name does not begin with a number.
    """
    number = name.partition("-")[0]
    if not number.isdecimal():
        raise errors.UserError(
            f"{MANIFEST}/{name}.flags: the name must begin with a number, such as 007-{name}.flags"
        )
    return int(number)
