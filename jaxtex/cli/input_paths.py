"""Paths of pictures on the command line: folders of them, and the name of the run they give."""

import itertools
import os
import pathlib

from PIL import Image

from jaxtex import errors
from jaxtex.images import builtin, decoding
from jaxtex.runs import claims, run_folder
from jaxtex.runtime import file_names
from jaxtex.synthesis import config as configs
from jaxtex.viewer import run_status

RUNS = pathlib.Path("runs")  # above the folders of runs without --workdir


def expand(flag: str, text: str) -> list[str]:
    """Splits paths at commas, and replaces each folder by the pictures in it.

    Args:
      flag: name of the flag, for errors.
      text: its value.

    Returns:
      Paths; those in a folder in the order of their names. Hidden files are left out.

    Raises:
      UserError: a folder has no pictures, or cannot be read.
    """
    paths = []
    for part in configs.split_paths(text):
        if os.path.isdir(builtin.resolve(part)):
            paths += _pictures_in(flag, part)
        else:
            paths.append(part)
    return paths


def validate_single(style: str, config: configs.Config) -> None:
    """Validates that a run without `--each` has one content, and no folder of pictures.

    Args:
      style: paths of the exemplars, separated by commas.
      config: choices of the run.

    Raises:
      UserError: it has several; the message names the flags that make a result of each.
    """
    contents = configs.split_paths(config.content)
    hint = "--each makes one result of each"
    if len(contents) > 1:
        raise errors.UserError(
            f"--content={config.content}: a run has one content; {hint}, as jaxtex-sweep "
            f"--vary=content={config.content} does"
        )
    for flag, paths in {"content": contents, "style": configs.split_paths(style)}.items():
        for path in paths:
            if os.path.isdir(builtin.resolve(path)):
                raise errors.UserError(
                    f"--{flag}={path}: is a folder; {hint} of the pictures in it"
                )


def validate_folder(folder: pathlib.Path) -> None:
    """Validates that the file system accepts the path of a run; it may be missing.

    Raises:
      UserError: it does not.
    """
    try:
        os.lstat(folder / run_folder.STEPS)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.UserError(f"--workdir={folder}: cannot be used ({reason})") from error


def _pictures_in(flag: str, folder: str) -> list[str]:
    """Lists the files in a folder whose suffix is that of a picture."""
    formats = Image.registered_extensions()  # suffix -> format
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise errors.UserError(f"--{flag}={folder}: cannot be read ({error.strerror})") from error
    paths = [
        os.path.join(folder, name)
        for name in names
        if formats.get(os.path.splitext(name)[1].lower()) in decoding.FORMATS
        and not name.startswith(".")
    ]
    if not paths:
        raise errors.UserError(f"--{flag}={folder}: no pictures in this folder")
    return paths


def default_folder(style: str, config: configs.Config, several: bool) -> pathlib.Path:
    """Chooses a folder below `runs/` that is named after content and style.

    Args:
      style: paths of the exemplars, separated by commas.
      config: choices of the run.
      several: True for the folder above the runs of a batch.

    Returns:
      `runs/NAME`, or `runs/NAME-2`, ... if there are other things than such runs in the former.
    """
    name = default_name(style, config)
    for number in itertools.count(1):
        ending = "" if number == 1 else f"-{number}"
        folder = RUNS / f"{file_names.fit(name, file_names.MAX_BYTES - len(ending))}{ending}"
        other = claims.foreign_summary(folder) if several else claims.foreign_file(folder)
        if other is None:
            return folder
    raise AssertionError("unreachable")


def default_name(style: str, config: configs.Config) -> str:
    """Returns the name of the folder below `runs/`: the stems of content and style.

    Args:
      style: value of `--style`.
      config: the choices.
    """
    name = "-".join(file_names.stem(path) for path in (config.content, style) if path)
    return f"{name}_" if name in run_status.OTHER_FOLDERS else name
