"""Threads in which JAX's settings are those of the caller.

A context such as `with jax.enable_x64()` holds in one thread. JAX has no way to enter it in
another, so work that depends on it stays in the caller's thread.
"""

from collections.abc import Callable
from concurrent import futures
from typing import Any

import jax


def settings() -> dict[str, Any]:
    """Returns JAX's settings in this thread."""
    return dict(jax.config.values)


def executor(max_workers: int) -> futures.Executor:
    """Returns an executor of threads; of the caller's thread alone where others differ from it.

    Args:
      max_workers: number of threads.
    """
    threads = futures.ThreadPoolExecutor(max_workers)
    if threads.submit(settings).result() == settings():
        return threads
    threads.shutdown()
    return _CallersThread()


class _CallersThread(futures.Executor):
    """Executor that computes in `submit`."""

    def submit(self, fn: Callable, /, *args: Any, **kwargs: Any) -> futures.Future:
        """Returns a future that is done."""
        future: futures.Future = futures.Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # raised by `Future.result`, as from a thread
            future.set_exception(error)
        return future
