"""Output paths: validation of `--output` before the work begins, and writing there after it."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np

from jaxtex import errors
from jaxtex.images import builtin, encoding, io
from jaxtex.runtime import files

MARK_BYTES = 4096  # at the beginning of a file, which hold the mark of its program
MAX_NAME = 200  # bytes of a file name; `files.atomic` adds to it, and file systems allow 255
TABLES = (".csv", ".txt")  # suffixes of `--csv`


def validate_image(
    path: str,
    bits: int,
    inputs: Sequence[str] = (),
    folders: Sequence[str] = (),
    alpha: bool = False,
) -> None:
    """Validates the path of an image that will be written; creates no file or folder.

    Args:
      path: of the image.
      bits: per sample.
      inputs: paths or built-in names of what the image is made from, which it must not replace.
      folders: paths that the run will create as folders.
      alpha: True if the image may have transparency.

    Raises:
      UserError: the format is not supported, or a file cannot be written there.
    """
    encoding.choose_writer(path, bits, (1, 1, 4 if alpha else 3))
    if reason := _refusal(pathlib.Path(path), inputs, folders):
        raise errors.UserError(f"--output={path}: {reason}")


def validate_file(
    path: str, suffixes: Sequence[str], inputs: Sequence[str] = (), flag: str = "output"
) -> None:
    """Validates the path of any other file that will be written, as `validate_image`.

    Args:
      path: of the file.
      suffixes: those that are allowed, such as ".html".
      inputs: as for `validate_image`.
      flag: its name, for errors.

    Raises:
      UserError: the suffix is another one, or a file cannot be written there.
    """
    if pathlib.Path(path).suffix.lower() not in suffixes:
        raise errors.UserError(f"--{flag}={path}: suffix must be one of {', '.join(suffixes)}")
    if reason := _refusal(pathlib.Path(path), inputs, []):
        raise errors.UserError(f"--{flag}={path}: {reason}")


def validate_default(path: str, mark: bytes) -> None:
    """Validates that the default of `--output`, which nobody typed, is no file of another program.

    Args:
      path: of the file; may be missing.
      mark: bytes at the beginning of the files that the command writes.

    Raises:
      UserError: it is, and would be replaced.
    """
    if not os.path.exists(path):
        return
    with open(path, "rb") as file:
        if mark in file.read(MARK_BYTES):
            return
    raise errors.UserError(
        f"--output={path}: the file is not of this command and would be replaced; name another "
        "with --output, or this one, if it is to be replaced"
    )


def validate_table(path: str, inputs: Sequence[str]) -> None:
    """Validates the path of `--csv`, as `validate_file`; its folder must exist.

    Args:
      path: of the file.
      inputs: paths or built-in names of what is compared, which it must not replace.

    Raises:
      UserError: the suffix is another one, or a file cannot be written there.
    """
    validate_file(path, TABLES, inputs, flag="csv")
    if not pathlib.Path(path).parent.is_dir():
        raise errors.UserError(f"--csv={path}: no such folder '{pathlib.Path(path).parent}/'")


@contextlib.contextmanager
def open_atomic(path: str) -> Iterator[pathlib.Path]:
    """Creates the parent folders of a file, then enters `files.atomic`."""
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as part:
        yield part


def result_values(paths: Sequence[str]) -> tuple[float, float] | None:
    """Returns the values of black and white of a result that is made from files.

    These are those of the files of floats. Other files have values without a unit.

    Args:
      paths: of the exemplars and the content.

    Returns:
      The values, see `images.value_range`; None without a file of floats.

    Raises:
      UserError: a file cannot be read, or their ranges differ.
    """
    ranges = {path: io.value_range(path) for path in paths}
    found = {path: values for path, values in ranges.items() if values is not None}
    if len(set(found.values())) > 1:
        text = ", ".join(
            f"'{path}' from {low:g} to {high:g}" for path, (low, high) in found.items()
        )
        raise errors.UserError(
            f"--bits={encoding.FLOAT_BITS}: a result has one range of values, and its files of "
            f"floats differ: {text}; scale them to one range, or use --bits=16"
        )
    return next(iter(found.values()), None)


def save_image(
    path: str,
    image: np.ndarray,
    bits: int,
    note: str,
    values: tuple[float, float] | None = None,
) -> None:
    """Creates the parent folders of a file, then calls `images.save`.

    Args:
      path: of the file.
      image: `[H, W, 3]` or `[H, W, 4]` in [0, 1].
      bits: per sample.
      note: see `images.save`.
      values: see `images.save`.
    """
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    io.save(path, image, bits, note=note, values=values)


def _refusal(path: pathlib.Path, inputs: Sequence[str], folders: Sequence[str]) -> str:
    """Returns why a file cannot be written; empty if it can. Arguments as `validate_image`."""
    try:
        if "\0" in str(path) or len(os.fsencode(path.name)) > MAX_NAME:
            return f"name must have at most {MAX_NAME} bytes, and no zero byte"
        if path.exists() and not path.is_file():
            return "exists and is not a file"
        sources = [builtin.resolve(name) for name in inputs]
        if path.exists() and any(os.path.exists(name) and path.samefile(name) for name in sources):
            return "is an input of this run; choose another file"

        absolute = pathlib.Path(os.path.abspath(path))
        for folder in folders:
            planned = pathlib.Path(os.path.abspath(folder))
            if folder and absolute in (planned, *planned.parents):
                return "will be a folder of this run"
        return _folder_refusal(path.parent)
    except (OSError, ValueError) as error:
        return f"cannot be written ({getattr(error, 'strerror', None) or error})"


def _folder_refusal(folder: pathlib.Path) -> str:
    """Returns why no file can be created in a folder that may not exist yet; empty if one can."""
    existing = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    if not existing.is_dir():
        return f"{existing} is not a folder"
    # Permissions alone do not show whether the file system accepts a file.
    with tempfile.TemporaryFile(dir=existing):
        return ""
