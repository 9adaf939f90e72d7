"""Names of files and folders that are made from the names of input files."""

import hashlib
import pathlib
import re
from collections.abc import Sequence

MAX_BYTES = 255  # of a name, on nearly all file systems
DIGEST_LENGTH = 8  # hexadecimal digits that tell shortened names apart
NUMBER = re.compile(r"([0-9]+)")
LINE_BREAKING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # control characters and the like


def stem(path: str) -> str:
    """Returns the last part of a path without its suffix, as a name that a folder can have.

    Control characters become underscores, and so does a stem of dots: `.` and `..` are the folder
    itself and the one above.

    >>> stem("photos/leaf.jpg"), stem("...png")
    ('leaf', '__')
    """
    name = pathlib.PurePath(path).name
    dot = name.rfind(".")
    if 0 < dot < len(name) - 1:
        name = name[:dot]
    name = LINE_BREAKING.sub("_", name)
    return name if name.strip(". ") else "_" * max(1, len(name))


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Returns a key that sorts names by the numbers in them: `frame2.png` before `frame10.png`."""
    parts: list[str | int] = []
    for i, part in enumerate(NUMBER.split(name)):  # texts and numbers alternate
        parts.append(int(part) if i % 2 else part)
    return parts, name


def fit(name: str, max_bytes: int = MAX_BYTES) -> str:
    """Shortens a name that a file system would not accept.

    Args:
      name: without slashes.
      max_bytes: of the result.

    Returns:
      The name itself if it is short enough; else its beginning, and a hash of all of it.
    """
    if _num_bytes(name) <= max_bytes:
        return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:DIGEST_LENGTH]
    beginning = name[:max_bytes]
    while _num_bytes(beginning) > max_bytes - DIGEST_LENGTH - 1:
        beginning = beginning[:-1]
    return f"{beginning}-{digest}"


def _num_bytes(name: str) -> int:
    return len(name.encode(errors="surrogatepass"))


def unique(names: Sequence[str]) -> list[str]:
    """Numbers repeated names: `["a", "a", "b"]` -> `["a", "a-2", "b"]`.

    Names that differ only in case count as equal, as on the file systems of macOS and Windows.
    """
    taken = {name.casefold() for name in names}
    seen: set[str] = set()
    result = []
    for name in names:
        chosen = name
        if name.casefold() in seen:
            number = 2
            while f"{name}-{number}".casefold() in taken:
                number += 1
            chosen = f"{name}-{number}"
            taken.add(chosen.casefold())
        seen.add(chosen.casefold())
        result.append(chosen)
    return result
