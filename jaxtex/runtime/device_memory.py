"""How much memory there is, whether what a step remembers for its gradient fits, and what is done where it does not.

Reference:
  Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016, https://arxiv.org/abs/1604.06174.
"""

import math
import pathlib
import resource
import sys
from collections.abc import Callable

import jax

from jaxtex import networks

# Of all features, that a step holds at its peak. By XLA's account (JAX 0.11; with the optimiser's 22 images) 0.7 to 1.1 for
# an H200, beside it what cuDNN takes, and 1.3 to 1.7 for a TPU v5e (from 512 px: weights are more than smaller features);
# with `shifted_gram` up to 2.9.
COPIES = {"cpu": 1.5, "gpu": 1.5, "tpu": 2.0}
MOST = 4.0  # where nothing is known


def free_bytes() -> float:
    """Bytes of the first device that nobody has taken; infinite on CPU, which does not tell, and where little is saved.

    (256 px, VGG-16-BN, JAX 0.10.2: 123 MB of temporary memory in place of 140 MB.)
    """
    told = jax.devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    return told["bytes_limit"] - told["bytes_in_use"] if told else math.inf


def available_bytes() -> float:
    """Bytes of the first device that nobody has taken; on CPU of the machine, and of what this process may have of it."""
    if jax.default_backend() != "cpu":
        return free_bytes()
    return min(_machine_bytes(), _cgroup_bytes())


def _machine_bytes() -> float:
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        return next(
            int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")
        )
    except (OSError, StopIteration):
        return math.inf


def _cgroup_bytes() -> float:
    """What the control group leaves, which is how clusters and containers limit a process."""
    folder = pathlib.Path("/sys/fs/cgroup")
    try:
        limit, used = (
            (folder / f"memory.{name}").read_text().strip() for name in ("max", "current")
        )
        return math.inf if limit == "max" else int(limit) - int(used)
    except (OSError, ValueError):
        return math.inf


def estimate_step_bytes(features: float) -> float:
    """Bytes that a step holds at its peak, whose network has so many bytes of features."""
    return COPIES.get(jax.default_backend(), MOST) * features


def fits(features: float) -> bool:
    """Whether a step can be taken whose network has so many bytes of features."""
    return estimate_step_bytes(features) <= available_bytes()


def exceeds_memory(features: float) -> bool:
    """Whether features of so many bytes alone are more than there is; a GPU tells that itself, when it is so far."""
    return jax.default_backend() == "cpu" and features > available_bytes()


def peak_bytes() -> int:
    """The most bytes that were held at once: on the first device, or where it does not tell by this process."""
    told = jax.devices()[0].memory_stats() or {}
    return told.get("peak_bytes_in_use") or resident_bytes("VmHWM")


def resident_bytes(which: str = "VmRSS") -> int:
    """Bytes of this process that are in memory: now, or ("VmHWM") the most there were.

    What `getrusage` tells, where there is no better, is no less than what the process' parent held.
    """
    try:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(which))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )


def rematerialize(loss: Callable, choice: str, features: float) -> Callable:
    """The loss, or one that keeps for its gradient the pooled features alone, and computes the others anew.

    Args:
      loss: to be differentiated.
      choice: a row of `REMATS`.
      features: bytes of the features of all layers.
    """
    keep = jax.checkpoint_policies.save_only_these_names(networks.POOLED)
    return jax.checkpoint(loss, policy=keep) if REMATS[choice](features) else loss


REMATS = {
    "auto": lambda features: estimate_step_bytes(features) > free_bytes(),
    "none": lambda features: False,
    "all": lambda features: True,
}
