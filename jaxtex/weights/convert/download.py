"""Downloads that resume where they broke off, and that publish a file once its hash is right."""

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

STALL = 30.0  # seconds without a byte that end an attempt
TRIES = 4  # consecutive attempts without a new byte
CHUNK = 1 << 18  # bytes that are read at a time
MAX_SIZE = 1 << 30  # bytes of a file whose length is not known
RANGE_NOT_SATISFIABLE = 416  # HTTP status

Progress = Callable[[int, int], None]  # bytes so far, bytes of the whole file (0: unknown)


class DownloadError(Exception):
    """A server does not provide the expected file, and another attempt would not help."""


def fetch_any(
    candidates: list[catalog.Published], folder: pathlib.Path, progress: Progress
) -> tuple[catalog.Published, pathlib.Path]:
    """Downloads the first of several files that is available.

    Args:
      candidates: the files, in order of preference.
      folder: as in `fetch`.
      progress: as in `fetch`.

    Returns:
      The file that was downloaded and its path.

    Raises:
      UserError: no file is available; the message has the reason for each and the manual way.
    """
    reasons = []
    for published in candidates:
        try:
            _require_reader(published)
            return published, fetch(published, folder, progress)
        except DownloadError as error:
            reasons.append(f"{published.url}: {error}")
    first = candidates[0]
    raise errors.UserError(
        f"{'; '.join(reasons)}. By hand: download {first.url} ({first.hash[0]} {first.hash[1]}) "
        f"and type 'jaxtex-weights convert {first.file}'"
    )


def fetch(
    published: catalog.Published, folder: pathlib.Path, progress: Progress, stall: float = STALL
) -> pathlib.Path:
    """Downloads one file, or resumes an earlier attempt.

    One process downloads at a time; others wait and find the complete file.

    Args:
      published: the file.
      folder: the folder of the result. An incomplete file is called `NAME.part` there.
      progress: called with the bytes so far and the bytes of the whole file.
      stall: seconds without a byte that end an attempt.

    Returns:
      The path of the file, which has the expected hash.

    Raises:
      DownloadError: the server does not provide the file; the message has the reason.
    """
    path = folder / published.file
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / f"{published.file}.lock"):
        if not path.is_file():
            part = path.with_name(f"{path.name}.part")
            _download(published, part, progress, stall)
            _verify(published, part)
            part.rename(path)
    return path


def remove(folder: pathlib.Path, published: catalog.Published) -> None:
    """Removes a downloaded file and its lock.

    Args:
      folder: as in `fetch`.
      published: the file.
    """
    for name in (published.file, f"{published.file}.lock"):
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _download(
    published: catalog.Published, part: pathlib.Path, progress: Progress, stall: float
) -> None:
    """Repeats attempts until the file is complete, or until several in a row bring nothing."""
    failures, reason = 0, ""
    while failures < TRIES:
        before = _size(part)
        try:
            if _attempt(published, part, progress, stall):
                return
            reason = "ended early"
        except urllib.error.HTTPError as error:
            # Servers reject the range if an earlier attempt left more bytes than the file has.
            if error.code != RANGE_NOT_SATISFIABLE or not before:
                raise DownloadError(f"HTTP {error.code} {error.reason}") from error
            part.unlink()
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        failures = 0 if _size(part) > before else failures + 1
    raise DownloadError(reason)


def _attempt(
    published: catalog.Published, part: pathlib.Path, progress: Progress, stall: float
) -> bool:
    """Appends the bytes of one response to a file; True if the file is complete."""
    received = _size(part)
    headers = {"User-Agent": "jaxtex"}
    if received:
        headers["Range"] = f"bytes={received}-"
    request = urllib.request.Request(published.url, headers=headers)
    with urllib.request.urlopen(request, timeout=stall) as response:
        content_range = response.headers.get("Content-Range", "")
        if content_range.split("-")[0] != f"bytes {received}":
            received = 0  # the server ignored the range and sends the whole file
        total = received + int(response.headers.get("Content-Length") or 0)
        announced = total if total > received else published.bytes
        if published.bytes and announced != published.bytes:
            raise DownloadError(f"announces {announced} bytes instead of {published.bytes}")

        limit = announced or MAX_SIZE
        with open(part, "r+b" if received else "wb") as file:
            file.seek(received)
            while chunk := response.read(CHUNK):
                file.write(chunk)
                received += len(chunk)
                progress(received, announced)
                if received > limit:
                    raise DownloadError(f"sends more than {limit} bytes")
    return received == announced if announced else True


def _verify(published: catalog.Published, part: pathlib.Path) -> None:
    """Removes the file and raises `DownloadError` if it has not the expected hash."""
    algorithm, expected = published.hash
    digest = files.hash_file(part, algorithm)[algorithm]
    if digest != expected:
        part.unlink()
        raise DownloadError(f"sent a file with {algorithm} {digest} instead of {expected}")


def _require_reader(published: catalog.Published) -> None:
    """Raises `DownloadError` before the download if the library that reads the file is missing."""
    libraries = {".onnx": "onnx", ".safetensors": "safetensors"}
    library = libraries.get(pathlib.Path(published.file).suffix)
    if library and importlib.util.find_spec(library) is None:
        raise DownloadError("needs the extra 'convert': pip install 'jaxtex[convert]'")


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size if path.is_file() else 0
