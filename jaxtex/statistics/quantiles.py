"""Statistics of whole distributions: values in order, channel by channel or along random directions."""

import math

import jax
import jax.numpy as jnp

from jaxtex.statistics import base


def sorted_features(samples: int = 256, norm: str = "relative") -> base.Statistic:
    """Each channel's values in order: the squared earth mover's distance of the channels, one by one.

    Args:
      samples: positions drawn of each layer (0: all). XLA sorts slowly on CPU: all positions of 192 px take many times as
        long as the network itself. Where positions are drawn, the exemplar is known by `comparisons.POOL` of its own.
      norm: a row of `NORMS`; "plain" is the sum of the courses.

    References:
      Heitz, Vanhoey, Chambon and Belcour, "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021,
      https://arxiv.org/abs/2006.07229, along the channels instead of random directions.
    """
    distance = lambda target, summary: base.compare(norm)(*match_lengths(target, summary))
    kept = base.POOL_SIZE if samples else math.inf
    numbers = lambda channels, positions: channels * min(positions, kept)
    return base.Statistic(
        sort_channels, distance, samples=samples, channelwise=True, statistic_size=numbers
    )


def sort_channels(features: jax.Array) -> jax.Array:
    """`[H, W, C]` -> `[H W, C]`, each channel in rising order: its quantile function."""
    return jnp.sort(features.reshape(-1, features.shape[-1]), axis=0)


def match_lengths(target: jax.Array, summary: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Quantile functions `[N, C]`, `[N', C]` at as many points as the shorter has, the longer one interpolated."""
    count = min(len(target), len(summary))
    return interpolate_quantiles(target, count), interpolate_quantiles(summary, count)


def interpolate_quantiles(quantiles: jax.Array, count: int) -> jax.Array:
    """A quantile function `[N, C]` at the levels (i + 1/2) / count, linearly interpolated: `[count, C]`."""
    if len(quantiles) == count:
        return quantiles
    places = jnp.clip(
        (jnp.arange(count) + 0.5) * (len(quantiles) / count) - 0.5, 0, len(quantiles) - 1
    )
    below = jnp.floor(places).astype(jnp.int32)
    above, share = jnp.minimum(below + 1, len(quantiles) - 1), (places - below)[:, None]
    return quantiles[below] * (1 - share) + quantiles[above] * share


def sliced_wasserstein(
    directions: int = 32, samples: int = 256, norm: str = "relative"
) -> base.Statistic:
    """Sorted features along random directions, which together tell any two distributions apart.

    Args:
      directions: drawn for each layer.
      samples: positions drawn of each layer (0: all). The exemplar is known by at most `comparisons.POOL` of its own.
      norm: a row of `NORMS`.

    References:
      Heitz et al. (2021), as for `sorted`. Departures: positions are drawn as well, and both stay as they are for some
      steps, so that a line search has one function to go down on.
    """
    return sorted_features(samples, norm)._replace(
        directions=directions, channelwise=False, statistic_size=_pooled
    )


def _pooled(channels: int, positions: int) -> int:
    return channels * min(positions, base.POOL_SIZE)


def histogram(bins: int = 64, samples: int = 256, norm: str = "relative") -> base.Statistic:
    """Each channel's values against those that the exemplar's histogram would have at the same ranks.

    Args:
      bins: of equal width, from the exemplar's least value to its largest.
      samples: positions drawn of each layer (0: all).
      norm: a row of `NORMS`.

    References:
      Risser, Wilmot and Barnes, "Stable and Controllable Neural Texture Synthesis and Style Transfer Using Histogram
      Losses", 2017, https://arxiv.org/abs/1701.08893.
    """
    aim = lambda quantiles: _from_histogram(quantiles, bins)
    return sorted_features(samples, norm)._replace(
        make_target=aim, statistic_size=lambda channels, _: channels * (bins + 1)
    )


def _from_histogram(quantiles: jax.Array, bins: int) -> jax.Array:
    """`[N, C]` as a histogram remembers it: values spread evenly over their bin."""
    low, high = quantiles[0], quantiles[-1]
    edges = low + (high - low) * jnp.linspace(0, 1, bins + 1)[:, None]
    below = jax.vmap(lambda column, edge: jnp.searchsorted(column, edge, side="right"), 1, 1)(
        quantiles, edges
    )
    levels = below.at[0].set(0) / len(quantiles)
    wanted = (jnp.arange(len(quantiles)) + 0.5) / len(quantiles)
    return jax.vmap(lambda level, edge: jnp.interp(wanted, level, edge), 1, 1)(levels, edges)
