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


def keep_freed_memory() -> None:
    """Configures glibc to keep freed memory, and JAX to run programs in the calling thread.

    Call it before JAX is first used, and only in a command: it holds for the whole process.
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    with contextlib.suppress(AttributeError, OSError):  # not glibc
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_MAX, 0)
        library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(TOP_PAD, ARENA_BYTES)  # a thread keeps an empty heap of its arena


def trim() -> None:
    """Returns freed memory, such as that of tracing and compiling, to the operating system."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
