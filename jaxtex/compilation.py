"""What XLA is told: how hard to try, and where to keep what it made."""

import contextlib
import ctypes
import os

import jax

from jaxtex import files

# XLA's newer emitters make the many small kernels of a step no faster, but take half as long again to compile them. JAX
# 0.11 has the newer alone.
OLD_EMITTERS = {"xla_cpu_use_fusion_emitters": False} if jax.__version_info__ < (0, 11) else {}


def options(often: bool) -> dict | None:
    """The `compiler_options` of a program, on CPU; elsewhere XLA knows best.

    The built-in network's step at 192 px compiled in 2.4 s instead of 5.0 s and took 0.094 s instead of 0.092 s (jax
    0.10.2, 2 cores).

    Args:
      often: whether it runs at every step, or once: then it is compiled in yet half the time, to something slow.
    """
    if jax.default_backend() != "cpu":
        return None
    return {**OLD_EMITTERS, "xla_backend_optimization_level": 1 if often else 0}


def hold_memory() -> None:
    """Asks the C library (glibc; others are left alone) to keep freed memory for the next step.

    XLA takes hundreds of megabytes for a step and gives them back at its end; on CPU, a third of a step of VGG-16-BN at
    256 px was spent by the kernel on clearing fresh pages (0.64 s with, 0.39 s without). For commands: a library should
    leave its host's memory alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    for option, value in MALLOC.values() if mallopt else ():
        mallopt(option, value)


MALLOC = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_ARENA_MAX": (-8, 1)}


def keep() -> None:
    """Keeps compiled programs for the next run, in a folder of the user's alone: whoever writes there runs code here."""
    folder = files.cache() / "xla"
    if jax.config.jax_compilation_cache_dir is None:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))
