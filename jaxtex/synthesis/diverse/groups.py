"""Groups: the images of a batch that have the same exemplar and content, and meet in between."""

from collections.abc import Sequence

import jax

from jaxtex import errors, optimizers
from jaxtex.losses import diversity
from jaxtex.runtime import distributed
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis import stepping


def validate(settings: choices.Settings, num_images: int) -> None:
    """Validates that images can keep away from each other on these devices.

    Args:
      settings: `diversity`, and the devices.
      num_images: of a group.

    Raises:
      UserError: they cannot.
    """
    value, parts = settings.config.diversity, settings.layout.images
    if not value:
        return
    if num_images % parts:
        raise errors.UserError(
            f"--diversity={value}: --mesh={settings.config.mesh} divides {num_images} images "
            f"unevenly; use a multiple of {parts} for --num_images"
        )
    if not distributed.is_single_process():
        raise errors.UserError(f"--diversity={value} cannot be used with --distributed")


def join(plans: Sequence[stepping.Plan], number: int) -> list[stepping.Plan]:
    """Returns plans that keep away from each other, if their loss says so.

    Args:
      plans: of images with the same exemplar and content.
      number: of the group, from 1.
    """
    diverse = any(diversity.NAME in (problem.critics or ()) for problem in plans[0].problems)
    return [plan._replace(group=number if diverse else 0) for plan in plans]


def renew(plan: stepping.Plan, state: optimizers.State) -> optimizers.State:
    """Returns a state that is ready for a new loss function. Images of a group meet.

    Args:
      plan: of an image, or of a batch.
      state: after a step.
    """
    state = plan.optimizer.restart(state)
    if not (plan.group and plan.batch and diversity.NAME in state.critic):
        return state
    met = jax.jit(diversity.meet)(state.critic[diversity.NAME])
    return state._replace(critic={**state.critic, diversity.NAME: met})
