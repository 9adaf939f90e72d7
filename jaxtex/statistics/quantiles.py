"""Statistics of whole distributions: sorted values, per channel or along random directions."""

import jax
import jax.numpy as jnp

from jaxtex.statistics import base


def sorted_features(samples: int = 256, norm: str = "relative") -> base.Statistic:
    """Sorted values of each channel: the squared Wasserstein-2 distance, channel by channel.

    Args:
      samples: number of positions drawn from each layer; 0 uses all, which is slow on CPU, where
        XLA sorts slowly. If positions are drawn, the exemplar is represented by `base.POOL_SIZE`
        positions.
      norm: a key of `NORMS`; "plain" is the unnormalized sum of squares.

    References:
      Heitz, Vanhoey, Chambon and Belcour, "A Sliced Wasserstein Loss for Neural Texture
      Synthesis", CVPR 2021, https://arxiv.org/abs/2006.07229. Departure: the directions are the
      channels, not random; see `sliced_wasserstein`.
    """

    def distance(target: jax.Array, summary: jax.Array) -> jax.Array:
        return base.compare(norm)(*match_lengths(target, summary))

    def all_positions(channels: int, positions: int) -> int:
        return channels * positions

    return base.Statistic(
        sort_channels,
        distance,
        samples=samples,
        channelwise=True,
        statistic_size=base.pooled_size if samples else all_positions,
    )


def sort_channels(features: jax.Array) -> jax.Array:
    """Returns the quantile function of each channel: `[H, W, C]` -> `[H W, C]`, ascending."""
    return jnp.sort(features.reshape(-1, features.shape[-1]), axis=0)


def match_lengths(target: jax.Array, summary: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Interpolates the longer of two quantile functions to the length of the shorter.

    Args:
      target: quantile function of each channel, `[N, C]`.
      summary: quantile function of each channel, `[N', C]`.

    Returns:
      Both, `[min(N, N'), C]`.
    """
    count = min(len(target), len(summary))
    return interpolate_quantiles(target, count), interpolate_quantiles(summary, count)


def interpolate_quantiles(quantiles: jax.Array, count: int) -> jax.Array:
    """Samples quantile functions at the levels `(i + 1/2) / count`, by linear interpolation.

    Args:
      quantiles: sorted values of each channel, `[N, C]`, at the levels `(i + 1/2) / N`.
      count: number of levels.

    Returns:
      `[count, C]`; the array itself if `count` is N.
    """
    length = len(quantiles)
    if length == count:
        return quantiles

    dtype = base.accumulation_dtype(quantiles)
    places = (jnp.arange(count, dtype=dtype) + 0.5) * (length / count) - 0.5
    places = jnp.clip(places, 0, length - 1)

    below = jnp.floor(places).astype(jnp.int32)
    above = jnp.minimum(below + 1, length - 1)
    share = (places - below.astype(dtype))[:, None]
    return quantiles[below] * (1 - share) + quantiles[above] * share


def sliced_wasserstein(
    directions: int = 32, samples: int = 256, norm: str = "relative", shifts: str = ""
) -> base.Statistic:
    """Sorted features along random directions, which together distinguish any two distributions.

    With shifts most directions see the features of two positions that lie so far apart, one below
    or beside the other: they tell what stands with what over a long range. Pairs are compared
    wherever they are, not at the same place, so the exemplar's layout is not copied.

    Args:
      directions: number of random directions for each layer.
      samples: number of positions drawn from each layer; 0 uses all. The exemplar is represented
        by at most `base.POOL_SIZE` positions.
      norm: a key of `NORMS`.
      shifts: in positions of the layer, separated by "/", such as "4/16"; the directions are
        divided evenly among single positions and the two pairs of each shift. Where a picture has
        fewer positions than twice a shift, half of its shorter side is used. Empty for no pairs.

    References:
      Heitz et al. (2021), as for `sorted_features`. Departures: positions are drawn as well, and
      both draws are kept for several steps, so that a line search minimizes one function.
      Yin and Chua, "Long Range Constraints for Neural Texture Synthesis Using Sliced Wasserstein
      Loss", 2022, https://arxiv.org/abs/2211.11137, for long ranges. Departure: they project whole
      columns of features, which tells each row by its place; pairs have no place.
    """
    distances = tuple(int(shift) for shift in shifts.split("/") if int(shift or 0))

    def statistic_size(channels: int, positions: int) -> int:
        return base.pooled_size(channels * (1 + 4 * len(distances)), positions)

    return sorted_features(samples, norm)._replace(
        directions=directions,
        shifts=distances,
        channelwise=False,
        spatial=bool(distances),
        statistic_size=statistic_size,
    )


def histogram(bins: int = 64, samples: int = 256, norm: str = "relative") -> base.Statistic:
    """Sorted values of each channel, compared with the quantiles of the exemplar's histogram.

    Args:
      bins: number of bins of equal width, from the exemplar's minimum to its maximum.
      samples: number of positions drawn from each layer; 0 uses all.
      norm: a key of `NORMS`.

    References:
      Risser, Wilmot and Barnes, "Stable and Controllable Neural Texture Synthesis and Style
      Transfer Using Histogram Losses", 2017, https://arxiv.org/abs/1701.08893.
    """
    return sorted_features(samples, norm)._replace(
        make_target=lambda quantiles: _histogram_quantiles(quantiles, bins),
        statistic_size=lambda channels, _: channels * (bins + 1),
    )


def _histogram_quantiles(quantiles: jax.Array, bins: int) -> jax.Array:
    """Returns quantiles of a histogram, values spread evenly over their bin: `[N, C]` -> `[N, C]`.

    Args:
      quantiles: sorted values of each channel, `[N, C]`.
      bins: number of bins.
    """
    count = len(quantiles)
    low, high = quantiles[0], quantiles[-1]
    shares = jnp.linspace(0, 1, bins + 1, dtype=quantiles.dtype)[:, None]
    edges = low[None] + (high - low)[None] * shares

    # The share of values at or below each edge is the inverse of the quantile function there.
    def rank(column: jax.Array, edge: jax.Array) -> jax.Array:
        return jnp.searchsorted(column, edge, side="right")

    ranks = jax.vmap(rank, 1, 1)(quantiles, edges)
    levels = ranks.at[0].set(0).astype(quantiles.dtype) / count
    places = (jnp.arange(count, dtype=quantiles.dtype) + 0.5) / count

    def value(level: jax.Array, edge: jax.Array) -> jax.Array:
        return jnp.interp(places, level, edge)

    return jax.vmap(value, 1, 1)(levels, edges)
