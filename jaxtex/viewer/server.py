"""`--serve=PORT`: the live page of a folder, from a thread of the process that makes the runs in it.

It is for this machine alone; from another one by `ssh -L 8080:localhost:8080 HOST`. While JAX computes, Python is free, so
a thread is enough.
"""

import contextlib
import logging
import os
import pathlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

from jaxtex import errors
from jaxtex.runtime import preemption

HOST = "127.0.0.1"
WATCHED = 4.0  # seconds since the last question: somebody looks at the page
LINGERS = 2.5  # seconds that are left to such a page to see the end


@contextlib.contextmanager
def serve_during(port: int | None, folder: pathlib.Path) -> Iterator[None]:
    """Shows the folder for as long as the context lasts; its address is logged. Stop is to this process what SIGTERM is.

    Args:
      port: 0: any that is free; None: nothing is shown.
      folder: of a run, or above runs; need not be there yet.

    Raises:
      UserError: the port cannot be had, or the server is not installed.
    """
    if port is None:
        yield
        return
    asked = _start(port, folder, lambda: os.kill(os.getpid(), signal.SIGTERM))
    yield
    if time.monotonic() - asked[-1] < WATCHED:
        time.sleep(LINGERS)


def serve_forever(port: int, folder: pathlib.Path) -> None:
    """Shows what others make in the folder, or have made, until a signal comes.

    Raises:
      UserError: as `serving`, or there is no such folder.
    """
    if not folder.is_dir():
        raise errors.UserError(
            f"--workdir={folder}: no such folder, so that --serve={port} has nothing to show"
        )
    _start(port, folder, None)
    with contextlib.suppress(KeyboardInterrupt):
        while not preemption.requested():
            time.sleep(0.2)


def _start(port: int, folder: pathlib.Path, stop: Callable[[], None] | None) -> list[float]:
    """Begins to answer, in a thread; returns when the last question came, in a list."""
    try:
        import waitress

        from jaxtex.viewer import web_app
    except ModuleNotFoundError as error:
        raise errors.UserError(
            f"--serve={port}: {error.name} is missing; pip install 'jaxtex[serve]' brings it"
        ) from error
    listening = _listen(port)
    app, asked = web_app.build(folder, stop), [float("-inf")]

    def noted(environ: dict, start: Callable):
        asked[0] = time.monotonic()
        return app(environ, start)

    logging.getLogger("waitress").setLevel(
        logging.ERROR
    )  # a page that asks much at once is no news
    server = waitress.create_server(noted, sockets=[listening], ident=None)
    threading.Thread(target=server.run, daemon=True, name="serve").start()
    logging.info("http://%s:%d shows %s", HOST, listening.getsockname()[1], folder)
    return asked


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise errors.UserError(
            f"--serve={port}: {os.strerror(error.errno)}; another port, please, or 0 for any"
        ) from error
