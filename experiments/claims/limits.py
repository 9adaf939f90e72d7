"""Claims on what matching leaves out: positions, and chance."""

import numpy as np

from claims.measures import Seen, apart, gram_of, row
from jaxtex import statistics


def positions_are_forgotten(seen: Seen):
    shape = seen.layer.shape
    mixed = np.random.default_rng(0).permutation(seen.layer.reshape(-1, shape[-1])).reshape(shape)
    noticed = lambda name: (
        apart(name, seen.layer, mixed) - apart(name, seen.layer, seen.layer)
    )  # bins leave a rest
    made = {name: make() for name, make in statistics.STATISTICS.items()}
    blind = [
        name
        for name, statistic in made.items()
        if not (statistic.critic or statistic.spatial or statistic.patch > 1)
    ]
    yield row(
        f"positions shuffled: {', '.join(blind)} see nothing",
        max(abs(noticed(name)) for name in blind),
        0,
    )
    yield row("shifted_gram does", noticed("shifted_gram"), above=0.03)
    correlation = lambda x: np.mean(x[:, 1:] * x[:, :-1]) / np.mean(x**2)
    alike, apiece = (correlation(x - x.mean((0, 1))) for x in (seen.layer, mixed))
    yield row("neighbors are correlated: N positions are fewer than N samples", alike, above=0.3)
    yield row("shuffled, they are not", apiece, 0, 0.05)


def an_image_is_no_draw(seen: Seen):
    rows, made = (x.reshape(-1, x.shape[-1]) for x in (seen.layer, seen.made))
    second, rng = gram_of(rows)[1], np.random.default_rng(0)
    expected = (1 + np.trace(second) ** 2 / np.sum(second**2)) / len(rows)
    normal = lambda: rng.multivariate_normal(
        np.zeros(len(second)), second, len(rows), method="eigh"
    )
    found = np.mean([apart("gram", rows, normal()) for _ in range(60)])
    yield row(
        "draws from N(0, G) miss G by (1 + (tr G)^2 / |G|^2) / N", found, expected, 0.3 * expected
    )
    yield row(
        "that, over what a descended image misses it by",
        found / apart("gram", rows, made),
        above=10,
    )
    other = apart("sliced_wasserstein", rows, made)
    yield row(
        "the image's distribution is not the exemplar's: sliced_wasserstein", other, above=1e-3
    )
    yield row("nor is it near N(0, G)", apart("sliced_wasserstein", normal(), made), above=0.1)


CHECKS = (
    positions_are_forgotten,
    an_image_is_no_draw,
)
