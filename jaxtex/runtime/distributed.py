"""Several processes, on one host or many, as one: each has some of the devices, all run the same program."""

import itertools
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxtex import errors
from jaxtex.runtime import preemption

CHOICES = {"off": False, "auto": True}


def initialize(choice: str) -> None:
    """Before anything else of JAX: meets the other processes, as JAX finds them.

    Args:
      choice: a row of `CHOICES`.

    Raises:
      UserError: there is no such choice, or JAX finds none of the clusters that it knows.
    """
    if not errors.choose("distributed", choice, CHOICES):
        return
    try:
        jax.distributed.initialize()
    except (RuntimeError, ValueError) as error:
        raise errors.UserError(
            f"--distributed={choice}: JAX finds no other processes (it knows Slurm under srun, OpenMPI, TPU, Kubernetes; "
            f"JAX_COORDINATOR_ADDRESS helps where names do not resolve): {error}"
        ) from error
    preemption.forward_to_jax()


def is_single_process() -> bool:
    """Whether there is but one process."""
    return jax.process_count() == 1


def is_writer() -> bool:
    """Whether this process writes the files: one does."""
    return jax.process_index() == 0


_asked = itertools.count(1)


def preemption_requested() -> bool:
    """Whether this process was preemption_requested to leave; of several, after as many questions in each, whether any was."""
    if is_single_process():
        return preemption.requested()
    return multihost_utils.reached_preemption_sync_point(next(_asked))


def broadcast_flag(yes: bool) -> bool:
    """What the process that writes says, in all of them."""
    return bool(broadcast(np.array(yes)))


def broadcast(tree: Any) -> Any:
    """Arrays of the process that writes, in all of them; the others give such of the same shapes."""
    return tree if is_single_process() else multihost_utils.broadcast_one_to_all(tree)
