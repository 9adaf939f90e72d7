"""jaxtex makes textures like an exemplar, and pictures in the style of one.

    jaxtex --style=images/pebbles.png --workdir=runs/pebbles
    jaxtex --style=photo.jpg --height=512 --width=768 --seed=1
    jaxtex --style=painting.jpg --content=photo.jpg --size=384
    jaxtex --flagfile=FILE                (flags from a file, one on each line)

The folder gets result.png, sheet.png (exemplar, snapshots, result), steps/, metrics.jsonl and run.json.
"""

import dataclasses
import functools
import importlib.util
import pathlib
import types

import numpy as np
from absl import flags

from jaxtex import (
    command,
    comparisons,
    compilation,
    config,
    errors,
    images,
    networks,
    optimizers,
    problems,
    report,
    scenes,
    statistics,
    synthesis,
)

CHOICES = {"network": networks.NETWORKS, "statistic": statistics.STATISTICS, "optimizer": optimizers.OPTIMIZERS,
           "content_norm": comparisons.NORMS}
DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float}
FLAGS = flags.FlagValues()


def define_flags() -> None:
    """A flag for each field of `Config`, and those that only the command has."""
    text = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
    text("style", None, "Path of the exemplar, an image; several, with commas, are blended.")
    flags.DEFINE_alias("texture", "style", flag_values=FLAGS)
    text("workdir", "", "Where the results go. Empty: runs/ and the exemplar's or experiment's name.")
    text("experiment", "", "A file in experiments/, whose RUNS are done one after the other.")
    for field in dataclasses.fields(config.Config):
        names = f" There are: {', '.join(CHOICES[field.name])}." if field.name in CHOICES else ""
        DEFINE[field.type](field.name, field.default, field.metadata["help"] + names, flag_values=FLAGS)


def main(_: list[str]) -> None:
    """One picture, or the runs of an experiment."""
    compilation.keep()
    given = {f.name: FLAGS[f.name].value for f in dataclasses.fields(config.Config) if FLAGS[f.name].present}
    if FLAGS.experiment:
        perform(FLAGS.experiment, given)
    elif FLAGS.style or FLAGS.content:
        named = "-".join(pathlib.Path(path).stem for path in filter(None, (FLAGS.content, FLAGS.style)))
        synthesize(FLAGS.style, config.Config(**given), FLAGS.workdir or f"runs/{named}")
    else:
        raise errors.UserError("--style is missing: the path of an exemplar, such as --style=images/pebbles.png")


def perform(name: str, given: dict) -> None:
    """Does the runs of an experiment with the flags given, and leaves a sheet of all."""
    folder, columns = pathlib.Path(FLAGS.workdir or f"runs/{name}"), []
    module = experiment(name)
    for run, (style, choices) in module.RUNS.items():
        choices = dataclasses.replace(choices, **given)
        columns.append(synthesize(FLAGS.style or style, choices, str(folder / run)))
    images.save(folder / "sheet.png", report.grid(columns, getattr(module, "COLUMNS", 5)))


def synthesize(style: str | None, choices: config.Config, workdir: str) -> list[np.ndarray]:
    """Makes one picture, leaves it in `workdir`, and returns what it was made from and it. Bad flags are found first."""
    given = [images.load(path) for path in scenes.split_paths(style or "")]
    plan = problems.build(given, choices)
    files = report.Report(workdir, {"style": style, "workdir": workdir, **dataclasses.asdict(choices)})
    with report.Bar(choices.num_steps) as bar:
        result = synthesis.run(plan, observe=lambda progress: (files(progress), bar(progress)))
    sources = [*([images.load(choices.content)] if choices.content else []), *given]
    shown = [scenes.as_used(picture, choices.size) for picture in sources]
    files.finish(shown, result)
    print(files.folder / "result.png")
    return [*shown, result]


def experiment(name: str) -> types.ModuleType:
    """`experiments/NAME.py`; its `RUNS`: run -> exemplar and choices; its `COLUMNS`, if it has them: of the sheet."""
    files = {path.stem: path for path in sorted(pathlib.Path("experiments").glob("*.py"))}
    spec = importlib.util.spec_from_file_location(name, errors.choose("experiment", name, files))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entry() -> None:
    """The console script."""
    command.run("jaxtex", __doc__, FLAGS, main)


define_flags()
