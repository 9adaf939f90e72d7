"""Files: atomic writes, locks, hashes, and the user's cache folder."""

import contextlib
import hashlib
import logging
import os
import pathlib
import time
from collections.abc import Iterator
from typing import IO

import platformdirs

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_TRIES = 20  # a process that only tests a lock holds it for a moment
LOCK_PAUSE = 0.05  # seconds
READ_BYTES = 1 << 20


@contextlib.contextmanager
def atomic(path: str | os.PathLike, durable: bool = True) -> Iterator[pathlib.Path]:
    """Yields a path to write to, which replaces `path` at the end. An error leaves no file behind.

    >>> with files.atomic("result.png") as part:
    ...     part.write_bytes(data)

    Args:
      path: the file to write.
      durable: True waits until the file is on the disk: after a power cut, the disk has this file
        or the one before.
    """
    path = pathlib.Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        if durable:
            _sync(part, os.O_RDWR)
        os.replace(part, path)
        if durable:
            _sync(path.parent, os.O_RDONLY)
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
            logging.warning(text, file.name, error)
            return True
    return False


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
