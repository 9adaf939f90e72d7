"""The live page as a web application (Bottle, extra `serve`): the page itself, what `follow` tells, and the pictures.

    GET /                         the page; colours.css, page.css, page.js
    GET /runs                     all runs of the folder
    GET /run?run=KEY&at=&step=&shot=        one run, and what is new of it
    GET /picture?run=KEY&file=result.png    exemplar.png, result.png or a snapshot
    POST /stop

Only runs that `follow` finds have a key, and only these files of theirs are given away: no path comes from the outside. A
page of another site neither reads nor stops anything, whatever name it gives this machine: `guarded` sees to it.
"""

import contextlib
import functools
import pathlib
import re
import urllib.parse
from collections.abc import Callable, Iterator

import bottle

from jaxtex.runs import run_folder
from jaxtex.viewer import run_status

PAGE = pathlib.Path(__file__).parent / "data" / "page"
PICTURES = re.compile(
    rf"(exemplar|result)\.png|{run_folder.STEPS}/{run_folder.SNAPSHOT_NAME.pattern}", re.ASCII
)
HERE = (
    "127.0.0.1",
    "localhost",
    "::1",
)  # names of this machine; the port is another one at the near end of an SSH tunnel
HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
]


def build(folder: pathlib.Path, stop: Callable[[], None] | None = None) -> Callable:
    """The application.

    Args:
      folder: of a run, or above runs.
      stop: what is done at a person's request; None: it cannot be asked for.

    Returns:
      For a WSGI server.
    """
    app = bottle.Bottle()
    app.default_error_handler = lambda error: f"{error.status_line}\n"
    for file in ("index.html", "colours.css", "page.css", "page.js"):
        path = f"/{file.removeprefix('index.html')}"
        app.get(
            path,
            callback=functools.partial(
                bottle.static_file, file, PAGE, headers={"Cache-Control": "no-cache"}
            ),
        )
    app.get("/runs", callback=lambda: _runs(folder) | {"stops": stop is not None})
    app.get("/run", callback=lambda: _run(folder) | {"stops": stop is not None})
    app.get("/picture", callback=lambda: _picture(folder))
    if stop:
        app.post("/stop", callback=lambda: stop() or {})
    return restrict_origin(app)


def restrict_origin(app: Callable) -> Callable:
    """A WSGI application for this machine's own pages alone, with `HEADERS` to all that it says."""

    def application(environ: dict, start: Callable):
        begin = lambda status, headers, *more: start(status, [*headers, *HEADERS], *more)
        if reason := _refusal(environ):
            begin("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{reason}\n".encode()]
        return app(environ, begin)

    return application


def _refusal(environ: dict) -> str:
    """Why a request is not answered; nothing, if it is."""
    host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
    with contextlib.suppress(ValueError):
        if urllib.parse.urlsplit(f"//{host}").hostname in HERE:
            changes = environ["REQUEST_METHOD"] not in ("GET", "HEAD")
            return (
                "Origin: the page itself, please" if changes and origin != f"http://{host}" else ""
            )
    return f"Host: one of {', '.join(HERE)}, please"


@contextlib.contextmanager
def _at_hand() -> Iterator[None]:
    """A folder may vanish at any moment."""
    try:
        yield
    except OSError as error:
        raise bottle.HTTPError(404) from error


def _runs(folder: pathlib.Path) -> dict:
    found = _found(folder)
    with _at_hand():
        told = [{"run": key, **run_status.summary(folder, path)} for key, path in found.items()]
    return _about(folder, found) | {"runs": told}


def _run(folder: pathlib.Path) -> dict:
    found = _found(folder)
    path, (at, step, shot) = _asked_for(found), map(_count, ("at", "step", "shot"))
    with _at_hand():
        return (
            _about(folder, found)
            | run_status.summary(folder, path)
            | run_status.details(path, at, step, shot)
        )


def _about(folder: pathlib.Path, found: dict[str, pathlib.Path]) -> dict:
    bottle.response.set_header("Cache-Control", "no-store")
    return {"folder": run_status.display_path(folder), "several": len(found) > 1}


def _picture(folder: pathlib.Path) -> bottle.HTTPResponse:
    """The browser keeps it: a picture that is written again gets another version, and so another address."""
    path, file = _asked_for(_found(folder)), bottle.request.query.getunicode("file", "")
    if not PICTURES.fullmatch(file):
        raise bottle.HTTPError(404)
    with _at_hand():
        found = bottle.static_file(
            file, path, etag=False, headers={"Cache-Control": "private, max-age=604800"}
        )
    if not isinstance(found, bottle.HTTPError):
        return found
    raise found


def _found(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    with _at_hand():
        return run_status.find_runs(folder)


def _asked_for(found: dict[str, pathlib.Path]) -> pathlib.Path:
    key = bottle.request.query.getunicode("run", "")
    if key not in found:
        raise bottle.HTTPError(404)
    return found[key]


def _count(name: str) -> int:
    """A number of the request, 0 if there is none."""
    text = bottle.request.query.getunicode(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
