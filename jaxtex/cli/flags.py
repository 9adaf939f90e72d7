"""Flags of `jaxtex`: the fields of `Options` below and those of `synthesis.config.Config`.

To add a flag, add a field to one of the two, and the flag's name to `help_page.GROUPS`:

* to `Config`, if it decides the result: the flag is then part of the identity of a run and of
  `run.json`, an argument of `jaxtex.synthesize`, and a flag of `jaxtex-sweep`;
* to `Options`, if only the command needs it.

Flags that stand for others are in `shorthands.resolution.Shorthands`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from jaxtex import errors, networks, optimizers, statistics
from jaxtex.cli import completion, flag_fields, flag_parsing, input_paths, name_lists
from jaxtex.images import color_transfer
from jaxtex.networks import convolutions
from jaxtex.runs import sweeps
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import memory_budget
from jaxtex.synthesis.canvas import holes
from jaxtex.synthesis.shorthands import presets, resolution

# Flag -> table of its values: the help lists them, a shell completes them.
CHOICES: Mapping[str, Mapping] = {
    "network": networks.NETWORKS,
    "statistic": statistics.STATISTICS,
    "optimizer": optimizers.OPTIMIZERS,
    "content_norm": statistics.NORMS,
    "content_color": color_transfer.CONTENT_COLORS,
    "precision": convolutions.PRECISIONS,
    "remat": memory_budget.REMATS,
    "preset": presets.PRESETS,
    "list": name_lists.LISTS,
    "completion": completion.SHELLS,
}


@dataclasses.dataclass(frozen=True)
class Options:
    """Flags that only the command has; those that decide the result are in `Config`.

    Attributes:
      given: names of all flags that the user gave, those of `Config` included.
      preset: name of the preset, for records.
      others: see the help texts.
    """

    style: str = flag_fields.flag(
        "",
        "Exemplar of the texture or style: a path, or a name of --list=exemplars. Several, "
        "separated by commas, are blended.",
    )
    workdir: str = flag_fields.flag(
        "", "Folder for the results, or for the folders of experiments. Empty uses runs/NAME."
    )
    num_images: int = flag_fields.flag(
        1, "Number of images in one batch, with consecutive seeds from --seed, each in a subfolder."
    )
    each: bool = flag_fields.flag(
        False,
        "Makes an image for each pair of style and content in one batch, instead of blending the "
        "styles. A folder stands for the pictures in it.",
    )
    frames: bool = flag_fields.flag(
        False,
        "Takes the contents as the frames of a video, in order. Each starts from the previous "
        "result and is held to it where the content stays the same.",
    )
    frame_steps: int = flag_fields.flag(
        0,
        "Number of steps of each of --frames after the first. 0 uses a quarter of --num_steps.",
        lower_bound=0,
    )
    profile: str = flag_fields.flag(
        "", "Folder for a profile of a few steps, which TensorBoard and ui.perfetto.dev show."
    )
    distributed: str = flag_fields.flag(
        "off",
        "Connects several processes that share a --mesh: auto detects them (Slurm under srun, "
        "OpenMPI, TPU, Kubernetes); off does not.",
    )
    output: str = flag_fields.flag(
        "",
        "File for a copy of the result: .png, .tif, .jpg (quality 95), or .webp (lossless). "
        "--bits sets the depth.",
    )
    bits: int = flag_fields.flag(
        8,
        "Bits per color channel of --output: 8; 16 for .png and .tif; 32 for .tif, as floats in "
        "the values of a float exemplar, such as heights.",
    )
    dry_run: bool = flag_fields.flag(
        False, "Prints the memory and time that the run needs, and exits."
    )
    overwrite: bool = flag_fields.flag(
        False, "Replaces finished and unfinished results in the folder, also those of another run."
    )
    continue_: bool = flag_fields.flag(
        False,
        "Adds steps to the run in --workdir, up to --num_steps. All of them go to the last scale, "
        "whatever --shares says; run.json has the --shares that give the same result from the "
        "beginning.",
    )
    keep_state: bool = flag_fields.flag(
        True,
        "Keeps the optimizer's state of a finished run, up to 128 MB (19 MB at 256 x 256 pixels), "
        "in its folder. Without it, --continue repeats the steps that are done.",
    )
    from_: str = flag_fields.flag(
        "",
        "Result to reproduce, with the flags that are stored in its file. Other flags on the "
        "command line override the stored ones.",
    )
    strip_metadata: bool = flag_fields.flag(
        False, "Does not store the flags of the run in the result."
    )
    list_: str = flag_fields.flag("", "Prints the available names of a kind, and exits.")
    completion: str = flag_fields.flag(
        "", "Prints a script that completes the flags of jaxtex in a shell, and exits."
    )
    serve: int | None = flag_fields.port_flag(
        "Port of 127.0.0.1 for a live page of the runs; 0 uses any free port. Without a style it "
        "shows the runs below --workdir until Ctrl-C."
    )
    experiment: str = flag_fields.flag(
        "",
        "Experiments to run: names of files in experiments/, separated by commas, or all. list "
        "prints the names.",
    )
    given: frozenset[str] = frozenset()
    preset: str = ""


def define_flags() -> flags.FlagValues:
    """Returns all flags of `jaxtex`, with their defaults."""
    values = flags.FlagValues()
    flag_fields.define(Options, values, CHOICES)
    flag_fields.define(resolution.Shorthands, values, CHOICES)
    flags.DEFINE_alias("texture", "style", flag_values=values)
    return flag_fields.define(configs.Config, values, CHOICES)


def read(values: flags.FlagValues) -> tuple[Options, dict[str, Any]]:
    """Reads parsed flags.

    Args:
      values: the flags of `define_flags`, parsed.

    Returns:
      The options, and the fields of `Config` and `Shorthands` that the user gave.
    """
    given = frozenset(name for name in values if values[name].present)
    options = flag_fields.read(Options, values, given=given, preset=values.preset)
    return options, read_choices(values)


def read_choices(values: flags.FlagValues) -> dict[str, Any]:
    """Reads the choices that the user gave: fields of `Config` and `Shorthands`."""
    shorthands = flag_fields.read_given(resolution.Shorthands, values)
    return flag_fields.read_given(configs.Config, values) | shorthands


def validate_continue(options: Options) -> None:
    """Validates that `--continue` goes with the other flags.

    Raises:
      UserError: it does not.
    """
    others = {
        "overwrite": options.overwrite,
        "experiment": options.experiment,
        "distributed": options.distributed != "off",
    }
    for name, given in others.items():
        if options.continue_ and given:
            raise errors.UserError(f"--continue and --{name} exclude each other")


def validate_experiment(options: Options) -> None:
    """Validates that `--experiment` goes with the other flags.

    Raises:
      UserError: it does not.
    """
    others = {
        "dry_run": options.dry_run,
        "num_images": options.num_images != 1,
        "each": options.each,
        "strip_metadata": options.strip_metadata,
        "profile": options.profile,
        "nokeep_state": not options.keep_state,
    }
    for name, given in others.items():
        if options.experiment and given:
            raise errors.UserError(f"--experiment and --{name} exclude each other")


def validate_frames(options: Options, config: configs.Config) -> None:
    """Validates that `--frames` goes with the other flags.

    Args:
      options: flags of the command that are no choices of a run.
      config: choices of the first frame.

    Raises:
      UserError: it does not, or there is no content.
    """
    if not options.frames:
        if options.frame_steps:
            raise errors.UserError(f"--frame_steps={options.frame_steps}: needs --frames")
        return
    others = {
        "each": options.each,
        "num_images": options.num_images != 1,
        "experiment": options.experiment,
        "distributed": options.distributed != "off",
        "previous_content": config.previous_content,
    }
    for name, given in others.items():
        if given:
            raise errors.UserError(f"--frames and --{name} exclude each other")
    if not config.content:
        raise errors.UserError(
            "--frames: needs the frames as --content: a folder, a pattern such as 'clip/*.png', or "
            "paths separated by commas"
        )


def define_run_flags(values: flags.FlagValues) -> flags.FlagValues:
    """Defines the flags of `jaxtex` that a sweep accepts for its runs.

    Args:
      values: flags to add to.

    Returns:
      `values`.
    """
    defined = define_flags()
    for name in sweeps.ALLOWED:
        values[name] = defined[name]
    flags.DEFINE_alias("texture", "style", flag_values=values)
    return values


def parse_run(arguments: Sequence[str]) -> sweeps.RunFlags:
    """Parses the flags of one run of a sweep: from the command line, a list or a flagfile.

    Args:
      arguments: flags, without the name of the command.

    Raises:
      UserError: a flag is unknown, or its value is not valid.
    """
    values = define_run_flags(flags.FlagValues())
    flags.DEFINE_string("workdir", "", "Folder of the run, in a flagfile.", flag_values=values)
    expanded = flag_parsing.expand_flagfiles(arguments)
    try:
        rest = values(["jaxtex", *expanded])[1:]
    except (flags.Error, ValueError) as error:  # ValueError: --noflag=1
        raise errors.UserError(flag_parsing.explain_error(error, values)) from error
    if rest:
        raise errors.UserError(f"'{rest[0]}' is not a flag")

    given = read_choices(values)
    choices = resolution.resolve(given)
    config = configs.Config(**choices)
    if not values.experiment:
        resolution.validate(given, config, bool(config.content))
    input_paths.validate_single(values.style, config)
    return sweeps.RunFlags(
        style=holes.default_style(values.style, choices),
        choices=choices,
        experiment=values.experiment,
        workdir=values.workdir,
    )
