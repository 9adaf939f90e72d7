"""Several processes, on one host or many, that run the same program on their devices."""

import itertools
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxtex import errors
from jaxtex.runtime import preemption

CHOICES = {"off": False, "auto": True}

_sync_points = itertools.count(1)


def initialize(choice: str) -> None:
    """Connects to the other processes, as JAX finds them. Call it before any other use of JAX.

    Args:
      choice: a row of `CHOICES`.

    Raises:
      UserError: the choice is unknown, or JAX finds none of the clusters that it supports.
    """
    if not errors.choose("--distributed", choice, CHOICES):
        return
    try:
        jax.distributed.initialize()
    except (RuntimeError, ValueError) as error:
        raise errors.UserError(
            f"--distributed={choice}: JAX finds no other processes (it supports Slurm under srun, "
            "OpenMPI, TPU, Kubernetes; JAX_COORDINATOR_ADDRESS helps where host names do not "
            f"resolve): {error}"
        ) from error
    preemption.forward_to_jax()


def is_single_process() -> bool:
    """Returns True if there is one process."""
    return jax.process_count() == 1


def is_writer() -> bool:
    """Returns True in the process that writes the files."""
    return jax.process_index() == 0


def preemption_requested() -> bool:
    """Returns True if this process, or any of several, received a signal to stop.

    All processes must call it equally often: the n-th calls of all of them agree.
    """
    if is_single_process():
        return preemption.requested()
    return multihost_utils.reached_preemption_sync_point(next(_sync_points))


def broadcast_flag(value: bool) -> bool:
    """Returns the writer's value in every process."""
    return bool(broadcast(np.array(value)))


def broadcast(tree: Any) -> Any:
    """Returns the writer's arrays in every process; the others pass arrays of the same shapes."""
    return tree if is_single_process() else multihost_utils.broadcast_one_to_all(tree)
