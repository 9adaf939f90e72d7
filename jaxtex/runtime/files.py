"""Files that appear whole or not at all, files that one process holds, and their hashes."""

import contextlib
import hashlib
import logging
import os
import pathlib
import time
from collections.abc import Iterator

import platformdirs

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def atomic(path: str | os.PathLike, durable: bool = True) -> Iterator[pathlib.Path]:
    """A path to write to, beside the given one, which it replaces at the end; after an error nothing stays.

    >>> with files.atomic("result.png") as part:
    ...     part.write_bytes(data)

    Args:
      path: of the file.
      durable: whether it is on the disk, and not on its way there, when all is done: then a power cut leaves this file or
        the one before.
    """
    path = pathlib.Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        if durable:
            _to_disk(part, os.O_RDWR)
        os.replace(part, path)
        if durable:
            _to_disk(path.parent, os.O_RDONLY)
    finally:
        part.unlink(missing_ok=True)


def _to_disk(path: pathlib.Path, mode: int) -> None:
    if mode == os.O_RDONLY and os.name == "nt":
        return  # a folder cannot be opened there
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial_files(folder: pathlib.Path) -> None:
    """Removes what a process that was killed while it wrote has left in a folder."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)


def try_lock(file) -> bool:
    """Holds an open file until it is closed, by whoever inherited it, too; False: another process holds it.

    On a file-system that has no locks, and on Windows, all hold it, with a warning.
    """
    for _ in range(20):  # who only asks whether it is held holds it for a moment
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
        except (AttributeError, OSError) as error:
            logging.warning(
                "%s: files cannot be locked here (%s); let one process at a time write",
                file.name,
                error,
            )
            return True
    return False


def hash_file(path: str | os.PathLike, *algorithms: str) -> dict[str, str]:
    """The hashes of a file in one pass: `hashes(path, "sha256", "md5")["sha256"]`."""
    found = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            for each in found.values():
                each.update(piece)
    return {algorithm: each.hexdigest() for algorithm, each in found.items()}


def cache_folder() -> pathlib.Path:
    """The user's own folder for what can be made or fetched again, by the platform's convention."""
    return platformdirs.user_cache_path("jaxtex", appauthor=False)
