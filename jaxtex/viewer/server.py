"""Server of the live page for `--serve=PORT`, in a thread of the process that makes the runs.

It listens on this machine only; from another one, use `ssh -L 8080:localhost:8080 HOST`. A thread
is enough because JAX releases Python while it computes.
"""

import collections
import contextlib
import logging
import math
import os
import pathlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

from jaxtex import errors
from jaxtex.runtime import preemption

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
OPEN_SECONDS = 4.0  # since the last request, within which a page counts as open
FINAL_SECONDS = 2.5  # granted to an open page to show the end


@contextlib.contextmanager
def serve_during(port: int | None, folder: pathlib.Path) -> Iterator[None]:
    """Serves a folder while the context lasts; logs the address.

    The Stop button sends SIGTERM to this process.

    Args:
      port: 0 uses any free port; None serves nothing.
      folder: of a run, or above runs; may be created later.

    Raises:
      UserError: the port is not available, or the server is not installed.
    """
    if port is None:
        yield
        return

    request_times = _start(port, folder, lambda: os.kill(os.getpid(), signal.SIGTERM))
    yield
    if time.monotonic() - request_times[-1] < OPEN_SECONDS:
        time.sleep(FINAL_SECONDS)


def serve_forever(port: int, folder: pathlib.Path) -> None:
    """Serves a folder in which other processes make runs, until a signal arrives.

    Args:
      port: 0 uses any free port.
      folder: of a run, or above runs.

    Raises:
      UserError: the folder is missing, the port is not available, or the server is not installed.
    """
    if not folder.is_dir():
        raise errors.UserError(f"--workdir={folder}: no such folder, which --serve={port} needs")
    _start(port, folder, None)
    with contextlib.suppress(KeyboardInterrupt):
        while not preemption.requested():
            time.sleep(0.2)


def _start(
    port: int, folder: pathlib.Path, stop: Callable[[], None] | None
) -> collections.deque[float]:
    """Starts the server in a thread.

    Returns:
      The time of the last request, updated by the server.
    """
    try:
        import waitress

        from jaxtex.viewer import web_app
    except ModuleNotFoundError as error:
        raise errors.UserError(
            f"--serve={port}: {error.name} is not installed; run pip install 'jaxtex[serve]'"
        ) from error

    listening = _listen(port)
    app = web_app.build(folder, stop)
    request_times = collections.deque([-math.inf], maxlen=1)

    def application(environ: dict, start_response: Callable):
        request_times.append(time.monotonic())
        return app(environ, start_response)

    # Waitress warns if a page sends many requests at once, which is harmless.
    logging.getLogger("waitress").setLevel(logging.ERROR)
    server = waitress.create_server(application, sockets=[listening], ident=None)
    threading.Thread(target=server.run, daemon=True, name="serve").start()
    logger.info("http://%s:%d shows %s", HOST, listening.getsockname()[1], folder)
    return request_times


def _listen(port: int) -> socket.socket:
    """Opens the port."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise errors.UserError(
            f"--serve={port}: {reason}; choose another port, or 0 for any free one"
        ) from error
