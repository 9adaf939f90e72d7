"""Several processes, on one host or many, as one: each has some of the devices, all run the same program."""

import jax
from jax.experimental import multihost_utils

from jaxtex import errors

CHOICES = {"off": False, "auto": True}


def join(choice: str) -> None:
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


def writes() -> bool:
    """Whether this process writes the files: one does."""
    return jax.process_index() == 0


def heed(step: int) -> None:
    """At the same step in every process: leaves, if one of them was told to.

    Raises:
      Preempted: that is so.
    """
    if jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step):
        raise errors.Preempted(step)
