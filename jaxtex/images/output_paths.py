"""The file that a command was asked for: whether it can be written, known before the work, and written after it."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np

from jaxtex import errors
from jaxtex.images import encoding, io
from jaxtex.runtime import files

LONGEST = 200  # bytes of a name: while it is written it has a longer one


def validate_image(
    path: str,
    bits: int,
    inputs: Sequence[str] = (),
    folders: Sequence[str] = (),
    alpha: bool = False,
) -> None:
    """Holds a path against what will be written there; makes nothing, no folder either.

    Args:
      path: of the file that is to be.
      bits: of each colour.
      inputs: paths of what goes into the picture, which it may not take the place of.
      folders: that are to be made, likewise.
      alpha: whether it may have transparency.

    Raises:
      UserError: of another kind than can be written, or not to be written there.
    """
    encoding.choose_writer(path, bits, (1, 1, 4 if alpha else 3))
    if reason := _refusal(pathlib.Path(path), inputs, folders):
        raise errors.UserError(f"--output={path}: {reason}")


def validate_file(path: str, suffixes: Sequence[str]) -> None:
    """`check` for a file that is no picture.

    Raises:
      UserError: it has none of the suffixes, or is not to be written there.
    """
    if pathlib.Path(path).suffix.lower() not in suffixes:
        raise errors.UserError(
            f"--output={path}: its suffix is one of {', '.join(suffixes)}, please"
        )
    if reason := _refusal(pathlib.Path(path), [], []):
        raise errors.UserError(f"--output={path}: {reason}")


@contextlib.contextmanager
def open_atomic(path: str) -> Iterator[pathlib.Path]:
    """`files.atomic`, with the folders above it."""
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic(path) as part:
        yield part


def save_image(path: str, image: np.ndarray, bits: int, note: str) -> None:
    """`images.save`, with the folders above it."""
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    io.save(path, image, bits, note=note)


def _refusal(path: pathlib.Path, inputs: Sequence[str], folders: Sequence[str]) -> str:
    try:
        if "\0" in str(path) or len(os.fsencode(path.name)) > LONGEST:
            return f"a name of at most {LONGEST} bytes, and none of them 0, please"
        if path.exists() and not path.is_file():
            return "is there, and no file"
        if any(os.path.exists(each) and path.exists() and path.samefile(each) for each in inputs):
            return "is what the picture is made from; another file, please"
        made = [pathlib.Path(os.path.abspath(folder)) for folder in folders if folder]
        if any(pathlib.Path(os.path.abspath(path)) in (folder, *folder.parents) for folder in made):
            return "will be a folder of this run"
        return _refusal_of_folder(path.parent)
    except (OSError, ValueError) as error:
        return f"cannot be written ({getattr(error, 'strerror', None) or error})"


def _refusal_of_folder(folder: pathlib.Path) -> str:
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not there.is_dir():
        return f"{there} is no folder"
    with tempfile.TemporaryFile(dir=there):  # permissions alone do not tell
        return ""
