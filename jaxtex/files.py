"""Files that appear whole or not at all, and their hashes."""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterator

import platformdirs


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A path to write to, beside the given one, which it replaces at the end; after an error nothing stays.

    >>> with files.atomic("result.png") as part:
    ...     part.write_bytes(data)
    """
    path = pathlib.Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def hashes(path: str | os.PathLike, *algorithms: str) -> dict[str, str]:
    """The hashes of a file in one pass: `hashes(path, "sha256", "md5")["sha256"]`."""
    found = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            for each in found.values():
                each.update(piece)
    return {algorithm: each.hexdigest() for algorithm, each in found.items()}


def cache() -> pathlib.Path:
    """The user's own folder for what can be made or fetched again, by the platform's convention."""
    return platformdirs.user_cache_path("jaxtex", appauthor=False)
