"""Web application of the live page (Bottle, extra `serve`): the page, the status and the pictures.

    GET /                                              the page, and its `PAGE_FILES`
    GET /runs                                          the status of all runs in the folder
    GET /run?run=KEY&offset=&step=&snapshot=           one run, with updates since the last request
    GET /picture?run=KEY&file=result.png               exemplar.png, result.png or a snapshot
    POST /stop                                         asks the process to stop

Only runs that `run_status.find_runs` returns have a key, and only these files of theirs are served:
no path comes from a request. `restrict_origin` rejects pages of other sites, whatever name they use
for this machine.
"""

import contextlib
import functools
import pathlib
import re
import urllib.parse
from collections.abc import Callable, Iterator

import bottle

from jaxtex.runs import run_folder
from jaxtex.viewer import run_status, run_updates

PAGE = pathlib.Path(__file__).parent / "data" / "page"
PAGE_FILES = (
    "index.html",
    "colors.css",
    "page.css",
    "page.js",
    "chart.js",
    "elements.js",
    "format.js",
)
PICTURES = re.compile(
    rf"(exemplar|result)\.png|{run_folder.STEPS}/{run_folder.SNAPSHOT_NAME.pattern}", re.ASCII
)
MAX_DIGITS = 15  # of a number in a request
HOSTS = ("127.0.0.1", "localhost", "::1")  # any port: an SSH tunnel has its own
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

Runs = dict[str, pathlib.Path]  # key -> folder of the run


def build(folder: pathlib.Path, stop: Callable[[], None] | None = None) -> Callable:
    """Builds the application.

    Args:
      folder: of a run, or above runs.
      stop: called when a person asks to stop; None: the page has no Stop button.

    Returns:
      A WSGI application.
    """
    app = bottle.Bottle()
    app.default_error_handler = _describe_error

    for file in PAGE_FILES:
        path = "/" if file == "index.html" else f"/{file}"
        app.get(path, callback=functools.partial(_serve_page_file, file))

    can_stop = {"can_stop": stop is not None}
    app.get("/runs", callback=lambda: _describe_runs(folder) | can_stop)
    app.get("/run", callback=lambda: _describe_run(folder) | can_stop)
    app.get("/picture", callback=lambda: _serve_picture(folder))

    if stop is not None:
        app.post("/stop", callback=functools.partial(_stop, stop))
    return restrict_origin(app)


def restrict_origin(app: Callable) -> Callable:
    """Wraps a WSGI application so that it serves only its own pages on this machine.

    Args:
      app: the WSGI application.

    Returns:
      A WSGI application that answers other requests with 403, and adds `HEADERS` to all replies.
    """

    def application(environ: dict, start_response: Callable):
        def start(status: str, headers: list, *more):
            return start_response(status, [*headers, *HEADERS], *more)

        refusal = _find_refusal(environ)
        if refusal:
            start("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{refusal}\n".encode()]
        return app(environ, start)

    return application


def _find_refusal(environ: dict) -> str:
    """Returns why a request is refused; empty if it is not."""
    host = environ.get("HTTP_HOST", "")
    try:
        hostname = urllib.parse.urlsplit(f"//{host}").hostname
    except ValueError:
        hostname = None
    if hostname not in HOSTS:
        return f"Host must be one of {', '.join(HOSTS)}"

    changes_state = environ["REQUEST_METHOD"] not in ("GET", "HEAD")
    if changes_state and environ.get("HTTP_ORIGIN") != f"http://{host}":
        return "Origin must be the page itself"
    return ""


def _describe_error(error: bottle.HTTPError) -> str:
    """Returns the body of a reply with an error."""
    return f"{error.status_line}\n"


def _serve_page_file(file: str) -> bottle.HTTPResponse:
    """Serves a file of the page; the browser asks each time whether it has changed."""
    return bottle.static_file(file, PAGE, headers={"Cache-Control": "no-cache"})


def _describe_runs(folder: pathlib.Path) -> dict:
    """Returns the status of all runs."""
    runs = _find_runs(folder)
    with _missing_is_404():
        summaries = [
            {"key": key, **run_status.summarize(folder, path)} for key, path in runs.items()
        ]
    return _describe_folder(folder, runs) | {"runs": summaries}


def _describe_run(folder: pathlib.Path) -> dict:
    """Returns the status and the updates of the requested run."""
    runs = _find_runs(folder)
    path = _requested_run(runs)
    offset, step, snapshot = (_requested_number(name) for name in ("offset", "step", "snapshot"))
    with _missing_is_404():
        summary = run_status.summarize(folder, path)
        updates = run_updates.read_updates(path, offset, step, snapshot)
    return _describe_folder(folder, runs) | summary | updates


def _describe_folder(folder: pathlib.Path, runs: Runs) -> dict:
    """Returns what all replies contain, and marks the reply as not to be cached."""
    bottle.response.set_header("Cache-Control", "no-store")
    return {"folder": run_status.display_path(folder), "several": len(runs) > 1}


def _serve_picture(folder: pathlib.Path) -> bottle.HTTPResponse:
    """Serves the requested picture.

    The browser caches it: a new version of a picture has a new URL.
    """
    path = _requested_run(_find_runs(folder))
    file = bottle.request.query.getunicode("file", "")
    if not PICTURES.fullmatch(file):
        raise bottle.HTTPError(404)

    headers = {"Cache-Control": "private, max-age=604800"}  # a week
    with _missing_is_404():
        response = bottle.static_file(file, path, etag=False, headers=headers)
    if isinstance(response, bottle.HTTPError):
        raise response
    return response


def _stop(stop: Callable[[], None]) -> dict:
    """Stops the process."""
    stop()
    return {}


def _find_runs(folder: pathlib.Path) -> Runs:
    """Finds the runs in the folder."""
    with _missing_is_404():
        return run_status.find_runs(folder)


@contextlib.contextmanager
def _missing_is_404() -> Iterator[None]:
    """Answers with 404 if a folder vanishes while it is read."""
    try:
        yield
    except OSError as error:
        raise bottle.HTTPError(404) from error


def _requested_run(runs: Runs) -> pathlib.Path:
    """Returns the folder of the requested run."""
    key = bottle.request.query.getunicode("run", "")
    if key not in runs:
        raise bottle.HTTPError(404)
    return runs[key]


def _requested_number(name: str) -> int:
    """Returns a number of the request; 0 if it is missing or invalid."""
    text = bottle.request.query.getunicode(name, "")
    valid = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if valid else 0
