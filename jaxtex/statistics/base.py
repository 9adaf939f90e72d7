"""The `Statistic` type, and distances between two summaries.

Distances are in units of the target's own energy by default (`norm="relative"`): 0 at the target
and about 1 for an image without any of its structure, in every network and at every size. One set
of loss weights therefore serves all of them. The literal forms of the papers are available by
name, see `NORMS`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import errors

Summary = Any  # a pytree of arrays
Target = Any  # a pytree of arrays

TINY = 1e-12  # keeps distances finite for an exemplar of one color
POOL_SIZE = 2048  # positions of each exemplar layer that stochastic statistics draw from


def _identity(summary: Any) -> Any:
    return summary


def _no_size(channels: int, positions: int) -> int:
    del channels, positions
    return 0


class Statistic(NamedTuple):
    """Statistic of the features of one layer: its summary, and the distance of two summaries.

    All functions are pure, take one layer of one image, and are compiled, mapped and
    differentiated by JAX. Only `summarize` and `distance` are required.

    Attributes:
      summarize: features `[H, W, C]` -> summary. Summaries of several exemplars may be averaged.
      distance: (target, summary) -> scalar, 0 or more.
      make_target: summary of the exemplar -> target. Runs once, outside compiled programs.
      samples: number of positions drawn from each layer, resampled every `--renew_every` steps. 0
        uses all positions.
      directions: number of random unit vectors `[C]` that features are projected on, resampled
        with the positions. 0 projects on none.
      shifts: positions of a layer that lie so far apart, along rows and along columns, are compared
        together: each direction sees the features of a position, or of one such pair. Only for
        statistics that draw.
      patch: positions along each side of a patch. Above 1, features of a patch are joined to one
        vector, `[patch * patch * C]`, before anything else: the functions below get patches as
        channels of one position. Patches do not reach beyond the image or a mask.
      spacing: distance of neighboring positions of a patch.
      critic: an `adversarial.Critic` trained alongside the image; `distance` finds its state in
        the target. None for statistics that learn nothing.
      channelwise: True if each channel is compared by itself, so that correlations of channels
        are not matched.
      spatial: True if positions are compared with their neighbors. Such a statistic needs whole
        layers: no masks.
      concatenated: True if the summary is a sample, one row per position in each of its arrays.
        Samples of several exemplars are concatenated in proportion to the weights, not averaged.
      blend: (summaries of several exemplars, their shares with sum 1) -> summary. None averages or
        concatenates them, see `losses.summaries.blend_layers`.
      average: features `[H, W, C]` -> pytree of means over positions, from which the summary
        follows. None if no such means determine the summary; then the loss cannot be
        evaluated in strips of rows.
      from_averages: result of `average` -> summary.
      statistic_size: (channels, positions) of an exemplar's layer -> how many independent numbers
        are compared.
      min_side: positions that a layer needs along each axis; where it has fewer, nothing runs.
    """

    summarize: Callable[[jax.Array], Summary]
    distance: Callable[[Target, Summary], jax.Array]
    make_target: Callable[[Summary], Target] = _identity
    samples: int = 0
    directions: int = 0
    shifts: tuple[int, ...] = ()
    patch: int = 1
    spacing: int = 1
    critic: Any = None
    channelwise: bool = False
    spatial: bool = False
    concatenated: bool = False
    blend: Callable[[Sequence[Summary], Sequence[float]], Summary] | None = None
    average: Callable[[jax.Array], Any] | None = None
    from_averages: Callable[[Any], Summary] = _identity
    statistic_size: Callable[[int, int], int] = _no_size
    min_side: int = 1

    @property
    def stochastic(self) -> bool:
        """True if positions or directions are drawn at random."""
        return bool(self.samples or self.directions)

    @property
    def targets_summary(self) -> bool:
        """True if the target is the exemplar's summary, unchanged."""
        return self.make_target is _identity


def pooled_size(channels: int, positions: int, patch_positions: int = 1) -> int:
    """Returns the `statistic_size` of statistics that keep at most `POOL_SIZE` rows.

    Args:
      channels: number of channels.
      positions: number of positions.
      patch_positions: positions that are joined to a row; patches overlap.
    """
    return channels * min(positions, POOL_SIZE * patch_positions)


def accumulation_dtype(features: jax.Array) -> np.dtype:
    """Returns the type for sums over features: float32, or their own type if that is wider."""
    wider = jnp.issubdtype(features.dtype, jnp.floating) and features.dtype.itemsize > 4
    return features.dtype if wider else np.dtype(np.float32)


def relative(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """Returns the squared difference in units of the target's own energy.

    Args:
      target: array of the exemplar.
      summary: array of the image, of the same shape.
      features: number of channels; not used.

    Returns:
      `|target - summary|^2 / |target|^2`, a scalar.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS
      2015, https://arxiv.org/abs/1505.07376. The paper divides by 4 N^2 M^2 instead, see `gatys`.
    """
    del features
    return jnp.sum((target - summary) ** 2) / (jnp.sum(target**2) + TINY)


def gatys(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """Returns the squared difference of Gram matrices with the factor of the paper.

    The form `1 / (2 n_H n_W n_C)^2` of textbooks and courses is the same number.

    Args:
      target: `F^T F / M` of the exemplar, `[N, N]`: already divided by the number of positions M.
      summary: the same of the image.
      features: number of channels N.

    Returns:
      `1 / (4 N^2 M^2) |F^T F - F'^T F'|^2`, a scalar.

    References:
      Gatys et al. (2015), as for `relative`.
    """
    return jnp.sum((target - summary) ** 2) / (4 * features**2)


def plain(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """Returns the sum of squared differences.

    Args:
      target: array of the exemplar.
      summary: array of the image, of the same shape.
      features: number of channels; not used.
    """
    del features
    return jnp.sum((target - summary) ** 2)


def unsquared(target: jax.Array, summary: jax.Array, features: int) -> jax.Array:
    """Returns the norm of the difference in units of the target's norm.

    Unlike the squared forms, its slope does not vanish near the target.

    Args:
      target: array of the exemplar.
      summary: array of the image, of the same shape.
      features: number of channels; not used.
    """
    # TINY inside the root keeps the gradient finite at the target.
    return jnp.sqrt(relative(target, summary, features) + TINY) - TINY**0.5


NORMS = {"relative": relative, "gatys": gatys, "plain": plain, "unsquared": unsquared}

# The same from sums: (squares of the differences, squares of the target, channels) -> scalar.
NORMS_OF_SQUARES: dict[str, Callable[[jax.Array, jax.Array, int], jax.Array]] = {
    "relative": lambda squares, energy, features: squares / (energy + TINY),
    "gatys": lambda squares, energy, features: squares / (4 * features**2),
    "plain": lambda squares, energy, features: squares,
    "unsquared": lambda squares, energy, features: (
        jnp.sqrt(squares / (energy + TINY) + TINY) - TINY**0.5
    ),
}


def compare(norm: str) -> Callable[[Target, Summary], jax.Array]:
    """Returns the distance of two arrays whose last axis counts channels.

    Args:
      norm: a key of `NORMS`.

    Raises:
      UserError: there is no such norm.
    """
    function = errors.choose("norm", norm, NORMS)

    def distance(target: jax.Array, summary: jax.Array) -> jax.Array:
        return function(target, summary, target.shape[-1])

    return distance
