"""jaxtex synthesizes textures like an exemplar, and pictures in the style of one.

    jaxtex --style=pebbles                                       # a built-in exemplar
    jaxtex --style=photo.jpg --height=512 --width=768            # a larger texture
    jaxtex --style=photo.jpg --tile=xy                           # a texture that tiles
    jaxtex --style=painting.jpg --content=photo.jpg --size=384   # style transfer
    jaxtex --init=photo.jpg --fill=mask.png                      # fills a hole
    jaxtex --style=photo.jpg --num_steps=400 --continue          # adds steps to a finished run
    jaxtex --from=runs/photo/result.png --seed=1                 # the same flags, another seed
    jaxtex --style=photo.jpg --serve=8080                        # live page on 127.0.0.1:8080
    jaxtex --list=presets                                        # also exemplars, statistics, ...

The folder of a run, runs/NAME by default, contains result.png, exemplar.png, sheet.png (exemplar,
snapshots, result), steps/, metrics.jsonl, run.json and, if the run is finished, DONE. The same
command resumes an interrupted run. The exit status 75 means that a signal stopped the run.
"""

import contextlib
import dataclasses
import pathlib
import sys
from typing import Any

from absl import flags as absl_flags

from jaxtex import errors
from jaxtex.cli import (
    completion,
    flag_parsing,
    flags,
    help_page,
    input_paths,
    name_lists,
    output_file,
)
from jaxtex.runs import (
    batch_execution,
    execution,
    provenance,
    run_folder,
    tables,
)
from jaxtex.runs.experiments import declaration
from jaxtex.runs.experiments import execution as experiments
from jaxtex.runs.frames import execution as sequences
from jaxtex.runtime import distributed, malloc, profiler, xla_options
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import estimates, input_images
from jaxtex.synthesis.canvas import holes
from jaxtex.synthesis.shorthands import resolution
from jaxtex.viewer import server


def main(values: absl_flags.FlagValues, arguments: list[str]) -> None:
    """Runs the mode that the flags ask for.

    Args:
      values: parsed flags of `flags.define_flags`.
      arguments: none.

    Raises:
      UserError: flags, pictures or folders cannot be used.
    """
    del arguments
    options, given = flags.read(values)

    # Before any other use of JAX.
    malloc.keep_freed_memory()
    distributed.initialize(options.distributed)
    xla_options.enable_compilation_cache()

    style, choices = resolve_choices(options, given)
    config = configs.Config(**choices)
    flags.validate_continue(options)
    flags.validate_experiment(options)
    flags.validate_frames(options, config)
    profiler.validate(options.profile)
    output_file.validate(options, style, config)

    if options.list_ or options.experiment == "list":
        print_list(options.list_ or "experiments", config)
    elif options.completion:
        print(completion.script(options.completion, values, flags.CHOICES))
    elif options.experiment:
        xla_options.require_backend()
        run_experiments(options, choices)
    elif style or config.content:
        xla_options.require_backend()
        resolution.validate(given, config, bool(config.content))
        run_synthesis(options, style, config)
    elif options.serve is not None:
        server.serve_forever(options.serve, pathlib.Path(options.workdir or "runs"))
    else:
        raise errors.UserError(input_images.MISSING)


def resolve_choices(options: flags.Options, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Combines the sources of choices: flags override the preset, both override `--from`.

    Args:
      options: flags of the command.
      given: fields of `Config` and `Shorthands` on the command line.

    Returns:
      Paths of the exemplars, separated by commas, and fields of `Config`.

    Raises:
      UserError: a shorthand is not valid, or the picture of `--from` cannot be made again.
    """
    choices = resolution.resolve(given)
    if not options.from_:
        return holes.default_style(options.style, choices), choices

    if options.experiment:
        raise errors.UserError(f"--from={options.from_} and --experiment exclude each other")
    if options.style:
        choices["style"] = options.style
    recorded = provenance.flags_of(options.from_, choices)
    return recorded.pop("style", ""), recorded


def print_list(kind: str, config: configs.Config) -> None:
    """Prints the available names of a kind, for `--list`.

    Args:
      kind: a row of `name_lists.LISTS`.
      config: names the network whose layers are listed.
    """
    print("\n".join(name_lists.list_names(kind, config)))


def run_synthesis(options: flags.Options, style: str, config: configs.Config) -> None:
    """Makes one picture, a batch or a sequence; with `--dry_run` prints the cost of the first.

    Args:
      options: flags of the command.
      style: paths of the exemplars, separated by commas.
      config: choices of the run.
    """
    styles, contents = [style], [config.content]
    if options.each:
        styles = input_paths.expand("style", style) or [""]
        contents = input_paths.expand("content", config.content) or [""]
    elif options.frames:
        contents = input_paths.expand("content", config.content)
        input_paths.validate_single(style, dataclasses.replace(config, content=""))
    else:
        input_paths.validate_single(style, config)
    if options.dry_run:
        first = dataclasses.replace(config, content=contents[0], diversity=0.0)
        rows = estimates.estimate_table(execution.plan_run(styles[0], first))
        count = len(styles) * len(contents) * options.num_images
        if count > 1:
            print(f"the first of {count} pictures:")
        print(tables.markdown(rows), end="")
        return

    several = options.each or options.frames or options.num_images != 1
    folder = pathlib.Path(options.workdir or input_paths.default_folder(style, config, several))
    input_paths.validate_folder(folder)
    output_file.validate_folder(options, config, folder)
    with live_page(options, folder):
        if options.frames:
            single = run_options(options)
            runs = sequences.make_sequence(
                style, config, contents, folder, single, options.frame_steps
            )
            print_results(runs)
        elif several:
            runs = batch_execution.make_batch(
                styles, config, options.num_images, folder, run_options(options), contents
            )
            print_results(runs)
        else:
            run_single(options, style, config, folder)


def run_single(
    options: flags.Options, style: str, config: configs.Config, folder: pathlib.Path
) -> None:
    """Makes one picture.

    Args:
      options: flags of the command.
      style: paths of the exemplars, separated by commas.
      config: choices of the run.
      folder: of the run.
    """
    run = execution.Run(style, config, folder)
    single = run_options(options)._replace(keep_state=options.keep_state)
    result = execution.make_run(run, single)
    print_results([run])
    if options.output and distributed.is_writer():
        output_file.save(options, style, config, folder, result)


def run_options(options: flags.Options) -> execution.RunOptions:
    """Returns the options of a run that do not decide its result."""
    return execution.RunOptions(
        options.profile,
        options.overwrite,
        metadata=not options.strip_metadata,
        continues=options.continue_,
        preset=options.preset,
    )


def print_results(runs: list[execution.Run]) -> None:
    """Prints the paths of the results, in one process of several."""
    if not distributed.is_writer():
        return
    for run in runs:
        maps = configs.split_paths(run.config.maps)
        for path in run_folder.result_paths(run.folder / run_folder.RESULT, maps):
            print(path)


def live_page(
    options: flags.Options, folder: pathlib.Path
) -> contextlib.AbstractContextManager[None]:
    """Serves a page of a folder while the context lasts, if `--serve` is given.

    Args:
      options: flags of the command.
      folder: of the runs. One of several processes serves it, none with `--dry_run`.
    """
    serves = not options.dry_run and distributed.is_writer()
    return server.serve_during(options.serve if serves else None, folder)


def run_experiments(options: flags.Options, choices: dict[str, Any]) -> None:
    """Runs the experiments of `--experiment`. A failure does not stop the others.

    Args:
      options: flags of the command.
      choices: fields of `Config` that replace those of the experiments.

    Raises:
      UserError: an experiment does not exist, or the only one cannot start.
      SystemExit: some runs failed; they are listed on stderr.
    """
    if options.distributed != "off":
        raise errors.UserError(
            "--experiment with --distributed: several processes share one picture or batch; "
            "jaxtex-sweep distributes many runs"
        )
    base = folder = pathlib.Path(options.workdir or input_paths.RUNS)
    input_paths.validate_folder(base)
    if options.experiment == "all":
        names = declaration.names()
    else:
        names = [name.strip() for name in options.experiment.split(",") if name.strip()]
        known = dict.fromkeys(declaration.names())
        for name in names or [options.experiment]:
            errors.choose("experiment", name, known)
        folder = base / names[0] if len(names) == 1 else base
    if options.style:
        choices = choices | {"style": options.style}

    failures = []
    with live_page(options, folder):
        for name in names:
            try:
                failures += experiments.run_experiment(name, choices, base, options.overwrite)
            except errors.UserError as error:
                if len(names) == 1:
                    raise
                failures.append(f"{name}: {error}")

    for failure in failures:
        print(f"jaxtex: failed: {' '.join(failure.split())}", file=sys.stderr)
    if failures:
        sys.exit(1)


COMMAND = flag_parsing.Command(
    name="jaxtex",
    define_flags=flags.define_flags,
    help_page=lambda values: help_page.short_page(__doc__ or "", values),
    full_help_page=lambda values: help_page.grouped_page(__doc__ or "", values),
    main=main,
)


def entry() -> None:
    """Runs the console script, see `jaxtex.__main__`."""
    flag_parsing.run_as_script(COMMAND)
