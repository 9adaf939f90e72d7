"""Features of one layer -> a summary that forgets positions; the distance of two summaries.

A statistic is a row of `STATISTICS`: a function of its options that returns a `Statistic`, whose parts are pure functions
of one layer; `layers.map_layers` takes them over a network. The flag, the error messages and the property tests read that
table.

Every distance is in units of the target's own energy (`norm="relative"`): 0 at the target and about 1 for an image without
any of its structure, in every network, at every size. So one set of weights serves them all. The literal forms of the
sources are there by name, `NORMS`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Summary = Any  # a pytree of arrays
Target = Any  # likewise

TINY = 1e-12  # keeps the distance finite for an exemplar of one colour


def _identity(summary: Summary) -> Target:
    return summary


class Statistic(NamedTuple):
    """What of the features is matched, and how far apart two of its values are."""

    summarise: Callable[[jax.Array], Summary]  # [H, W, C] -> summary; those of several exemplars may be averaged
    distance: Callable[[Target, Summary], jax.Array]  # (target, summary) -> scalar >= 0
    aim: Callable[[Summary], Target] = _identity  # the exemplar's summary -> target, once
    samples: int = 0  # positions that are looked at, drawn anew now and then; 0: all
    directions: int = 0  # random unit directions that the features are projected on, drawn anew likewise; 0: none
    critic: Any = None  # an `adversarial.Critic`, which learns; the distance then finds its numbers in the target
    neighbours: bool = False  # whether it knows what stands beside what, and so wants whole layers


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


def second_moments(features: jax.Array) -> jax.Array:
    """Uncentred correlations between channels, averaged over positions.

    Args:
      features: activations of one layer, `[H, W, C]`.

    Returns:
      `F^T F / (H W)`, `[C, C]`: comparable between images of different sizes.
    """
    rows = features.reshape(-1, features.shape[-1])  # an einsum over both axes is three times slower on CPU
    return _outer_products(rows) / len(rows)


@jax.custom_vjp
def _outer_products(rows: jax.Array) -> jax.Array:
    """`[N, C]` -> `[C, C]`. Its gradient is one product; the general rule of a matrix product would make two."""
    return jnp.matmul(rows.T, rows, precision="highest")


_outer_products.defvjp(
    lambda rows: (_outer_products(rows), rows),
    lambda rows, cotangent: (jnp.matmul(rows, cotangent + cotangent.T, precision="highest"),),
)


def moments(features: jax.Array) -> dict[str, jax.Array]:
    """The Gaussian that fits the feature vectors best.

    Returns:
      `{"mean": [C], "covariance": [C, C]}`; the Gram matrix is the covariance plus the outer product of the mean.
    """
    mean = features.mean((0, 1))
    return {"mean": mean, "covariance": second_moments(features) - jnp.outer(mean, mean)}


def gram(norm: str = "relative") -> Statistic:
    """Correlations between channels.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015,
      https://arxiv.org/abs/1505.07376. The paper divides by the number of positions in the loss, not before.
    """
    return Statistic(second_moments, compare(norm))


def mean(norm: str = "relative") -> Statistic:
    """The mean of each channel alone: colours and amounts of structure, but no structure.

    References:
      Li, Wang, Liu and Hou, "Demystifying Neural Style Transfer", IJCAI 2017, https://arxiv.org/abs/1701.01036.
    """
    return Statistic(lambda features: features.mean((0, 1)), compare(norm))


def mean_and_covariance() -> Statistic:
    """The Gaussian that fits best: unlike the Gram matrix it tells a high mean from a high variance.

    References:
      Li et al. (2017), as for `mean`: matching moments as matching distributions; they stop at mean and variance.
    """
    return Statistic(moments, gaussian_difference)


def gaussian_difference(target: Summary, summary: Summary) -> jax.Array:
    """The squared difference of means and covariances in units of the energy of the target's Gram matrix.

    With covariance C and mean m, a small change of the Gram matrix C + m m^T has the squared size |dC|^2 + 2 |m|^2 |dm|^2,
    but for what the two cancel of each other: so this is the Gram matrix's relative difference, in which a mean cannot
    make up for a variance. Each of the two in units of its own energy converged ten times slower, to worse pictures.
    """
    mean, covariance = target["mean"], target["covariance"]
    energy = jnp.sum((covariance + jnp.outer(mean, mean)) ** 2)
    means, covariances = (jnp.sum((target[name] - summary[name]) ** 2) for name in ("mean", "covariance"))
    return (covariances + 2 * jnp.sum(mean**2) * means) / (energy + TINY)


def bures() -> Statistic:
    """The Wasserstein-2 distance of the Gaussians that fit best, over the mean square of the exemplar's features.

        |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2)

    References:
      Gelbrich, "On a formula for the L2 Wasserstein metric", Mathematische Nachrichten 147, 1990. The default of Crowson's
      style-transfer-pytorch.
    """
    return Statistic(moments, _bures_distance, _bures_aim)


def _bures_aim(summary: Summary) -> Target:
    values, vectors = jnp.linalg.eigh(summary["covariance"])
    return {**summary, "root": (vectors * jnp.sqrt(jnp.maximum(values, 0))) @ vectors.T}


def _bures_distance(target: Target, summary: Summary) -> jax.Array:
    traces = jnp.trace(target["covariance"]), jnp.trace(summary["covariance"])
    root = target["root"]
    overlap = trace_of_root(jnp.linalg.multi_dot([root, summary["covariance"], root], precision="highest"))
    means = jnp.sum((target["mean"] - summary["mean"]) ** 2)
    return jnp.maximum(means + sum(traces) - 2 * overlap, 0) / (jnp.sum(target["mean"] ** 2) + traces[0] + TINY)


@jax.custom_vjp
def trace_of_root(matrix: jax.Array) -> jax.Array:
    """tr(A^1/2) of a positive semidefinite `[C, C]`; its gradient is A^-1/2 / 2, with tiny eigenvalues kept from 0."""
    return jnp.sum(jnp.sqrt(jnp.maximum(jnp.linalg.eigvalsh(matrix), 0)))


def _trace_of_root_forward(matrix: jax.Array):
    values, vectors = jnp.linalg.eigh(matrix)
    roots = jnp.sqrt(jnp.maximum(values, 0))
    return jnp.sum(roots), (roots, vectors)


def _trace_of_root_backward(residuals, cotangent):
    roots, vectors = residuals
    floor = ROOT_FLOOR * jnp.max(roots) + TINY
    return (cotangent * (vectors * (0.5 / jnp.maximum(roots, floor))) @ vectors.T,)


trace_of_root.defvjp(_trace_of_root_forward, _trace_of_root_backward)
ROOT_FLOOR = 1e-3  # of the largest: beyond that float32 has nothing to say


def sorted_features(samples: int = 256, norm: str = "relative") -> Statistic:
    """Each channel's values in order: the squared earth mover's distance of the channels, one by one.

    Args:
      samples: positions drawn of each layer (0: all). XLA sorts slowly on CPU: all positions of 192 px take many times as
        long as the network itself.
      norm: a row of `NORMS`; "plain" is the sum of the courses.

    References:
      Heitz, Vanhoey, Chambon and Belcour, "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021,
      https://arxiv.org/abs/2006.07229, along the channels instead of random directions.
    """
    return Statistic(ordered, lambda target, summary: compare(norm)(*alike(target, summary)), samples=samples)


def ordered(features: jax.Array) -> jax.Array:
    """`[H, W, C]` -> `[H W, C]`, each channel in rising order: its quantile function."""
    return jnp.sort(features.reshape(-1, features.shape[-1]), axis=0)


def alike(target: jax.Array, summary: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Quantile functions `[N, C]`, `[N', C]` at as many points as the shorter has, the longer one interpolated."""
    count = min(len(target), len(summary))
    return resample(target, count), resample(summary, count)


def resample(quantiles: jax.Array, count: int) -> jax.Array:
    """A quantile function `[N, C]` at the levels (i + 1/2) / count, linearly interpolated: `[count, C]`."""
    if len(quantiles) == count:
        return quantiles
    places = jnp.clip((jnp.arange(count) + 0.5) * (len(quantiles) / count) - 0.5, 0, len(quantiles) - 1)
    below = jnp.floor(places).astype(jnp.int32)
    above, share = jnp.minimum(below + 1, len(quantiles) - 1), (places - below)[:, None]
    return quantiles[below] * (1 - share) + quantiles[above] * share


def sliced_wasserstein(directions: int = 32, samples: int = 256, norm: str = "relative") -> Statistic:
    """Sorted features along random directions, which together tell any two distributions apart.

    Args:
      directions: drawn for each layer.
      samples: positions drawn of each layer (0: all).
      norm: a row of `NORMS`.

    References:
      Heitz et al. (2021), as for `sorted`. Departures: positions are drawn as well, and both stay as they are for some
      steps, so that a line search has one function to go down on.
    """
    return sorted_features(samples, norm)._replace(directions=directions)


def histogram(bins: int = 64, samples: int = 256, norm: str = "relative") -> Statistic:
    """Each channel's values against those that the exemplar's histogram would have at the same ranks.

    Args:
      bins: of equal width, from the exemplar's least value to its largest.
      samples: positions drawn of each layer (0: all).
      norm: a row of `NORMS`.

    References:
      Risser, Wilmot and Barnes, "Stable and Controllable Neural Texture Synthesis and Style Transfer Using Histogram
      Losses", 2017, https://arxiv.org/abs/1701.08893.
    """
    return sorted_features(samples, norm)._replace(aim=lambda quantiles: _from_histogram(quantiles, bins))


def _from_histogram(quantiles: jax.Array, bins: int) -> jax.Array:
    """`[N, C]` as a histogram remembers it: values spread evenly over their bin."""
    low, high = quantiles[0], quantiles[-1]
    edges = low + (high - low) * jnp.linspace(0, 1, bins + 1)[:, None]
    below = jax.vmap(lambda column, edge: jnp.searchsorted(column, edge, side="right"), 1, 1)(quantiles, edges)
    levels = below.at[0].set(0) / len(quantiles)
    wanted = (jnp.arange(len(quantiles)) + 0.5) / len(quantiles)
    return jax.vmap(lambda level, edge: jnp.interp(wanted, level, edge), 1, 1)(levels, edges)


def pca_gram(k: int = 64, norm: str = "relative") -> Statistic:
    """The Gram matrix along the exemplar's k strongest directions: k (k + 1) / 2 numbers for C (C + 1) / 2.

    Args:
      k: directions; a layer of fewer channels keeps all.
      norm: a row of `NORMS`.

    References:
      Gatys et al. (2015), figure 3. The directions are those of the Gram matrix itself, not of the covariance: no others
      keep so much of what is compared.
    """

    def aim(summary: jax.Array) -> Target:
        directions = jnp.linalg.eigh(summary)[1][:, -k:]
        return {"directions": directions, "gram": _along(directions, summary)}

    return Statistic(
        second_moments,
        lambda target, summary: compare(norm)(target["gram"], _along(target["directions"], summary)),
        aim,
    )


def _along(directions: jax.Array, matrix: jax.Array) -> jax.Array:
    return jnp.linalg.multi_dot([directions.T, matrix, directions], precision="highest")


def shifted_gram(shifts: str = "0/2/4", norm: str = "relative") -> Statistic:
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
    return Statistic(lambda features: _shifted(features, wanted), compare(norm), neighbours=True)


def _shifted(features: jax.Array, shifts: list[int]) -> jax.Array:
    """`[S, C, C]`: one matrix for shift 0, two (right, down) for each other."""
    found = []
    for shift in shifts:
        for axis in (0, 1) if shift else (0,):
            step = min(shift, features.shape[axis] // 2)
            count = features.shape[axis] - step
            one, other = (jax.lax.slice_in_dim(features, start, start + count, axis=axis) for start in (0, step))
            found.append(second_moments(features) if not step else _products(one, other))
    return jnp.stack(found)


def _products(one: jax.Array, other: jax.Array) -> jax.Array:
    rows = one.reshape(-1, one.shape[-1])
    return jnp.matmul(rows.T, other.reshape(rows.shape), precision="highest") / len(rows)


STATISTICS = {
    "mean": mean,
    "gram": gram,
    "mean_and_covariance": mean_and_covariance,
    "bures": bures,
    "sorted": sorted_features,
    "sliced_wasserstein": sliced_wasserstein,
    "pca_gram": pca_gram,
    "shifted_gram": shifted_gram,
    "histogram": histogram,
}
