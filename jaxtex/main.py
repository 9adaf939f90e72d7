"""jaxtex makes textures like an exemplar.

    jaxtex --style=images/pebbles.png --workdir=runs/pebbles
    jaxtex --style=photo.jpg --height=512 --width=768 --seed=1
    jaxtex --flagfile=FILE                (flags from a file, one on each line)

The folder gets result.png, sheet.png (exemplar, snapshots, result), steps/, metrics.jsonl and run.json.
"""

import contextlib
import dataclasses
import importlib.util
import os
import pathlib
import sys

import jax
import numpy as np
from absl import app, flags, logging

from jaxtex import config, errors, images, networks, optimizers, problems, report, statistics, synthesis

CHOICES = {"network": networks.NETWORKS, "statistic": statistics.STATISTICS, "optimizer": optimizers.OPTIMIZERS}
DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float}
FLAGS = flags.FLAGS


def define_flags() -> None:
    """A flag for each field of `Config`, and those that only the command has."""
    flags.DEFINE_string("style", None, "Path of the exemplar, an image.")
    flags.DEFINE_alias("texture", "style")
    flags.DEFINE_string("workdir", "", "Where the results go. Empty: runs/ and the name of the exemplar or experiment.")
    flags.DEFINE_string("experiment", "", "Name of a file in experiments/, whose RUNS are done one after the other.")
    for field in dataclasses.fields(config.Config):
        names = f" There are: {', '.join(CHOICES[field.name])}." if field.name in CHOICES else ""
        DEFINE[field.type](field.name, field.default, field.metadata["help"] + names)


def main(_) -> None:
    """One texture, or the runs of an experiment."""
    keep_compiled()
    given = {f.name: FLAGS[f.name].value for f in dataclasses.fields(config.Config) if FLAGS[f.name].present}
    if FLAGS.experiment:
        perform(FLAGS.experiment, given)
    elif FLAGS.style:
        synthesize(FLAGS.style, config.Config(**given), FLAGS.workdir or f"runs/{pathlib.Path(FLAGS.style).stem}")
    else:
        raise errors.UserError("--style is missing: the path of an exemplar, such as --style=images/pebbles.png")


def keep_compiled() -> None:
    """Keeps compiled programs for the next run, in a folder of the user's alone: whoever writes there runs code here."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "jaxtex" / "xla"
    if jax.config.jax_compilation_cache_dir is None:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))


def perform(name: str, given: dict) -> None:
    """Does the runs of an experiment with the flags given, and leaves a sheet of all."""
    folder, columns = pathlib.Path(FLAGS.workdir or f"runs/{name}"), []
    for run, (style, choices) in experiment(name).items():
        choices = dataclasses.replace(choices, **given)
        columns.append(synthesize(FLAGS.style or style, choices, str(folder / run)))
    images.save(folder / "sheet.png", report.grid(columns))


def synthesize(style: str, choices: config.Config, workdir: str) -> list[np.ndarray]:
    """Makes one texture, leaves it in `workdir`, and returns exemplar and result. Bad flags are found before writing."""
    exemplar = images.load(style)
    plan = problems.build(exemplar, choices)
    files = report.Report(workdir, {"style": style, "workdir": workdir, **dataclasses.asdict(choices)})
    with report.Bar(choices.num_steps) as bar:
        result = synthesis.run(plan, observe=lambda progress: (files(progress), bar(progress)))
    shown = [problems.exemplar(exemplar, choices), result]
    files.finish(*shown)
    print(files.folder / "result.png")
    return shown


def experiment(name: str) -> dict[str, tuple[str, config.Config]]:
    """The `RUNS` of `experiments/NAME.py`: run -> exemplar and choices."""
    files = {path.stem: path for path in sorted(pathlib.Path("experiments").glob("*.py"))}
    spec = importlib.util.spec_from_file_location(name, errors.choose("experiment", name, files))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RUNS


def parse(arguments: list[str]) -> list[str]:
    """Reads the flags; a wrong one is one line and exit status 2, and --help a page."""
    if {"--help", "-h", "-help"} & set(arguments):
        print(f"{__doc__.strip()}\n{FLAGS.module_help('jaxtex.main')}")
        sys.exit(0)
    try:
        rest = FLAGS(arguments)
    except flags.Error as error:
        leave(error)
    if len(rest) > 1:
        leave(f"'{rest[1]}' is no flag; an exemplar is given as --style={rest[1]}")
    return rest


def leave(error) -> None:
    """One line on stderr, exit status 2."""
    print(f"jaxtex: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)


def guarded(arguments: list[str]) -> None:
    """`main`, with a user's mistake as one line."""
    try:
        main(arguments)
    except (errors.UserError, OSError) as error:  # a full disk, say, is no mistake in the code either
        leave(error)
    except KeyboardInterrupt:
        print("jaxtex: interrupted; the snapshots until now are in the workdir", file=sys.stderr)
        sys.exit(130)


def entry() -> None:
    """The console script."""
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(lambda record: "backend" not in record.getMessage())
    app.run(guarded, flags_parser=parse)


define_flags()
