"""Joint statistics of Portilla and Simoncelli, applied to the features of any layer."""

import jax
import jax.numpy as jnp

from jaxtex import errors
from jaxtex.statistics import autocovariance, base, moments

# Parts of the variance that `make_target` adds to variances in denominators.
REGULARIZATION = 0.1  # of the exemplar's variance, for images that have little of their own
MEAN_SHARE = 1e-3  # of the mean variance of all channels, for channels without variance
FLAT_VARIANCE = 1e-6  # for exemplars without variance


def joint(
    window: int = 7, marginal: float = 0.03, auto: float = 1.0, cross: float = 1.0
) -> base.Statistic:
    """Distribution and autocovariances of each channel, and covariances between channels.

        cross       means, and covariances of the channels at the same position
        auto        autocovariances of each channel at the offsets of a central window
        marginal    skewness and kurtosis of each channel

    `cross` and `auto` are in units of their energy, see `moments.gaussian_difference`; in
    `marginal`, channels are weighted by their variance. See docs/development/performance.md for
    the alternatives.

    Args:
      window: side of the window in positions of the layer, odd. Offsets that exceed a small layer
        are clipped to it.
      marginal: weight of the group; only the ratios of the three weights matter.
      auto: weight of the group.
      cross: weight of the group.

    Raises:
      UserError: `window` is even.

    References:
      Portilla and Simoncelli, "A Parametric Texture Model Based on Joint Statistics of Complex
      Wavelet Coefficients", IJCV 40, 2000. Departures: all layers have the same statistics, where
      the paper chooses them by subband; minimum and maximum of the pixels are not matched; the
      autocovariance does not wrap around; and a sum of squares is minimized, where the paper
      projects on one constraint after another.
    """
    if window % 2 == 0:
        raise errors.UserError(f"--statistic: 'window={window}' of joint: must be odd")
    offsets = half_window(window // 2)
    total_weight = marginal + auto + cross

    def distance(target: base.Target, summary: base.Summary) -> jax.Array:
        summary = {**summary, **standardize(summary, target["regularizer"])}

        # The exemplar's skewness may be 0, so 1 is added to the energy.
        skewness = _relative_difference("skewness", target, summary, target["share"], 1.0)
        kurtosis = _relative_difference("kurtosis", target, summary, target["share"], 1.0)
        shapes = (skewness + kurtosis) / 2

        variances = jnp.sum(jnp.diagonal(target["covariance"]) ** 2) + base.TINY
        repeats = _relative_difference("auto", target, summary, None, variances)

        together = moments.gaussian_difference(target, summary)
        return (marginal * shapes + auto * repeats + cross * together) / total_weight

    def statistic_size(channels: int, positions: int) -> int:
        del positions
        return channels * (3 + len(offsets)) + moments.symmetric_size(channels)

    return base.Statistic(
        lambda features: summarize(features, offsets),
        distance,
        make_target,
        spatial=True,
        statistic_size=statistic_size,
    )


def _relative_difference(
    name: str,
    target: base.Target,
    summary: base.Summary,
    share: jax.Array | None,
    added_energy: jax.Array | float,
) -> jax.Array:
    """Returns a squared difference over the target's energy, both weighted by channel.

    Args:
      name: entry of target and summary that is compared.
      target: target of one layer.
      summary: summary of the image, standardized.
      share: weights `[C]` of the channels; None for equal weights.
      added_energy: added to the target's energy, for targets with little of their own.
    """

    def energy(values: jax.Array) -> jax.Array:
        squares = values**2
        return jnp.sum(squares if share is None else share * squares)

    return energy(target[name] - summary[name]) / (energy(target[name]) + added_energy)


def half_window(radius: int) -> list[tuple[int, int]]:
    """Returns the offsets (down, right) of a window, one of each opposite pair, without (0, 0).

    Args:
      radius: the window has the side `2 radius + 1`.
    """
    offsets = []
    for down in range(radius + 1):
        for right in range(-radius, radius + 1):
            offsets.append((down, right))
    return [offset for offset in offsets if offset > (0, 0)]


def summarize(features: jax.Array, offsets: list[tuple[int, int]]) -> base.Summary:
    """Computes moments and autocovariances of one layer.

    Args:
      features: activations of one layer, `[H, W, C]`.
      offsets: (down, right), see `half_window`.

    Returns:
      `mean`, and the central moments `third` and `fourth`, each `[C]`; `covariance`, `[C, C]`;
      `auto`, `[C, offsets]`.
    """
    mean = features.mean((0, 1))
    centered = features - mean[None, None]
    return {
        "mean": mean,
        "third": (centered**3).mean((0, 1)),
        "fourth": (centered**4).mean((0, 1)),
        "covariance": moments.gram_matrix(centered),
        "auto": autocovariances(centered, offsets),
    }


def autocovariances(centered: jax.Array, offsets: list[tuple[int, int]]) -> jax.Array:
    """Returns mean products of values at each offset from each other, over pairs inside the layer.

    Args:
      centered: activations of one layer less their means, `[H, W, C]`.
      offsets: (down, right), clipped to the layer.

    Returns:
      `[C, offsets]`.
    """
    height, width, channels = centered.shape
    if not offsets:
        return jnp.zeros((channels, 0), centered.dtype)
    clipped = []
    for down, right in offsets:
        clipped.append((min(down, height - 1), max(1 - width, min(right, width - 1))))
    max_down = max(down for down, _ in clipped)
    max_right = max(abs(right) for _, right in clipped)
    means = autocovariance.at_lags(centered, max_down, max_right)
    return jnp.stack([means[down, max_right + right] for down, right in clipped], -1)


def make_target(summary: base.Summary) -> base.Target:
    """Returns the summary with the entries that `joint` compares.

    Args:
      summary: summary of the exemplar.

    Returns:
      The summary, `skewness` and `kurtosis`, `regularizer` (what `standardize` adds to variances)
      and `share` (weights of the channels, sum 1), each `[C]`.
    """
    variance = jnp.maximum(jnp.diagonal(summary["covariance"]), 0)
    regularizer = REGULARIZATION * (variance + MEAN_SHARE * variance.mean() + FLAT_VARIANCE)
    return {
        **summary,
        **standardize(summary, regularizer),
        "regularizer": regularizer,
        "share": regularizer / regularizer.sum(),
    }


def standardize(summary: base.Summary, regularizer: jax.Array) -> dict[str, jax.Array]:
    """Returns skewness and kurtosis of each channel.

    Args:
      summary: moments of one layer, see `summarize`.
      regularizer: added to the variances, `[C]`.

    Returns:
      `{"skewness": [C], "kurtosis": [C]}`.
    """
    variance = jnp.maximum(jnp.diagonal(summary["covariance"]), 0) + regularizer
    return {
        "skewness": summary["third"] / variance**1.5,
        "kurtosis": summary["fourth"] / variance**2,
    }
