"""Claims on sorted lists, projections and critics, whose models are not parametric."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from claims.measures import (
    PAIR,
    Seen,
    apart,
    kl,
    log_density,
    moments_of,
    products,
    row,
    table,
    tilted,
)
from jaxtex.statistics import adversarial


def sorting_is_the_cheapest_pairing(seen: Seen):
    target, rows = seen.bricks[1000:8000:1000, :1], seen.pebbles[1000:8000:1000, :1]
    costs = [
        np.sum((target[list(order)] - rows) ** 2) for order in itertools.permutations(range(7))
    ]
    found = apart("sorted", target, rows, norm="plain")
    yield row("sorted has the least distance of all 5040 pairings", found, min(costs), above=0.1)
    yield row("the mean distance of all pairings is larger", np.mean(costs) - min(costs), above=0.1)


def sorting_leaves_the_total_correlation(seen: Seen):
    edges = [np.linspace(0, 1.001 * column.max(), 11) for column in seen.bricks[:, :3].T]
    joint = np.histogramdd(seen.bricks[:, :3], edges)[0] / len(seen.bricks)
    own = [joint.sum(tuple({0, 1, 2} - {i})) for i in range(3)]
    counts = [
        np.histogram(np.minimum(seen.pebbles[:, i], edges[i][-2]), edges[i])[0] + 1
        for i in range(3)
    ]
    others = [count / count.sum() for count in counts]
    product, spread = (
        (lambda parts: functools.reduce(np.multiply.outer, parts)),
        lambda p: -kl(p, np.ones_like(p)),
    )
    rest, apart_by = kl(joint, product(own)), sum(map(kl, own, others))
    yield row(
        "KL(P || prod q_i) = sum KL(P_i || q_i) + total correlation",
        kl(joint, product(others)),
        apart_by + rest,
    )
    more = spread(product(own)) - spread(joint)
    yield row(
        "entropy of the product of P's marginals, less that of P: total correlation",
        more,
        rest,
        above=0.1,
    )


def only_all_projections_see_everything(seen: Seen):
    rng = np.random.default_rng(0)
    mixed = rng.permuted(seen.bricks, axis=0)
    yield row(
        "each channel shuffled: sorted sees no difference", apart("sorted", seen.bricks, mixed), 0
    )
    yield row(
        "each channel shuffled: gram sees a difference",
        apart("gram", seen.bricks, mixed),
        above=0.01,
    )
    drawn = rng.multivariate_normal(*moments_of(seen.bricks), len(seen.bricks))
    white = np.linalg.solve(np.linalg.cholesky(moments_of(drawn)[1]), (drawn - drawn.mean(0)).T).T
    drawn = seen.bricks.mean(0) + white @ np.linalg.cholesky(moments_of(seen.bricks)[1]).T
    unseen = apart("mean_and_covariance", seen.bricks, drawn)
    yield row("a Gaussian of equal moments: mean_and_covariance sees no difference", unseen, 0)
    for what, rows in (("each channel shuffled", mixed), ("a Gaussian of equal moments", drawn)):
        yield row(
            f"{what}: sliced_wasserstein sees a difference",
            apart("sliced_wasserstein", seen.bricks, rows),
            above=1e-3,
        )
    order = rng.permutation(len(drawn))
    yield row(
        "samples in another order: sliced_wasserstein sees no difference",
        apart("sliced_wasserstein", drawn, drawn[order]),
        0,
    )


def taught(form: str, real: np.ndarray, fake: np.ndarray, steps: int = 800):
    """Trains a critic of jaxtex; returns its logit, a function of samples `[N, C]`."""
    statistic = adversarial.discriminator(form, rate=0.01, penalty="none")
    critic, target = (
        statistic.critic,
        {"": {"target": statistic.make_target(jnp.asarray(real)[:, None])}},
    )
    lesson = lambda step, states: critic.update(
        states, target, {"": jnp.asarray(fake)[:, None]}, step
    )
    states = jax.jit(lambda states: jax.lax.fori_loop(0, steps, lesson, states))(
        critic.init(target, 0)
    )
    look = lambda rows: adversarial.normalize(jnp.asarray(rows)[:, None], target[""]["target"])
    return lambda rows: np.asarray(critic.network.apply(states[""]["params"], look(rows)))


def toss(logit, real: np.ndarray, fake: np.ndarray) -> float:
    """Returns the mean loss of the classification: log 2 for a critic that knows nothing."""
    return 0.5 * float(np.logaddexp(0, -logit(real)).mean() + np.logaddexp(0, logit(fake)).mean())


def a_linear_critic_sees_means_a_quadratic_one_spreads(seen: Seen):
    real = seen.bricks[::8]
    wide, moved = real.mean(0) + 1.5 * (real - real.mean(0)), real + 0.5 * real.std(0)
    loss = lambda form, fake: toss(taught(form, real, fake), real, fake)
    yield row(
        "equal means, larger variance: loss of the linear critic stays log 2",
        loss("logistic", wide),
        np.log(2),
        5e-4,
    )
    yield row(
        "equal means, larger variance: loss of the quadratic critic falls by",
        np.log(2) - loss("quadratic", wide),
        above=0.02,
    )
    yield row(
        "other means: loss of the linear critic falls by",
        np.log(2) - loss("logistic", moved),
        above=0.02,
    )


def the_best_logit_is_the_log_ratio(seen: Seen):
    rng, gaussians = (
        np.random.default_rng(0),
        [moments_of(rows[:, PAIR]) for rows in (seen.bricks, seen.pebbles)],
    )
    real, fake = (rng.multivariate_normal(*gaussian, 4096) for gaussian in gaussians)
    ratio = log_density(gaussians[0], real) - log_density(gaussians[1], real)
    unexplained = lambda form: np.var(taught(form, real, fake, 2000)(real) - ratio) / np.var(ratio)
    claim = "P and Q Gaussian: variance of log p/q that the {} critic does not explain"
    yield row(claim.format("quadratic"), unexplained("quadratic"), 0, 0.05)
    yield row(claim.format("logistic"), unexplained("logistic"), above=0.2)


def a_rich_critic_finds_jensen_shannon(seen: Seen):
    places, p = table(seen.bricks[:, PAIR])
    terms = np.c_[places, products(places)]
    q = np.asarray(tilted(p @ terms, terms)[1])
    divergence = 0.5 * (kl(p, (p + q) / 2) + kl(q, (p + q) / 2))
    loss = lambda logit: 0.5 * (p @ np.logaddexp(0, -logit) + q @ np.logaddexp(0, logit))
    real, fake = (
        places[np.random.default_rng(0).choice(len(places), 4096, p=weights)] for weights in (p, q)
    )
    best, gained = (
        np.log((p + 1e-300) / q),
        lambda form: np.log(2) - loss(taught(form, real, fake)(places)),
    )
    yield row("loss of the logit log p/q is log 2 - JSD(P, Q)", loss(best), np.log(2) - divergence)
    yield row(
        "Q with the moments of P: loss of the quadratic critic falls by",
        gained("quadratic"),
        0,
        0.003,
    )
    yield row(
        "Q with the moments of P: loss of the mlp falls by nearly JSD",
        gained("mlp"),
        divergence,
        0.2 * divergence,
        above=0.01,
    )


CHECKS = (
    sorting_is_the_cheapest_pairing,
    sorting_leaves_the_total_correlation,
    only_all_projections_see_everything,
    a_linear_critic_sees_means_a_quadratic_one_spreads,
    the_best_logit_is_the_log_ratio,
    a_rich_critic_finds_jensen_shannon,
)
