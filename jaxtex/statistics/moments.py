"""Statistics of second order and below: means, Gram matrices, covariances, and what is made of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex.statistics import base


def gram_matrix(features: jax.Array) -> jax.Array:
    """Uncentred correlations between channels, averaged over positions.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `F^T F / (H W)`, `[C, C]`: comparable between images of different sizes.
    """
    rows = features.reshape(
        -1, features.shape[-1]
    )  # an einsum over both axes is three times slower on CPU
    return _self_product(rows) / len(rows)


@jax.custom_vjp
def _self_product(rows: jax.Array) -> jax.Array:
    """`[N, C]` -> `[C, C]`. Its gradient is one product; the general rule of a matrix product would make two."""
    return jnp.matmul(
        rows.T, rows, precision="highest", preferred_element_type=base.accumulation_dtype(rows)
    )


_self_product.defvjp(
    lambda rows: (_self_product(rows), rows),
    lambda rows, cotangent: (
        jnp.matmul(rows, (cotangent + cotangent.T).astype(rows.dtype), precision="highest"),
    ),
)


def channel_means(features: jax.Array) -> jax.Array:
    """The mean of each channel over positions.

    On CPU by a product: what XLA sums there it has stored before, and sums in two rounds; a step of the built-in network at
    256 px took 0.113 s so, and takes 0.105 s. By two rows of ones, for by one the product is a loop that errs thirty times
    as much.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `[C]`, of float32 or wider.
    """
    if jax.default_backend() != "cpu":
        return features.mean((0, 1), base.accumulation_dtype(features))
    rows = features.reshape(-1, features.shape[-1])
    ones = jnp.ones((2, len(rows)), rows.dtype)
    return jnp.matmul(
        ones, rows, precision="highest", preferred_element_type=base.accumulation_dtype(rows)
    )[0] / len(rows)


@jax.custom_vjp
def moments(features: jax.Array) -> dict[str, jax.Array]:
    """The Gaussian that fits the feature vectors best. Derivatives are of reverse mode only.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `{"mean": [C], "covariance": [C, C]}`; the Gram matrix is the covariance plus the outer product of the mean.
    """
    return _centred(_uncentred(features))


def _moments_forward(features: jax.Array):
    found = moments(features)
    return found, (features, found["mean"])


def _moments_gradient(residuals, cotangent: dict[str, jax.Array]) -> tuple[jax.Array]:
    """One product, and what all rows have in common; the general rule sums matrices along both axes for the latter."""
    features, mean = residuals
    rows = features.reshape(-1, len(mean))
    both = (cotangent["covariance"] + cotangent["covariance"].T) / len(rows)
    common = cotangent["mean"] / len(rows) - jnp.matmul(mean, both, precision="highest")
    gradient = jnp.matmul(rows, both.astype(rows.dtype), precision="highest") + common.astype(
        rows.dtype
    )
    return (gradient.reshape(features.shape),)


moments.defvjp(_moments_forward, _moments_gradient)


def _uncentred(features: jax.Array) -> dict[str, jax.Array]:
    return {"mean": channel_means(features), "gram": gram_matrix(features)}


def _centred(averages: dict[str, jax.Array]) -> dict[str, jax.Array]:
    mean = averages["mean"]
    return {"mean": mean, "covariance": averages["gram"] - jnp.outer(mean, mean)}


def gram(norm: str = "relative") -> base.Statistic:
    """Correlations between channels.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015,
      https://arxiv.org/abs/1505.07376. The paper divides by the number of positions in the loss, not before.
    """
    return base.Statistic(
        gram_matrix,
        base.compare(norm),
        average=gram_matrix,
        statistic_size=lambda c, _: _symmetric(c),
    )


def _symmetric(channels: int) -> int:
    """The independent numbers of a symmetric matrix."""
    return channels * (channels + 1) // 2


def mean(norm: str = "relative") -> base.Statistic:
    """The mean of each channel alone: colours and amounts of structure, but no structure.

    References:
      Li, Wang, Liu and Hou, "Demystifying Neural Style Transfer", IJCAI 2017, https://arxiv.org/abs/1701.01036.
    """
    return base.Statistic(
        channel_means,
        base.compare(norm),
        average=channel_means,
        channelwise=True,
        statistic_size=lambda c, _: c,
    )


def mean_and_covariance() -> base.Statistic:
    """The Gaussian that fits best: unlike the Gram matrix it tells a high mean from a high variance.

    References:
      Li et al. (2017), as for `mean`: matching moments as matching distributions; they stop at mean and variance.
    """
    numbers = lambda channels, _: channels + _symmetric(channels)
    return base.Statistic(
        moments,
        gaussian_difference,
        average=_uncentred,
        from_averages=_centred,
        statistic_size=numbers,
    )


def gaussian_difference(target: base.Summary, summary: base.Summary) -> jax.Array:
    """The squared difference of means and covariances in units of the energy of the target's Gram matrix.

    With covariance C and mean m, a small change of the Gram matrix C + m m^T has the squared size |dC|^2 + 2 |m|^2 |dm|^2,
    but for what the two cancel of each other: so this is the Gram matrix's relative difference, in which a mean cannot
    make up for a variance. Each of the two in units of its own energy converged ten times slower, to worse pictures.
    """
    mean, covariance = target["mean"], target["covariance"]
    energy = jnp.sum((covariance + jnp.outer(mean, mean)) ** 2)
    means, covariances = (
        jnp.sum((target[name] - summary[name]) ** 2) for name in ("mean", "covariance")
    )
    return (covariances + 2 * jnp.sum(mean**2) * means) / (energy + base.TINY)


def bures() -> base.Statistic:
    """The Wasserstein-2 distance of the Gaussians that fit best, over the mean square of the exemplar's features.

        |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)

    References:
      Gelbrich, "On a formula for the L2 Wasserstein metric", Mathematische Nachrichten 147, 1990. The default of Crowson's
      style-transfer-pytorch.
    """
    return base.Statistic(
        moments,
        _bures_distance,
        _bures_aim,
        average=_uncentred,
        from_averages=_centred,
        statistic_size=lambda c, _: c + _symmetric(c),
    )


def _bures_aim(summary: base.Summary) -> base.Target:
    return {**summary, "root": matrix_square_roots(summary["covariance"])[0]}


def _bures_distance(target: base.Target, summary: base.Summary) -> jax.Array:
    traces = jnp.trace(target["covariance"]), jnp.trace(summary["covariance"])
    root = target["root"]
    overlap = trace_of_root(
        jnp.linalg.multi_dot([root, summary["covariance"], root], precision="highest")
    )
    means = jnp.sum((target["mean"] - summary["mean"]) ** 2)
    return jnp.maximum(means + sum(traces) - 2 * overlap, 0) / (
        jnp.sum(target["mean"] ** 2) + traces[0] + base.TINY
    )


def matrix_square_roots(matrix: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A^1/2 and nearly A^-1/2 of a positive semidefinite `[C, C]`, by products alone.

    Eigenvalues below some 1e-5 of the norm are not resolved, and their inverses stay finite. By eigenvalues, which wait for
    each other in XLA's pool of threads, steps came to a standstill for good on two CPU cores.

    References:
      Higham, "Functions of Matrices", SIAM 2008, section 6.7: the coupled Newton-Schulz iteration.
    """
    scale, one = jnp.linalg.norm(matrix) + base.TINY, jnp.eye(len(matrix))
    product = functools.partial(jnp.matmul, precision="highest")
    root, inverse = matrix / scale, one
    for _ in range(NEWTON_SCHULZ_STEPS):
        change = 1.5 * one - 0.5 * product(inverse, root)
        root, inverse = product(root, change), product(change, inverse)
    return root * jnp.sqrt(scale), inverse / jnp.sqrt(scale)


@jax.custom_vjp
def trace_of_root(matrix: jax.Array) -> jax.Array:
    """tr(A^1/2) of a positive semidefinite `[C, C]`; its gradient is A^-1/2 / 2."""
    return jnp.trace(matrix_square_roots(matrix)[0])


def _trace_of_root_forward(matrix: jax.Array):
    root, inverse = matrix_square_roots(matrix)
    return jnp.trace(root), inverse


trace_of_root.defvjp(
    _trace_of_root_forward, lambda inverse, cotangent: (cotangent * 0.5 * inverse,)
)
NEWTON_SCHULZ_STEPS = 20


def pca_gram(k: int = 64, norm: str = "relative") -> base.Statistic:
    """The Gram matrix along the exemplar's k strongest directions: k (k + 1) / 2 numbers for C (C + 1) / 2.

    Args:
      k: directions; a layer of fewer channels keeps all.
      norm: a row of `NORMS`.

    References:
      Gatys et al. (2015), figure 3. The directions are those of the Gram matrix itself, not of the covariance: no others
      keep so much of what is compared.
    """

    def aim(summary: jax.Array) -> base.Target:
        directions = np.linalg.eigh(summary)[1][:, -k:]  # in NumPy: see `roots` for XLA's
        return {"directions": directions, "gram": _project(directions, summary)}

    return base.Statistic(
        gram_matrix,
        lambda target, summary: base.compare(norm)(
            target["gram"], _project(target["directions"], summary)
        ),
        aim,
        average=gram_matrix,
        statistic_size=lambda channels, _: _symmetric(min(k, channels)),
    )


def _project(directions: jax.Array, matrix: jax.Array) -> jax.Array:
    return jnp.linalg.multi_dot([directions.T, matrix, directions], precision="highest")


def shifted_gram(shifts: str = "0/2/4", norm: str = "relative") -> base.Statistic:
    """Gram matrices between the features and themselves moved right and down: they know what stands beside what.

    Args:
      shifts: in positions of the layer, divided by "/"; 0 is the Gram matrix. In a layer that is no larger than twice a
        shift, half of its side is taken.
      norm: a row of `NORMS`.

    References:
      Berger and Memisevic, "Incorporating long-range consistency in CNN-based texture generation", ICLR 2017,
      https://arxiv.org/abs/1606.01286.
    """
    wanted = [int(shift) for shift in shifts.split("/")]
    numbers = lambda channels, _: sum(
        2 * channels**2 if shift else _symmetric(channels) for shift in wanted
    )
    return base.Statistic(
        lambda features: _shifted(features, wanted),
        base.compare(norm),
        spatial=True,
        statistic_size=numbers,
    )


def _shifted(features: jax.Array, shifts: list[int]) -> jax.Array:
    """`[S, C, C]`: one matrix for shift 0, two (right, down) for each other."""
    found = []
    for shift in shifts:
        for axis in (0, 1) if shift else (0,):
            step = min(shift, features.shape[axis] // 2)
            count = features.shape[axis] - step
            one, other = (
                jax.lax.slice_in_dim(features, start, start + count, axis=axis)
                for start in (0, step)
            )
            found.append(gram_matrix(features) if not step else _products(one, other))
    return jnp.stack(found)


def _products(one: jax.Array, other: jax.Array) -> jax.Array:
    rows = one.reshape(-1, one.shape[-1])
    return jnp.matmul(rows.T, other.reshape(rows.shape), precision="highest") / len(rows)
