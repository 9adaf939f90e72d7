"""Memory that a step frees on a CPU is kept for the next step.

XLA allocates the memory of every step again, and the operating system clears each page that it
gives. glibc keeps freed memory where it is configured to. A command takes a seventh less time and a
fifth less memory; see docs/development/performance.md.

References:
  The GNU C Library, "Malloc Tunable Parameters".
"""

import contextlib
import ctypes

import jax

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # parameters of mallopt, as in malloc.h
ARENA_BYTES = 2**26  # size of a heap of a thread's arena

_forgets: bool | None = None  # True in a command until all of its first run is traced


def keep_freed_memory() -> None:
    """Configures glibc to keep freed memory, and JAX to run programs in the calling thread.

    Call it before JAX is first used, and only in a command: it holds for the whole process.
    """
    global _forgets
    if _forgets is None:
        _forgets = True
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    with contextlib.suppress(AttributeError, OSError):  # not glibc
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_MAX, 0)
        library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(TOP_PAD, ARENA_BYTES)  # a thread keeps an empty heap of its arena


def forget_traces() -> None:
    """Clears JAX's caches of traced functions: in a command, once its first run is traced.

    They take 6 % of the memory of a small run. Later runs would have to trace and compile small
    functions again, so they keep the caches. Programs that are compiled or compiling go on.
    """
    global _forgets
    if _forgets:
        jax.clear_caches()
        _forgets = False


def trim() -> None:
    """Returns freed memory, such as that of tracing and compiling, to the operating system."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
