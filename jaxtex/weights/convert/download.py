"""A file from the network: resumed where it broke off, held against its length and hash, never seen before it is whole."""

import contextlib
import http.client
import importlib.util
import pathlib
import urllib.error
import urllib.request
from collections.abc import Callable

import filelock

from jaxtex import errors
from jaxtex.runtime import files
from jaxtex.weights.convert import catalog

STALL = 30.0  # seconds without a byte
TRIES = 4  # attempts in a row that bring nothing new
PIECE = 1 << 18  # bytes at a time
ROOM = 1 << 30  # bytes of a file whose length is not known

Progress = Callable[[int, int], None]  # bytes done, bytes in all (0: not known)


class RefusedError(Exception):
    """This server will not do, however often it is asked."""


def fetch(
    published: catalog.Published, folder: pathlib.Path, progress: Progress, stall: float = STALL
) -> pathlib.Path:
    """Downloads one file, resuming what an earlier attempt left; one process at a time, the others wait.

    Args:
      published: which.
      folder: where to; an unfinished file is called `NAME.part` there.
      progress: told how far it is.
      stall: seconds without a byte that end an attempt.

    Returns:
      The path of the file, whose hash is right.

    Raises:
      RefusedError: this server did not give it; the text says why.
    """
    path = folder / published.file
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / f"{published.file}.lock"):
        if not path.is_file():
            part = path.with_name(f"{path.name}.part")
            _until_whole(published, part, progress, stall)
            _verify(published, part)
            part.rename(path)
    return path


def _verify(published: catalog.Published, part: pathlib.Path) -> None:
    algorithm, expected = published.hash
    if (found := files.hash_file(part, algorithm)[algorithm]) != expected:
        part.unlink()
        raise RefusedError(f"sent a file with the {algorithm} {found} instead of {expected}")


def _until_whole(
    published: catalog.Published, part: pathlib.Path, progress: Progress, stall: float
) -> None:
    failures, reason = 0, ""
    while failures < TRIES:
        before = _size(part)
        try:
            if _attempt(published, part, progress, stall):
                return
            reason = "ended early"
        except urllib.error.HTTPError as error:
            if (
                error.code != 416 or not before
            ):  # 416: what is left of an earlier attempt is longer than the file
                raise RefusedError(f"HTTP {error.code} {error.reason}") from error
            part.unlink()
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        failures = 0 if _size(part) > before else failures + 1
    raise RefusedError(reason)


def _attempt(
    published: catalog.Published, part: pathlib.Path, progress: Progress, stall: float
) -> bool:
    """Appends what comes; whether the file is whole now."""
    have = _size(part)
    headers = {"User-Agent": "jaxtex", **({"Range": f"bytes={have}-"} if have else {})}
    with urllib.request.urlopen(
        urllib.request.Request(published.url, headers=headers), timeout=stall
    ) as response:
        if response.headers.get("Content-Range", "").split("-")[0] != f"bytes {have}":
            have = 0  # the server begins anew
        total = have + int(response.headers.get("Content-Length") or 0)
        announced = total if total > have else published.bytes
        if published.bytes and announced != published.bytes:
            raise RefusedError(f"announces {announced} bytes instead of {published.bytes}")
        with open(part, "r+b" if have else "wb") as file:
            file.seek(have)
            while piece := response.read(PIECE):
                file.write(piece)
                have += len(piece)
                progress(have, announced)
                if have > (announced or ROOM):
                    raise RefusedError(f"sends more than {announced or ROOM} bytes")
    return have == announced if announced else True


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def from_any(
    candidates: list[catalog.Published], folder: pathlib.Path, progress: Progress
) -> tuple[catalog.Published, pathlib.Path]:
    """The first of several files that can be had.

    Raises:
      UserError: none; the text says why each failed, which file to bring by hand, and what to type then.
    """
    reasons = []
    for published in candidates:
        try:
            _require_reader(published)
            return published, fetch(published, folder, progress)
        except RefusedError as error:
            reasons.append(f"{published.url}: {error}")
    first = candidates[0]
    raise errors.UserError(
        f"{'; '.join(reasons)}. By hand: bring {first.url} ({first.hash[0]} {first.hash[1]}) and type "
        f"'jaxtex-weights convert {first.file}'"
    )


def _require_reader(published: catalog.Published) -> None:
    """Before half a gigabyte is fetched in vain."""
    library = {".onnx": "onnx", ".safetensors": "safetensors"}.get(
        pathlib.Path(published.file).suffix
    )
    if library and importlib.util.find_spec(library) is None:
        raise RefusedError("needs the extra 'convert': pip install 'jaxtex[convert]'")


def forget(folder: pathlib.Path, published: catalog.Published) -> None:
    """Removes a file that has been converted, and its lock."""
    for name in (published.file, f"{published.file}.lock"):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
