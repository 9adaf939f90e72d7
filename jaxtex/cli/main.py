"""jaxtex makes textures like an exemplar, and pictures in the style of one.

    jaxtex --style=pebbles                (one that comes with jaxtex, into runs/pebbles; --list=exemplars)
    jaxtex --style=photo.jpg --height=512 --width=768 --seed=1
    jaxtex --style=painting.jpg --content=photo.jpg --size=384
    jaxtex --flagfile=FILE                (flags from a file, one on each line)
    jaxtex --from=runs/pebbles/result.png --seed=1      (as that was made, but for what is given)
    jaxtex --style=photo.jpg --preset=best
    jaxtex --list=statistics              (or networks, layers, optimizers, presets, experiments, exemplars)
    jaxtex --experiment=q1                (a question of the literature)
    jaxtex --style=photo.jpg --serve=8080                 (a live page: http://127.0.0.1:8080)
    jaxtex --serve=8080 --workdir=runs    (of what is made there, or was, until Ctrl-C)

The folder gets exemplar.png, result.png, sheet.png (exemplar, snapshots, result), steps/, metrics.jsonl, run.json, and at
the end DONE. The same command goes on with a run that was cut off (status 75: told to leave), and does nothing where it is
done.
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import sys

import numpy as np
from absl import flags

from jaxtex import errors, images, networks, optimizers, statistics
from jaxtex.cli import completion, flag_parsing, help_page, presets
from jaxtex.images import output_paths, texture_maps
from jaxtex.networks import convolutions
from jaxtex.runs import execution, experiments, provenance, run_folder, tables
from jaxtex.runtime import device_memory, distributed, export_cache, malloc, xla_options
from jaxtex.synthesis import config, estimates, input_images
from jaxtex.viewer import server

CHOICES = {
    "network": networks.NETWORKS,
    "statistic": statistics.STATISTICS,
    "optimizer": optimizers.OPTIMIZERS,
    "content_norm": statistics.NORMS,
    "precision": convolutions.PRECISIONS,
    "remat": device_memory.REMATS,
}
DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float}
FLAGS = flags.FlagValues()


def define_flags() -> None:
    """A flag for each field of `Config`, and those that only the command has."""
    text = functools.partial(flags.DEFINE_string, flag_values=FLAGS)
    text(
        "style",
        None,
        "The exemplar: path of an image, or a name of --list=exemplars; several, with commas, are blended.",
    )
    flags.DEFINE_alias("texture", "style", flag_values=FLAGS)
    text(
        "workdir",
        "",
        "Where the results go. Empty: runs/ and a name. Of experiments: the folder above theirs.",
    )
    flags.DEFINE_integer(
        "num_images",
        1,
        "Pictures in one batch, with the seeds that follow --seed; each gets a folder.",
        flag_values=FLAGS,
    )
    flags.DEFINE_boolean(
        "each",
        False,
        "Of several styles: a picture of each in one batch, no blend.",
        flag_values=FLAGS,
    )
    text(
        "profile",
        "",
        "Folder for a record of where the time goes, for TensorBoard and ui.perfetto.dev.",
    )
    text(
        "distributed",
        "off",
        "Several processes as one, with --mesh: auto, as JAX finds them (Slurm under srun, OpenMPI, "
        "TPU, Kubernetes); off.",
    )
    text(
        "output",
        "",
        "The result goes to this file, too: .png or .tif (--bits=16), .jpg (quality 95), .webp (lossless).",
    )
    flags.DEFINE_integer(
        "bits", 8, "Of each colour in --output: 8, or 16 in .png and .tif.", flag_values=FLAGS
    )
    flags.DEFINE_boolean("dry_run", False, "Tell memory and time, make nothing.", flag_values=FLAGS)
    flags.DEFINE_boolean(
        "overwrite",
        False,
        "Make anew what is done or was begun, and in place of another run.",
        flag_values=FLAGS,
    )
    text(
        "from",
        "",
        "A result, which says how it was made: makes it again. Flags that are given replace its own.",
    )
    flags.DEFINE_boolean(
        "strip_metadata", False, "The result does not say how it was made.", flag_values=FLAGS
    )
    text(
        "preset",
        "",
        f"Choices that go together: {', '.join(presets.PRESETS)}. Flags that are given replace them.",
    )
    text("list", "", f"Tells what there is of: {', '.join(help_page.LISTS)}.")
    text(
        "completion",
        "",
        f"Prints a script that completes flags in a shell: {', '.join(completion.SHELLS)}.",
    )
    flags.DEFINE_integer(
        "serve",
        None,
        "A live page at this port of 127.0.0.1, as long as the runs go; 0: any. With --workdir alone: of "
        "what is made there, or was.",
        lower_bound=0,
        upper_bound=65535,
        flag_values=FLAGS,
    )
    text(
        "experiment",
        "",
        "Files in experiments/, whose RUNS are made: names with commas, all, or list.",
    )
    for field in dataclasses.fields(config.Config):
        names = f" There are: {', '.join(CHOICES[field.name])}." if field.name in CHOICES else ""
        DEFINE[field.type](
            field.name, field.default, field.metadata["help"] + names, flag_values=FLAGS
        )


def main(_: list[str]) -> None:
    """One picture, or the runs of experiments."""
    malloc.keep()
    distributed.initialize(FLAGS.distributed)
    xla_options.enable_compilation_cache()
    validate_output()
    given = {
        f.name: FLAGS[f.name].value
        for f in dataclasses.fields(config.Config)
        if FLAGS[f.name].present
    }
    style = FLAGS.style or ""
    given = presets.preset_choices(FLAGS.preset) | given
    if FLAGS["from"].value:
        style, given = read_recorded_flags(
            FLAGS["from"].value, given | ({"style": style} if style else {})
        )
    if FLAGS.list or FLAGS.experiment == "list":
        print("\n".join(help_page.list_names(FLAGS.list or "experiments", config.Config(**given))))
    elif FLAGS.completion:
        print(completion.script(FLAGS.completion, FLAGS, CHOICES))
    elif FLAGS.experiment and FLAGS.distributed != "off":
        raise errors.UserError(
            "--experiment with --distributed: one picture or batch, please; jaxtex-sweep has many"
        )
    elif FLAGS.experiment:
        several = FLAGS.experiment == "all" or "," in FLAGS.experiment
        folder = pathlib.Path(FLAGS.workdir or "runs", "" if several else FLAGS.experiment.strip())
        with (
            live_page(folder),
            export_cache.kept(False),
        ):  # its file may bring statistics of its own
            run_experiments(
                FLAGS.experiment, given | ({"style": FLAGS.style} if FLAGS.style else {})
            )
    elif style or given.get("content"):
        named = "-".join(
            pathlib.Path(path).stem for path in filter(None, (given.get("content"), style))
        )
        folder = pathlib.Path(FLAGS.workdir or f"runs/{named}")
        with live_page(folder):
            make(style, config.Config(**given), folder)
    elif FLAGS.serve is not None:
        server.serve_forever(FLAGS.serve, pathlib.Path(FLAGS.workdir or "runs"))
    else:
        raise errors.UserError(input_images.MISSING)


def read_recorded_flags(path: str, given: dict) -> tuple[str, dict]:
    """Style and choices of a picture that says how it was made, with those that are given in their place."""
    if FLAGS.experiment:
        raise errors.UserError(f"--from={path} and --experiment do not go together")
    found = provenance.flags_of(path, given)
    kinds = {
        "style": str,
        **{field.name: field.type for field in dataclasses.fields(config.Config)},
    }
    for name, value in found.items():
        if not isinstance(value, (int, float) if kinds.get(name) is float else kinds.get(name, ())):
            raise errors.UserError(
                f"--from={path}: was made with --{name}={value}, which cannot be had here"
            )
    return found.pop("style", ""), found


def live_page(folder: pathlib.Path) -> contextlib.AbstractContextManager:
    """The live page of what is made in the folder, if there shall be one; of several processes one has it."""
    wanted = FLAGS.serve is not None and not FLAGS.dry_run and distributed.is_writer()
    return server.serve_during(FLAGS.serve if wanted else None, folder)


def validate_output() -> None:
    """What is wrong with --output and --bits is found before anything is made."""
    if FLAGS["bits"].present and not FLAGS.output:
        raise errors.UserError(
            f"--bits={FLAGS.bits} counts for --output, which is missing; result.png has 8"
        )
    if not FLAGS.output:
        return
    if FLAGS.experiment or FLAGS.each or FLAGS.num_images != 1:
        raise errors.UserError(
            f"--output={FLAGS.output}: of a single picture, not with --experiment, --each, --num_images"
        )
    texts = (FLAGS.style, FLAGS.masks, FLAGS.style_masks, FLAGS.maps)
    several = [path for text in texts for path in input_images.split_paths(text or "")]
    inputs = [FLAGS.content, FLAGS.init, FLAGS.weights, *several]
    for path in run_folder.result_paths(FLAGS.output, input_images.split_paths(FLAGS.maps)):
        output_paths.validate_image(
            str(path), FLAGS.bits, inputs, [FLAGS.workdir, FLAGS.profile], FLAGS.alpha == "keep"
        )


def make(style: str, choices: config.Config, folder: pathlib.Path) -> None:
    """One picture into the folder, or a batch into folders in it."""
    if FLAGS.dry_run:
        return print(
            tables.markdown(estimates.estimate_table(execution.plan_run(style, choices))), end=""
        )
    manner = execution.RunOptions(FLAGS.profile, FLAGS.overwrite, not FLAGS.strip_metadata)
    if FLAGS.each or FLAGS.num_images != 1:
        styles = input_images.split_paths(style) if FLAGS.each else [style]
        made = execution.make_batch(styles, choices, FLAGS.num_images, folder, manner)
    else:
        made = [execution.Run(style, choices, folder)]
        result = execution.make_run(made[0], manner)
    for run in made if distributed.is_writer() else ():
        print(
            *run_folder.result_paths(
                run.folder / run_folder.RESULT, input_images.split_paths(choices.maps)
            ),
            sep="\n",
        )
    if FLAGS.output and distributed.is_writer():
        copy(result, folder, input_images.split_paths(choices.maps))


def copy(result: np.ndarray | None, folder: pathlib.Path, maps: list[str]) -> None:
    """The result, or if it was there already that of the folder, to --output; each of its maps to a file."""
    if result is None and FLAGS.bits > 8:
        raise errors.UserError(
            f"--bits={FLAGS.bits}: {folder} is done already, with 8 bits; --overwrite makes it anew"
        )
    note = "" if FLAGS.strip_metadata else json.dumps(run_folder.read_record(folder))
    there = (
        images.load(path, alpha=True)
        for path in run_folder.result_paths(folder / run_folder.RESULT, maps)
    )
    made = there if result is None else texture_maps.split_maps(result)
    for path, image in zip(run_folder.result_paths(FLAGS.output, maps), made, strict=True):
        output_paths.save_image(str(path), image, FLAGS.bits, note)
        print(path)


def run_experiments(text: str, given: dict) -> None:
    """The experiments of the flag; what fails is named at the end, with exit status 1, and costs the others nothing.

    Raises:
      UserError: there was but one, and it could not begin.
    """
    names, failed = (
        experiments.names() if text == "all" else [name.strip() for name in text.split(",")],
        [],
    )
    for name in names:
        try:
            failed += experiments.run_experiment(
                name, given, pathlib.Path(FLAGS.workdir or "runs"), FLAGS.overwrite
            )
        except errors.UserError as error:
            if len(names) == 1:
                raise
            failed.append(f"{name}: {error}")
    for line in failed:
        print(f"jaxtex: failed: {' '.join(line.split())}", file=sys.stderr)
    if failed:
        sys.exit(1)


def entry() -> None:
    """The command, see `__main__`."""
    flag_parsing.run_command(
        "jaxtex", lambda: f"{__doc__.strip()}\n\n{help_page.flags_help(FLAGS)}", FLAGS, main
    )


define_flags()
