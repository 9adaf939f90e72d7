"""XLA compiler options and the persistent compilation cache."""

import contextlib
import functools
import os
import pathlib
import re
import warnings
from collections.abc import Callable

import jax

from jaxtex import errors
from jaxtex.runtime import files

# JAX 0.10 only. Its fusion emitters compile the many small kernels of a step more slowly and run
# them no faster; its YNNPACK products use one core where layers have few pixels or channels.
JAX_0_10_OPTIONS = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_experimental_ynn_fusion_type": "",
}
VERSION_OPTIONS = JAX_0_10_OPTIONS if jax.__version_info__ < (0, 11) else {}

# An order of operations that keeps less in memory than XLA's own, which favors concurrency.
SCHEDULER_OPTIONS = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}

MAX_CODEGEN_PARTS = 32  # XLA's own number of parts that LLVM compiles in parallel


def compiler_options(often: bool) -> dict | None:
    """Returns the `compiler_options` of a program for `jax.jit`.

    Args:
      often: True for a program that runs at every step. False compiles in half the time, to a
        slower program.

    Returns:
      Options for a CPU; None elsewhere, where XLA's defaults are best.
    """
    if jax.default_backend() != "cpu":
        return None
    return {
        **VERSION_OPTIONS,
        **SCHEDULER_OPTIONS,
        # One part for each core: more parts cost time and compile no sooner.
        "xla_cpu_parallel_codegen_split_count": min(available_cores(), MAX_CODEGEN_PARTS),
        "xla_backend_optimization_level": 1 if often else 0,
    }


def require_backend() -> None:
    """Validates that JAX finds a device: its backend is initialized.

    Raises:
      UserError: it finds none, such as with `JAX_PLATFORMS=cuda` without a GPU.
    """
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # AssertionError: without a text
        platforms = jax.config.jax_platforms
        reason = str(error) or "expected cpu, or a platform that is installed"
        raise errors.UserError(f"JAX_PLATFORMS={platforms or ''}: no device: {reason}") from error


def available_cores() -> int:
    """Returns the number of cores that this process may use; a cluster's job may use a few."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def enable_compilation_cache() -> None:
    """Keeps compiled programs in the user's cache folder, unless JAX has another one.

    The folder is private: whoever can write there can run code in this process.
    """
    folder = files.cache_folder() / "xla"
    if jax.config.jax_compilation_cache_dir is None:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    warnings.showwarning = functools.partial(_remove_torn_entry, warnings.showwarning)


def _remove_torn_entry(show: Callable, message: Warning, *rest, **options) -> None:
    """Removes a cache entry that a killed process wrote in part; shows any other warning.

    JAX would warn of such an entry in every run. Without it, the program is compiled and kept.
    """
    pattern = r"Error reading persistent compilation cache entry for '(\w+)'"
    torn = re.search(pattern, str(message))
    if not torn:
        show(message, *rest, **options)
        return
    for path in pathlib.Path(jax.config.jax_compilation_cache_dir).glob(f"{torn[1]}-*"):
        path.unlink(missing_ok=True)
