"""Files: atomic writes, locks, hashes, and the user's cache folder."""

import codecs
import contextlib
import errno
import hashlib
import logging
import os
import pathlib
import re
import stat
import time
from collections.abc import Iterator
from typing import IO

import platformdirs

from jaxtex import errors
from jaxtex.runtime import file_names

logger = logging.getLogger(__name__)

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_TRIES = 20  # a process that only tests a lock holds it for a moment
LOCK_PAUSE = 0.05  # seconds
READ_BYTES = 1 << 20
MAX_NAME = 200  # bytes of a file's name in that of its temporary file
MAX_TEXT_BYTES = 1 << 20  # of flags that a person wrote; thousands of lines
PARTIAL_NAME = re.compile(r"\..+\.\d+\.part", re.DOTALL)  # of the file that `atomic` yields


@contextlib.contextmanager
def atomic(path: str | os.PathLike, durable: bool = True) -> Iterator[pathlib.Path]:
    """Yields a path to write to, which replaces `path` at the end. An error leaves no file behind.

    >>> with files.atomic("result.png") as part:
    ...     part.write_bytes(data)

    Args:
      path: the file to write.
      durable: True waits until the file is on the disk: after a power cut, the disk has this file
        or the one before.

    Raises:
      UserError: `path` is not a path, or has a zero byte.
      OSError: the file cannot be written; it names `path` or its folder, not the temporary file.
    """
    if not isinstance(path, str | os.PathLike) or "\0" in os.fsdecode(path):
        raise errors.UserError(f"output {path!r}: not a valid file name")
    path = pathlib.Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(path.parent))
    name = file_names.fit(path.name, MAX_NAME)
    part = path.with_name(f".{name}.{os.getpid()}.part")
    try:
        yield part
        if durable:
            _sync(part, os.O_RDWR)
        os.replace(part, path)
        if durable:
            _sync(path.parent, os.O_RDONLY)
    except OSError as error:
        if error.filename is not None and os.fspath(error.filename) == os.fspath(part):
            error.filename, error.filename2 = os.fspath(path), None
        raise
    finally:
        part.unlink(missing_ok=True)


def _sync(path: pathlib.Path, mode: int) -> None:
    """Waits until a file or folder is on the disk."""
    if mode == os.O_RDONLY and os.name == "nt":
        return  # Windows cannot open a folder
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial_files(folder: pathlib.Path) -> None:
    """Removes files of `atomic` that a killed process left in a folder."""
    for part in folder.glob(".*.part"):
        if PARTIAL_NAME.fullmatch(part.name):
            part.unlink(missing_ok=True)


def try_lock(file: IO) -> bool:
    """Locks an open file until it is closed, also by processes that inherit it.

    File systems without locks, and Windows, log a warning and count as locked.

    Returns:
      False if another process holds the lock.
    """
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(LOCK_PAUSE)
        except (AttributeError, OSError) as error:
            text = "%s: cannot lock files here (%s); only one process at a time may write"
            logger.warning(text, file.name, error)
            return True
    return False


def refuse_irregular(path: str | os.PathLike) -> str:
    """Returns why a path is not that of a regular file, such as "is a folder"; empty if it is.

    Reading from a pipe or a device might block, or never end.
    """
    if not isinstance(path, str | bytes | os.PathLike):  # such as the number of an open file
        return f"must be a path, got {type(path).__name__}"
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError:  # a zero byte in the path
        return "not a valid file name"
    if stat.S_ISDIR(mode):
        return "is a folder; expected a file"
    return "" if stat.S_ISREG(mode) else "is a pipe or a device; expected a file"


def read_text(path: str | os.PathLike, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Reads a text that a person wrote, such as a list of flags; file names in it may be any bytes.

    Args:
      path: of a regular file, or of a pipe.
      max_bytes: of the text; more is refused before it is read.

    Raises:
      ValueError: it is a folder or a device, too long, or not text; the message says which.
      OSError: it cannot be read.
    """
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise ValueError("is a folder or a device; expected a file of text")
    with open(path, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(f"has more than {max_bytes:,} bytes; expected a file of text")
    if b"\0" in data:
        raise ValueError("is not text: it has a zero byte")
    return data.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape")


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a text in which file names may be any bytes, see `atomic`."""
    with atomic(path) as part:
        part.write_text(text, errors="surrogateescape")


def hash_file(path: str | os.PathLike, *algorithms: str) -> dict[str, str]:
    """Returns hashes of a file by algorithm: `hash_file(path, "sha256", "md5")["sha256"]`.

    Args:
      path: the file; it is read once.
      *algorithms: names of `hashlib`.
    """
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with open(path, "rb") as file:
        while piece := file.read(READ_BYTES):
            for each in hashes.values():
                each.update(piece)
    return {name: each.hexdigest() for name, each in hashes.items()}


def cache_folder() -> pathlib.Path:
    """Returns the user's cache folder for jaxtex, by the platform's convention."""
    return platformdirs.user_cache_path("jaxtex", appauthor=False)
