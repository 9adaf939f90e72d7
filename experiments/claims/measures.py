"""Features, distances of jaxtex, Kullback-Leibler divergences and models for the claims."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import losses, statistics
from jaxtex.statistics import moments

Gaussian = tuple[np.ndarray, np.ndarray]  # mean and covariance
PAIR = [0, 2]  # two of the six channels, for tables and pictures: one is 0 where the other is high
SAMPLED = ("sorted", "sliced_wasserstein", "histogram", "relaxed_emd", "nearest_neighbors")
ALL = {name: {"samples": 0} for name in SAMPLED}  # use all positions


class Seen(NamedTuple):
    """Features at relu2_1, in float64."""

    bricks: np.ndarray  # [N, 6], the samples of P
    pebbles: np.ndarray  # [N, 6], of another image
    layer: np.ndarray  # [48, 48, 80], bricks again, smaller, all channels
    made: np.ndarray  # [48, 48, 80], of an image synthesized with the Gram matrix of `layer`


def row(claim: str, found, expected=None, tolerance=1e-9, above=-np.inf) -> dict:
    """Returns the row of a claim.

    It holds if `found` is within `tolerance` of `expected`, if that is given, and above `above`.
    """
    wanted, near = {"expected": f"> {above:.3g}"}, True
    if expected is not None:
        wanted, near = (
            {"expected": float(expected), "tolerance": tolerance},
            abs(found - expected) <= tolerance,
        )
    return {"claim": claim, **wanted, "found": float(found), "holds": bool(near and found > above)}


def apart(name: str, target: np.ndarray, seen: np.ndarray, **options) -> float:
    """Returns the distance that jaxtex minimizes, of samples `[N, C]` or features `[H, W, C]`."""
    statistic = statistics.STATISTICS[name](**ALL.get(name, {}) | options)
    target, seen = (jnp.asarray(x if x.ndim == 3 else x[:, None]) for x in (target, seen))
    drawn = losses.draw_sample(statistic, seen.shape, None, np.random.default_rng(0))
    target, seen = (statistic.summarize(losses.sample(x, drawn)) for x in (target, seen))
    return float(statistic.distance(statistic.make_target(target), seen))


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """Returns KL(p || q) of two tables of probabilities, in nats."""
    return float(np.sum(p * np.log(np.where(p > 0, p, 1) / np.where(p > 0, q, 1))))


def table(rows: np.ndarray, bins: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Returns the centers of square bins, `[bins^2, 2]`, and the share of `rows`, `[N, 2]`, in each."""
    edges = np.linspace(0, 1.001 * rows.max(), bins + 1)
    middles = np.stack(np.meshgrid(edges[1:], edges[1:], indexing="ij"), -1) - 0.5 * edges[1]
    return middles.reshape(-1, 2), np.histogramdd(rows, [edges] * 2)[0].ravel() / len(rows)


# Exponential families Q = base exp(lam . T) / Z over a base of samples


def excess(lam, aims, base):
    """Returns KL(P || Q) - KL(P || base). `aims` is E_P T, `base` is T of each sample, `[N, K]`."""
    return jax.nn.logsumexp(base @ lam) - jnp.log(len(base)) - aims @ lam


@jax.jit
def tilted(aims, base):
    """Minimizes `excess` by Newton's method; returns lam and the weights of the samples."""

    def step(_, lam):
        slope = jax.grad(excess)(lam, aims, base)
        move = jnp.linalg.solve(jax.hessian(excess)(lam, aims, base), slope)
        # Damped far from the minimum.
        return lam - move / (1 + jnp.sqrt(jnp.maximum(move @ slope, 0)))

    lam = jax.lax.fori_loop(0, 100, step, jnp.zeros(len(aims)))
    return lam, jax.nn.softmax(base @ lam)


def products(rows: np.ndarray) -> np.ndarray:
    """Returns F_i F_j, i <= j, of each sample: `[N, C (C + 1) / 2]`."""
    return np.einsum("ni,nj->nij", rows, rows)[:, *np.triu_indices(rows.shape[1])]


# Gaussians


def moments_of(rows: np.ndarray) -> Gaussian:
    """Returns the Gaussian with the mean and covariance that jaxtex computes."""
    found = moments.moments(jnp.asarray(rows)[:, None])
    return np.asarray(found["mean"]), np.asarray(found["covariance"])


def gram_of(rows: np.ndarray) -> Gaussian:
    """Returns the Gaussian of mean 0 whose covariance is the Gram matrix that jaxtex computes."""
    return np.zeros(rows.shape[1]), np.asarray(moments.gram_matrix(jnp.asarray(rows)[:, None]))


def log_density(gaussian: Gaussian, rows: np.ndarray) -> np.ndarray:
    centered, covariance = rows - gaussian[0], gaussian[1]
    squares = np.sum(centered * np.linalg.solve(covariance, centered.T).T, 1)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


def surprise(gaussian: Gaussian, rows: np.ndarray) -> float:
    """Returns -E_P log Q, which is KL(P || Q) plus the entropy of P."""
    return -log_density(gaussian, rows).mean()


def entropy(gaussian: Gaussian) -> float:
    return 0.5 * np.linalg.slogdet(2 * np.pi * np.e * gaussian[1])[1]


def divergence(gaussian: Gaussian, other: Gaussian) -> float:
    """Returns KL(N || N') of two Gaussians."""
    step, inverse = other[0] - gaussian[0], np.linalg.inv(other[1])
    squares = np.trace(inverse @ gaussian[1]) + step @ inverse @ step
    return 0.5 * (squares - len(step)) + entropy(other) - entropy(gaussian)
