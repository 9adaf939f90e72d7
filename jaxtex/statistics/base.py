"""What a statistic is, and how far apart two of its values are.

Every distance is in units of the target's own energy (`norm="relative"`): 0 at the target and about 1 for an image without
any of its structure, in every network, at every size. So one set of weights serves them all. The literal forms of the
sources are there by name, `NORMS`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Summary = Any  # a pytree of arrays
Target = Any  # likewise

TINY = 1e-12  # keeps the distance finite for an exemplar of one colour
POOL_SIZE = (
    2048  # positions of each layer of the exemplar that are kept for statistics that draw anew
)


def _identity(summary: Summary) -> Target:
    return summary


class Statistic(NamedTuple):
    """What of the features is matched, and how far apart two of its values are."""

    summarize: Callable[
        [jax.Array], Summary
    ]  # [H, W, C] -> summary; those of several exemplars may be averaged
    distance: Callable[[Target, Summary], jax.Array]  # (target, summary) -> scalar >= 0
    make_target: Callable[[Summary], Target] = _identity  # the exemplar's summary -> target, once
    samples: int = 0  # positions that are looked at, drawn anew now and then; 0: all
    directions: int = (
        0  # random unit directions that the features are projected on, drawn anew likewise; 0: none
    )
    critic: Any = None  # an `adversarial.Critic`, which learns; the distance then finds its numbers in the target
    channelwise: bool = False  # whether it looks at each channel by itself, and so cannot tell which goes with which
    spatial: bool = False  # whether it knows what stands beside what, and so wants whole layers
    average: Callable[[jax.Array], Any] | None = (
        None  # features -> means over positions of products, see `exact` ...
    )
    from_averages: Callable[[Any], Summary] = (
        _identity  # ... from which the summary follows, where it can
    )
    statistic_size: Callable[[int, int], int] = lambda channels, positions: (
        0
    )  # of a layer of the exemplar, that it looks at

    @property
    def stochastic(self) -> bool:
        """Whether chance is part of it."""
        return bool(self.samples or self.directions)

    @property
    def targets_summary(self) -> bool:
        """Whether its target is the exemplar's summary as it is."""
        return self.make_target is _identity


def accumulation_dtype(features: jax.Array) -> np.dtype:
    """The type in which sums over features are taken: float32, or theirs if that is wider."""
    return jnp.promote_types(features.dtype, jnp.float32)


def relative(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """The squared difference in units of the target's own energy; `features` is not used.

    Departs from Gatys et al. (2015), who divide by 4 N^2 M^2.
    """
    del features
    return jnp.sum((target - summary) ** 2) / (jnp.sum(target**2) + TINY)


def gatys(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """1 / (4 N^2 M^2) of the squared difference of F F^T, as in Gatys et al. (2015); N features at M positions.

    Our Gram matrices are divided by M already. The form 1 / (2 n_H n_W n_C)^2 of the courses is the same number.
    """
    return jnp.sum((target - summary) ** 2) / (4 * features**2)


def plain(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """The sum of squared differences, as in the sorted loss of the courses."""
    del features
    return jnp.sum((target - summary) ** 2)


def unsquared(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """The norm of the difference in units of the target's norm: it does not slow down near the target."""
    return jnp.sqrt(relative(target, summary, features) + TINY) - TINY**0.5


NORMS = {"relative": relative, "gatys": gatys, "plain": plain, "unsquared": unsquared}


def compare(norm: str) -> Callable[[Target, Summary], jax.Array]:
    """The distance of two arrays whose last axis counts features, by a row of `NORMS`."""
    return lambda target, summary: NORMS[norm](target, summary, target.shape[-1])
