"""Statistics of first and second order: channel means, Gram matrices and covariances."""

import jax
import jax.numpy as jnp
from jax import lax

from jaxtex.statistics import base


def gram_matrix(features: jax.Array) -> jax.Array:
    """Returns the uncentered correlations between channels, averaged over positions.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `F^T F / (H W)`, `[C, C]`: comparable between images of different sizes.
    """
    # An einsum over both axes is three times slower on CPU.
    rows = features.reshape(-1, features.shape[-1])
    return _self_product(rows) / len(rows)


@jax.custom_jvp
def _self_product(rows: jax.Array) -> jax.Array:
    """Returns `R^T R`, `[N, C]` -> `[C, C]`, with a gradient that costs one product.

    JAX's own rule for a matrix product computes two, one for each factor.
    """
    dtype = base.accumulation_dtype(rows)
    return jnp.matmul(rows.T, rows, precision="highest", preferred_element_type=dtype)


@_self_product.defjvp
def _self_product_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Returns `R^T R` and `M + M^T` with `M = R^T dR`, whose transpose is `R (G + G^T)`."""
    (rows,), (change,) = primals, tangents
    product = _cross_product(rows, change)
    return _self_product(rows), product + product.T


def _cross_product(rows: jax.Array, change: jax.Array) -> jax.Array:
    """Returns `R^T dR`, `[C, C]`, in the accumulation type.

    The conversion comes after the product: then the transpose converts the cotangent first, and
    multiplies in the type of the features.
    """
    product = jnp.matmul(rows.T, change, precision="highest")
    return product.astype(base.accumulation_dtype(rows))


def channel_means(features: jax.Array) -> jax.Array:
    """Returns the mean of each channel over positions.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `[C]`, of float32 or wider.
    """
    return lax.platform_dependent(features, cpu=_means_by_product, default=_means_by_sum)


def _means_by_sum(features: jax.Array) -> jax.Array:
    return features.mean((0, 1), base.accumulation_dtype(features))


def _means_by_product(features: jax.Array) -> jax.Array:
    """Returns channel means from a product with ones: faster on CPU than XLA's sum over rows.

    With one row of ones XLA emits a plain loop, whose rounding errors are thirty times as large.
    """
    rows = features.reshape(-1, features.shape[-1])
    ones = jnp.ones((2, len(rows)), rows.dtype)
    dtype = base.accumulation_dtype(rows)
    sums = jnp.matmul(ones, rows, precision="highest", preferred_element_type=dtype)[0]
    return sums / len(rows)


@jax.custom_jvp
def moments(features: jax.Array) -> dict[str, jax.Array]:
    """Returns mean and covariance of the feature vectors.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `{"mean": [C], "covariance": [C, C]}`. The Gram matrix is the covariance plus the outer
      product of the mean with itself.
    """
    return center_moments(raw_moments(features))


@moments.defjvp
def _moments_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Returns the moments and their tangents, in a form whose transpose costs one product.

    With `N` rows `R`, mean `m` and `s` the column sums of `dR`:

        dm = s / N        dC = H + H^T        H = (R^T dR - m s^T) / N

    The transpose is `R K + 1 k^T`, `K = (G + G^T) / N`, `k = g / N - K m`. JAX's own rule also
    reduces `[C, C]` matrices along both axes for the outer product of the means.
    """
    (features,), (change,) = primals, tangents
    values = moments(features)

    mean = values["mean"]
    rows = features.reshape(-1, len(mean))
    change = change.reshape(rows.shape)

    sums = change.sum(0, dtype=base.accumulation_dtype(change))
    outer = jnp.einsum("c,d->cd", mean, -sums, precision="highest")
    half = (_cross_product(rows, change) + outer) / len(rows)
    return values, {"mean": sums / len(rows), "covariance": half + half.T}


@jax.custom_jvp
def centered_moments(features: jax.Array) -> dict[str, jax.Array]:
    """Returns the same as `moments`, from features less their means.

    In `gram - m m^T` the digits of a small covariance cancel, and small eigenvalues become
    negative. This covariance is semidefinite up to rounding errors in units of itself, at the cost
    of a copy of the features.

    Args:
      features: activations of one layer, `[H, W, C]`.
    """
    mean = channel_means(features)
    return {"mean": mean, "covariance": gram_matrix(_center(features, mean))}


@centered_moments.defjvp
def _centered_moments_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Returns the moments and their tangents: `_moments_jvp` with rows less their mean."""
    (features,), (change,) = primals, tangents
    values = centered_moments(features)

    rows = _center(features, values["mean"]).reshape(-1, features.shape[-1])
    change = change.reshape(rows.shape)
    half = _cross_product(rows, change) / len(rows)
    sums = change.sum(0, dtype=base.accumulation_dtype(change))
    return values, {"mean": sums / len(rows), "covariance": half + half.T}


def _center(features: jax.Array, mean: jax.Array) -> jax.Array:
    """Subtracts the mean of each channel in its own type, and returns that of the features."""
    return (features.astype(mean.dtype) - mean[None, None]).astype(features.dtype)


def raw_moments(features: jax.Array) -> dict[str, jax.Array]:
    """Returns the averages from which mean and covariance follow.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `{"mean": [C], "gram": [C, C]}`, means over positions.
    """
    return {"mean": channel_means(features), "gram": gram_matrix(features)}


def center_moments(averages: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Returns mean and covariance from mean and Gram matrix, see `raw_moments`."""
    mean = averages["mean"]
    return {"mean": mean, "covariance": averages["gram"] - jnp.outer(mean, mean)}


def symmetric_size(channels: int) -> int:
    """Returns the number of independent entries of a symmetric `[channels, channels]` matrix."""
    return channels * (channels + 1) // 2


def gaussian_size(channels: int, positions: int) -> int:
    """Returns the number of independent entries of a mean and a covariance.

    Args:
      channels: number of channels.
      positions: number of positions; not used.
    """
    del positions
    return channels + symmetric_size(channels)


def gram(norm: str = "relative") -> base.Statistic:
    """Correlations between channels.

    Args:
      norm: a key of `NORMS`.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS
      2015, https://arxiv.org/abs/1505.07376. The paper divides by the number of positions in the
      loss, not in the matrix.
    """
    return base.Statistic(
        gram_matrix,
        base.compare(norm),
        average=gram_matrix,
        statistic_size=lambda channels, _: symmetric_size(channels),
    )


def mean(norm: str = "relative") -> base.Statistic:
    """Mean of each channel: colors and amounts of structure, without their arrangement.

    Args:
      norm: a key of `NORMS`.

    References:
      Li, Wang, Liu and Hou, "Demystifying Neural Style Transfer", IJCAI 2017,
      https://arxiv.org/abs/1701.01036.
    """
    return base.Statistic(
        channel_means,
        base.compare(norm),
        average=channel_means,
        channelwise=True,
        statistic_size=lambda channels, _: channels,
    )


def mean_and_covariance() -> base.Statistic:
    """Mean and covariance of the feature vectors, the parameters of the Gaussian that fits best.

    Unlike the Gram matrix, they distinguish a high mean from a high variance.

    References:
      Li et al. (2017), as for `mean`: matching moments as matching distributions. The paper stops
      at mean and variance.
    """
    return base.Statistic(
        moments,
        gaussian_difference,
        average=raw_moments,
        from_averages=center_moments,
        statistic_size=gaussian_size,
    )


def gaussian_difference(target: base.Summary, summary: base.Summary) -> jax.Array:
    """Returns the squared difference of means and covariances over the energy of the Gram matrix.

    With covariance `C` and mean `m`, a small change of the Gram matrix `C + m m^T` has the squared
    size `|dC|^2 + 2 |m|^2 |dm|^2`, except for what the two terms cancel of each other. So this is
    the relative difference of Gram matrices, in which a mean cannot make up for a variance.

    Args:
      target: `{"mean": [C], "covariance": [C, C], ...}` of the exemplar.
      summary: the same of the image.

    Returns:
      A scalar, 0 or more.
    """
    target_mean, target_covariance = target["mean"], target["covariance"]
    # Separate energies for mean and covariance converge ten times slower, see
    # docs/development/performance.md.
    energy = jnp.sum((target_covariance + jnp.outer(target_mean, target_mean)) ** 2)

    means = jnp.sum((target_mean - summary["mean"]) ** 2)
    covariances = jnp.sum((target_covariance - summary["covariance"]) ** 2)
    return (covariances + 2 * jnp.sum(target_mean**2) * means) / (energy + base.TINY)
