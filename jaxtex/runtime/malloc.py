"""What a step frees on a CPU stays with the command, for the next one: a step takes a tenth less time.

XLA takes memory afresh for every step, 120 MB for VGG-16-BN at 256 px, and frees it; the system clears each page it gives.
glibc keeps what is freed where it is told to, but of what threads take no more than 64 MB at a time: their memory is cut
into heaps of that size. An empty one goes, if nothing else is said: images side by side took an eighth longer so.
"""

import contextlib
import ctypes

import jax

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # as malloc.h has them


def keep() -> None:
    """Tells the C library to, if it is glibc, and JAX to run programs in the thread that calls them.

    Before JAX is first used; and for a command, for it counts for all of the process.

    Reference:
      The GNU C Library's manual, "Malloc Tunable Parameters".
    """
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_MAX, 0)
        library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(
            TOP_PAD, 2**26
        )  # so much is left at the end of a heap: a whole heap of a thread's


def give_back() -> None:
    """To the system what was freed: 100 MB after VGG-16's weights and compiling.

    After a first step, too: in one command of ten something small came to lie in what that had freed, the second step found
    no room there and took 120 MB elsewhere. All others take 20 MB less so.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
