"""Paths of pictures on the command line: folders of them, and the name of the run they give."""

import glob
import itertools
import os
import pathlib
import re

from PIL import Image

from jaxtex import errors
from jaxtex.images import builtin, decoding
from jaxtex.runs import claims, run_folder
from jaxtex.runtime import file_names
from jaxtex.synthesis import config as configs
from jaxtex.viewer import run_status

RUNS = pathlib.Path("runs")  # above the folders of runs without --workdir


def expand(flag: str, text: str) -> list[str]:
    """Splits paths at commas, and replaces each folder or pattern by its pictures.

    A shell does not expand the pattern of `--content=frames/*.png`.

    Args:
      flag: name of the flag, for errors.
      text: its value.

    Returns:
      Paths; those of a folder or pattern in natural order: `2.png` before `10.png`. Folders, hidden
      files and the sheets of runs are left out.

    Raises:
      UserError: a folder or pattern has no pictures, or a folder cannot be read.
    """
    paths = []
    for part in configs.split_paths(text):
        if os.path.isdir(builtin.resolve(part)):
            paths += _pictures_in(flag, part)
        elif _is_pattern(part):
            paths += _pictures_like(flag, part)
        else:
            paths.append(part)
    return paths


def validate_single(style: str, config: configs.Config) -> None:
    """Validates that a run without `--each` and `--frames` has one content, and no folder.

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
            if _is_pattern(path):
                raise errors.UserError(
                    f"--{flag}={path}: is a pattern; {hint} of the pictures that match it"
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
    """Lists the pictures in a folder."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise errors.UserError(f"--{flag}={folder}: cannot be read ({error.strerror})") from error
    paths = [path for name in names if _is_picture(path := os.path.join(folder, name))]
    if not paths:
        raise errors.UserError(f"--{flag}={folder}: no pictures in this folder")
    return sorted(paths, key=file_names.natural_key)


def _pictures_like(flag: str, pattern: str) -> list[str]:
    """Lists the pictures whose paths match a pattern of the shell."""
    paths = [path for path in glob.glob(pattern) if _is_picture(path)]
    if not paths:
        raise errors.UserError(f"--{flag}={pattern}: no pictures match this pattern")
    return sorted(paths, key=file_names.natural_key)


def _is_pattern(path: str) -> bool:
    """True if a path has wildcards and is not the name of a file."""
    return glob.has_magic(path) and not os.path.lexists(path)


def _is_picture(path: str) -> bool:
    """True for a file whose suffix is that of a picture, unless it is hidden or a sheet of runs."""
    folder, name = os.path.split(path)
    kind = Image.registered_extensions().get(os.path.splitext(name)[1].lower())
    if kind not in decoding.FORMATS or name.startswith(".") or os.path.isdir(path):
        return False
    return name != run_folder.SHEET or claims.foreign_summary(pathlib.Path(folder)) is not None


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
    paths = [_without_wildcards(path) for path in (config.content, style) if path]
    name = "-".join(file_names.stem(path) for path in paths)
    return f"{name}_" if name in run_status.OTHER_FOLDERS else name


def _without_wildcards(path: str) -> str:
    """Returns a path, or the folder above the wildcards of a pattern."""
    if not _is_pattern(path):
        return path
    before = re.split(r"[*?[]", path)[0]
    return os.path.dirname(before) or "frames"
