"""What XLA is told: how hard to try, and where to keep what it made."""

import contextlib
import functools
import os
import pathlib
import re
import warnings
from collections.abc import Callable

import jax

from jaxtex.runtime import files

# Of JAX 0.10 alone. The newer emitters make the many small kernels of a step no faster, but take half as long again to
# compile them; 0.11 has the newer alone. Products of YNNPACK go over one core of two where layers have few pixels or
# channels: with Eigen's in their place loss and gradient of the built-in network at 256 px took 0.20 s, not 0.25 s, those
# of VGG-16-BN as long as before. In 0.11 YNNPACK's go over all cores.
JAX_0_10_OPTIONS = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_experimental_ynn_fusion_type": "",
}
VERSION_OPTIONS = JAX_0_10_OPTIONS if jax.__version_info__ < (0, 11) else {}

# In an order that keeps little in memory: XLA's own, which seeks concurrency, takes 308 MB for a step of VGG-16-BN at
# 256 px where this takes 140 MB, and is no faster on two cores.
SCHEDULER_OPTIONS = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}

MAX_CODEGEN_PARTS = 32  # into which XLA cuts a program by itself, whatever the machine


def compiler_options(often: bool) -> dict | None:
    """The `compiler_options` of a program, on CPU; elsewhere XLA knows best.

    The built-in network's step at 192 px compiled in 2.4 s instead of 5.0 s and took 0.094 s instead of 0.092 s (jax
    0.10.2, 2 cores). Each part into which LLVM's work is cut costs some 3 ms: with one for each of two cores, not 32, what
    looks at an exemplar takes 0.18 in place of 0.22 s, a step of VGG-16-BN, traced and compiled, 1.79 in place of 1.96 s.

    Args:
      often: whether it runs at every step, or once: then it is compiled in yet half the time, to something slow.
    """
    if jax.default_backend() != "cpu":
        return None
    parts = {"xla_cpu_parallel_codegen_split_count": min(available_cores(), MAX_CODEGEN_PARTS)}
    return {
        **VERSION_OPTIONS,
        **SCHEDULER_OPTIONS,
        **parts,
        "xla_backend_optimization_level": 1 if often else 0,
    }


def available_cores() -> int:
    """How many the process may use, where the system tells (Linux): a cluster's job has a few of many."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def enable_compilation_cache() -> None:
    """Keeps compiled programs for the next run, in a folder of the user's alone: whoever writes there runs code here."""
    folder = files.cache_folder() / "xla"
    if jax.config.jax_compilation_cache_dir is None:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update(
                "jax_persistent_cache_min_compile_time_secs", 0
            )  # the small ones, too: they add up
    warnings.showwarning = functools.partial(_remove_torn_entry, warnings.showwarning)


def _remove_torn_entry(show: Callable, message: Warning, *rest, **more) -> None:
    """A program that a killed process has kept in part JAX would speak of in every run: it goes, and is kept again."""
    torn = re.search(r"Error reading persistent compilation cache entry for '(\w+)'", str(message))
    if not torn:
        return show(message, *rest, **more)
    for path in pathlib.Path(jax.config.jax_compilation_cache_dir).glob(f"{torn[1]}-*"):
        path.unlink(missing_ok=True)
