"""jaxtex makes textures like an exemplar.

    jaxtex --style=images/pebbles.png --workdir=runs/pebbles
    jaxtex --style=photo.jpg --height=512 --width=768 --seed=1
    jaxtex --flagfile=FILE                (flags from a file, one on each line)

The folder gets result.png, sheet.png (exemplar, snapshots, result), steps/, metrics.jsonl and run.json.
"""

import dataclasses
import importlib.util
import pathlib
import sys

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
    for name, (style, choices) in runs().items():
        workdir = FLAGS.workdir or str(pathlib.Path("runs") / (name or pathlib.Path(style).stem))
        synthesize(style, choices, workdir)


def synthesize(style: str, choices: config.Config, workdir: str) -> None:
    """Makes one texture and leaves the result in `workdir`. Nothing is written before all flags have been checked."""
    exemplar = images.load(style)
    plan = problems.build(exemplar, choices)
    files = report.Report(workdir, {"style": style, "workdir": workdir, **dataclasses.asdict(choices)})
    with report.Bar(choices.num_steps) as bar:
        result = synthesis.run(plan, observe=lambda progress: (files(progress), bar(progress)))
    files.finish(problems.exemplar(exemplar, choices), result)
    print(files.folder / "result.png")


def runs() -> dict[str, tuple[str, config.Config]]:
    """What the flags ask for: name -> exemplar and choices.

    Raises:
      UserError: neither an exemplar nor an experiment is named, or the experiment is unknown.
    """
    given = {f.name: FLAGS[f.name].value for f in dataclasses.fields(config.Config) if FLAGS[f.name].present}
    if FLAGS.experiment:
        return {
            f"{FLAGS.experiment}/{name}": (FLAGS.style or style, dataclasses.replace(choices, **given))
            for name, (style, choices) in experiment(FLAGS.experiment).items()
        }
    if not FLAGS.style:
        raise errors.UserError("--style is missing: the path of an exemplar, such as --style=images/pebbles.png")
    return {"": (FLAGS.style, config.Config(**given))}


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
    except errors.UserError as error:
        leave(error)


def entry() -> None:
    """The console script."""
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().addFilter(lambda record: "backend" not in record.getMessage())
    app.run(guarded, flags_parser=parse)


define_flags()
