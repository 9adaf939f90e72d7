"""Claims on mean, Gram matrix, and mean and covariance, whose models are exponential families."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from claims.measures import (
    Seen,
    apart,
    divergence,
    entropy,
    excess,
    gram_of,
    kl,
    moments_of,
    products,
    row,
    surprise,
    tilted,
)
from jaxtex import statistics


def kl_falls_along_the_difference_of_moments(seen: Seen):
    for name, terms in (("F", lambda rows: rows), ("F F^T", products)):
        aims, base = terms(seen.bricks).mean(0), terms(seen.pebbles[::4])
        lam = np.random.default_rng(0).normal(0, 0.1 / base.std(0))
        weights = np.asarray(jax.nn.softmax(base @ lam))
        slope, curvature = (
            np.asarray(jax.jit(f(excess))(lam, aims, base)) for f in (jax.grad, jax.hessian)
        )
        spread = np.cov(base.T, aweights=weights, ddof=0)
        yield row(
            f"T = {name}: the gradient of KL(P || Q) is E_Q T - E_P T",
            abs(slope - (weights @ base - aims)).max(),
            0,
        )
        yield row(
            f"T = {name}: the curvature of KL(P || Q) is Cov_Q T",
            abs(curvature - spread).max() / spread.max(),
            0,
        )
        yield row(
            f"T = {name}: Cov_Q T is positive definite, so there is one minimum",
            np.linalg.eigvalsh(spread)[0],
            above=1e-6,
        )


def kl_is_least_where_means_agree(seen: Seen):
    aims, base, distance = (
        seen.bricks.mean(0),
        seen.pebbles,
        statistics.STATISTICS["mean"]().distance,
    )
    best, weights = tilted(aims, base)
    other = best + 0.2
    others = jax.nn.softmax(base @ other)
    more = excess(other, aims, base) - excess(best, aims, base)
    yield row(
        "the tilt of pebbles nearest to bricks has their means", distance(aims, weights @ base), 0
    )
    yield row("another tilt has other means", distance(aims, others @ base), above=1e-3)
    yield row(
        "another tilt Q is farther from P than the nearest Q*, by KL(Q* || Q)",
        more,
        kl(np.asarray(weights), np.asarray(others)),
        above=0.01,
    )


def tilting_is_the_least_change(seen: Seen):
    base, weights = seen.pebbles, np.asarray(tilted(seen.bricks.mean(0), seen.pebbles)[1])
    known, root = np.c_[np.ones(len(base)), base], np.sqrt(weights)[:, None]
    noise = np.random.default_rng(0).uniform(-1, 1, len(base))
    blind = (
        noise - known @ np.linalg.lstsq(known * root, noise * root[:, 0])[0]
    )  # changes no mean, nor the sum
    others, flat = weights * (1 + blind / abs(blind).max()), np.full(len(base), 1 / len(base))
    yield row(
        "other weights of the samples with the same means",
        abs((others - weights) @ known).max(),
        0,
    )
    more = kl(others, flat) - kl(weights, flat)
    yield row(
        "other weights are farther from the base, by their KL to the tilt",
        more,
        kl(others, weights),
        above=0.01,
    )


def gram_belongs_to_the_zero_mean_gaussian(seen: Seen):
    rows = seen.bricks
    log_z = lambda matrix: 0.5 * (len(matrix) * jnp.log(jnp.pi) - jnp.linalg.slogdet(matrix)[1])
    surprised = lambda matrix: jnp.mean(jnp.sum(rows @ matrix * rows, 1)) + log_z(matrix)
    slope = lambda gaussian: abs(jax.grad(surprised)(np.linalg.inv(gaussian[1]) / 2)).max()
    yield row(
        "KL(P || Q), Q = exp(-sum lam_ij F_i F_j) / Z: no gradient if Q has the Gram matrix of P",
        slope(gram_of(rows)),
        0,
    )
    yield row(
        "KL(P || Q) has a gradient if Q has the covariance of P", slope(moments_of(rows)), above=0.1
    )


def gram_takes_a_mean_for_a_variance(seen: Seen):
    signs, one = np.resize([[1.0], [-1.0]], (len(seen.bricks), 1)), seen.bricks[:, :1]
    flat = np.full_like(one, np.sqrt(np.mean(one**2)))
    cases = {
        "every second sample negated": (seen.bricks, signs * seen.bricks),
        "a flat channel": (one, flat),
    }
    for what, (target, rows) in cases.items():
        yield row(f"{what}: gram sees no difference", apart("gram", target, rows), 0)
        for name in ("mean_and_covariance", "bures", "sorted"):
            yield row(f"{what}: {name} sees a difference", apart(name, target, rows), above=0.1)


def every_norm_has_the_same_zero(seen: Seen):
    negated = seen.bricks * np.resize([[1.0], [-1.0]], (len(seen.bricks), 1))
    for norm in statistics.NORMS:
        yield row(
            f"norm {norm}: 0 for equal Gram matrices",
            apart("gram", seen.bricks, negated, norm=norm),
            0,
        )
        yield row(
            f"norm {norm}: positive for different ones",
            apart("gram", seen.bricks, seen.pebbles, norm=norm),
            above=0.01,
        )


def gaussians_obey_pythagoras(seen: Seen):
    for name, fit in (("N(0, G)", gram_of), ("N(m, S)", moments_of)):
        best, other = fit(seen.bricks), fit(seen.pebbles)
        more = surprise(other, seen.bricks) - surprise(best, seen.bricks)
        yield row(
            f"{name}: KL(P || Q) - KL(P || Q*) = KL(Q* || Q)",
            more,
            divergence(best, other),
            above=0.1,
        )
    zero_mean, free = gram_of(seen.bricks), moments_of(seen.bricks)
    more = entropy(zero_mean) - entropy(free)
    yield row(
        "N(0, G) has more entropy than N(m, S) with the same G, by their KL",
        more,
        divergence(free, zero_mean),
        above=0.1,
    )


def a_free_mean_is_nearer(seen: Seen):
    (mean, covariance), (zero, second) = moments_of(seen.bricks), gram_of(seen.bricks)
    yield row(
        "the Gram matrix is S + m m^T", abs(second - covariance - np.outer(mean, mean)).max(), 0
    )
    nearer = surprise((zero, second), seen.bricks) - surprise((mean, covariance), seen.bricks)
    expected = 0.5 * np.log1p(mean @ np.linalg.solve(covariance, mean))
    yield row(
        "a free mean reduces KL(P || Q) by log(1 + m^T S^-1 m) / 2", nearer, expected, above=0.1
    )


def bures_is_the_work_of_moving_a_gaussian(seen: Seen):
    (mean, target), (start, covariance) = moments_of(seen.bricks), moments_of(seen.pebbles)
    root = lambda matrix: (lambda values, vectors: (vectors * np.sqrt(values)) @ vectors.T)(
        *np.linalg.eigh(matrix)
    )
    half, back = root(covariance), np.linalg.inv(root(covariance))
    best, other = back @ root(half @ target @ half) @ back, root(target) @ back
    moved, elsewhere = (mean + (seen.pebbles - start) @ matrix.T for matrix in (best, other))
    work = lambda rows: (
        np.mean(np.sum((rows - seen.pebbles) ** 2, 1)) / np.mean(np.sum(seen.bricks**2, 1))
    )
    expected = apart("bures", seen.bricks, seen.pebbles)
    yield row(
        "bures is the least work of moving pebbles to the moments of bricks",
        work(moved),
        expected,
        above=0.1,
    )
    yield row(
        "another linear map to these moments takes more work",
        work(elsewhere) - work(moved),
        above=1e-4,
    )
    for name, rows in itertools.product(("bures", "mean_and_covariance"), (moved, elsewhere)):
        yield row(f"{name} is 0 after either map", apart(name, seen.bricks, rows), 0)


CHECKS = (
    kl_falls_along_the_difference_of_moments,
    kl_is_least_where_means_agree,
    tilting_is_the_least_change,
    gram_belongs_to_the_zero_mean_gaussian,
    gram_takes_a_mean_for_a_variance,
    every_norm_has_the_same_zero,
    gaussians_obey_pythagoras,
    a_free_mean_is_nearer,
    bures_is_the_work_of_moving_a_gaussian,
)
