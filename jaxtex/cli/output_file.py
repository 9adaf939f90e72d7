"""Copy of the result at the path of `--output`: validated before the run, written after it."""

import json
import os
import pathlib

import numpy as np

from jaxtex import errors, images
from jaxtex.cli import flags
from jaxtex.images import encoding, output_paths, texture_maps
from jaxtex.runs import claims, run_folder
from jaxtex.synthesis import config as configs

RESULT_BITS = 8  # per channel of `result.png`


def validate(options: flags.Options, style: str, config: configs.Config) -> None:
    """Validates `--output` and `--bits`; creates no file or folder.

    Args:
      options: flags of the command.
      style: paths of the exemplars, separated by commas.
      config: choices of the run.

    Raises:
      UserError: the file cannot be written, or there is more than one result.
    """
    if "bits" in options.given and not options.output:
        raise errors.UserError(
            f"--bits={options.bits}: needs --output; result.png has {RESULT_BITS} bits per channel"
        )
    if not options.output:
        return
    if options.experiment or options.each or options.frames or options.num_images != 1:
        raise errors.UserError(
            f"--output={options.output}: needs a single result; not with --experiment, --each, "
            "--frames or --num_images"
        )

    maps = configs.split_paths(config.maps)
    inputs = [
        config.content,
        config.init,
        config.mix,
        config.fill,
        config.previous_content,
        config.weights,
        options.from_,
        *maps,
    ]
    for text in (style, config.masks, config.style_masks, config.guide):
        inputs += configs.split_paths(text)
    first, *others = run_folder.result_paths(options.output, maps)
    existing = [path for path in others if os.path.lexists(path)]
    if existing and not os.path.lexists(first):  # both exist if the command is repeated
        raise errors.UserError(
            f"--output={first}: '{existing[0]}' exists and would be replaced by a further map; "
            "use another --output, or move the file"
        )
    for path in (first, *others):
        output_paths.validate_image(
            str(path),
            options.bits,
            inputs,
            [options.workdir, options.profile],
            alpha=config.alpha == "keep",
        )
    _values(options, style, config)


def _values(
    options: flags.Options, style: str, config: configs.Config
) -> list[tuple[float, float] | None]:
    """Returns the values of black and white of each map of the result, in files of floats.

    Args:
      options: flags of the command.
      style: paths of the exemplars, separated by commas.
      config: choices of the run.

    Raises:
      UserError: a file cannot be read, or the files of one map have different ranges.
    """
    maps = configs.split_paths(config.maps)
    if options.bits != encoding.FLOAT_BITS:
        return [None] * (1 + len(maps))
    inputs = [*configs.split_paths(style), *([config.content] if config.content else [])]
    return [output_paths.result_values(inputs), *(output_paths.result_values([m]) for m in maps)]


def validate_folder(options: flags.Options, config: configs.Config, folder: pathlib.Path) -> None:
    """Validates that `--output` is no file of this run or of another one.

    Args:
      options: flags of the command.
      config: choices of the run.
      folder: of the run.

    Raises:
      UserError: the file is one that a run writes, or will be a folder of this run.
    """
    if not options.output:
        return
    maps = configs.split_paths(config.maps)
    absolute = pathlib.Path(os.path.abspath(folder))
    for path in run_folder.result_paths(options.output, maps):
        others = [parent for parent in path.parents[:2] if run_folder.is_run(parent)]
        for run in (folder, *others):
            if claims.is_own_file(run, path, maps):
                raise errors.UserError(f"--output={path}: is a file of the run in {run}")
        if pathlib.Path(os.path.abspath(path)) in (absolute, *absolute.parents):
            raise errors.UserError(f"--output={path}: will be a folder of this run")


def save(
    options: flags.Options,
    style: str,
    config: configs.Config,
    folder: pathlib.Path,
    result: np.ndarray | None,
) -> None:
    """Writes the result to the path of `--output`, and each further map to a file beside it.

    Args:
      options: flags of the command.
      style: paths of the exemplars, separated by commas.
      config: choices of the run.
      folder: of the finished run.
      result: `[H, W, 3 k]` for k maps; None if the run was finished before, then it is read from
        the folder.

    Raises:
      UserError: more than 8 bits of a result that was finished before.
    """
    maps = configs.split_paths(config.maps)
    if result is not None:
        pictures = texture_maps.split_maps(result)
    elif options.bits > RESULT_BITS:
        raise errors.UserError(
            f"--bits={options.bits}: {folder} is already finished, with {RESULT_BITS} bits; "
            "--overwrite runs it again"
        )
    else:
        paths = run_folder.result_paths(folder / run_folder.RESULT, maps)
        pictures = [images.load(path, alpha=True) for path in paths]

    metadata = "" if options.strip_metadata else json.dumps(run_folder.read_record(folder))
    paths = run_folder.result_paths(options.output, maps)
    values = _values(options, style, config)
    for path, picture, black_and_white in zip(paths, pictures, values, strict=True):
        output_paths.save_image(str(path), picture, options.bits, metadata, black_and_white)
        print(path)
