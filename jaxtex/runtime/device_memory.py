"""Memory of the first device and of this process."""

import math
import pathlib
import resource
import sys

import jax

# Peak memory of a step, in units of the bytes of all features, by XLA's account on an H200 and a
# TPU v5e; docs/development/performance.md has the figures.
COPIES = {"cpu": 1.5, "gpu": 1.5, "tpu": 2.0}
COPIES_ELSEWHERE = 4.0


def free_bytes() -> float:
    """Returns the free bytes of the first device; infinite on a CPU, which has no such counter."""
    if jax.default_backend() == "cpu":
        return math.inf
    stats = jax.devices()[0].memory_stats()
    return stats["bytes_limit"] - stats["bytes_in_use"] if stats else math.inf


def available_bytes() -> float:
    """Returns the bytes that this process may still use, of the first device or on a CPU of RAM."""
    if jax.default_backend() != "cpu":
        return free_bytes()
    return min(_machine_bytes(), _cgroup_bytes())


def _machine_bytes() -> float:
    """Returns the available RAM of the machine; infinite if the system has no /proc."""
    try:
        return _read_kilobytes("/proc/meminfo", "MemAvailable")
    except (OSError, StopIteration):
        return math.inf


def _cgroup_bytes() -> float:
    """Returns what the control group leaves: clusters and containers limit processes by it."""
    folder = pathlib.Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = (folder / "memory.current").read_text().strip()
        return math.inf if limit == "max" else int(limit) - int(used)
    except (OSError, ValueError):
        return math.inf


def estimate_step_bytes(feature_bytes: float) -> float:
    """Returns the estimated peak bytes of a step whose network computes that many feature bytes."""
    return COPIES.get(jax.default_backend(), COPIES_ELSEWHERE) * feature_bytes


def fits(feature_bytes: float, other_bytes: float = 0) -> bool:
    """Returns True if a step with that many feature bytes fits into the available memory.

    Args:
      feature_bytes: of the network.
      other_bytes: needed beside the step.
    """
    return estimate_step_bytes(feature_bytes) + other_bytes <= available_bytes()


def exceeds_memory(feature_bytes: float) -> bool:
    """Returns True if the features alone exceed memory. CPU only; a GPU raises on allocation."""
    return jax.default_backend() == "cpu" and feature_bytes > available_bytes()


def peak_bytes() -> int:
    """Returns the most bytes in use at once, of the first device or on a CPU of this process."""
    stats = jax.devices()[0].memory_stats() or {}
    return stats.get("peak_bytes_in_use") or resident_bytes("VmHWM")


def resident_bytes(field: str = "VmRSS") -> int:
    """Returns the bytes of this process in RAM.

    Args:
      field: "VmRSS" for the present value, "VmHWM" for the peak.
    """
    try:
        return _read_kilobytes("/proc/self/status", field)
    except (OSError, StopIteration):
        # Without /proc: the peak, which is no less than that of the parent process.
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return kilobytes * (1 if sys.platform == "darwin" else 1024)


def _read_kilobytes(path: str, field: str) -> int:
    """Returns the bytes of a line such as `VmRSS:  1234 kB`."""
    lines = pathlib.Path(path).read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
