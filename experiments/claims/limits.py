"""Claims on what matching ignores: positions and randomness."""

import numpy as np

from claims.measures import Seen, apart, gram_of, row
from jaxtex import statistics


def positions_are_forgotten(seen: Seen):
    shape = seen.layer.shape
    mixed = np.random.default_rng(0).permutation(seen.layer.reshape(-1, shape[-1])).reshape(shape)
    # The bins of histograms leave a distance even without shuffling.
    noticed = lambda name: apart(name, seen.layer, mixed) - apart(name, seen.layer, seen.layer)
    made = {name: make() for name, make in statistics.STATISTICS.items()}
    blind = [
        name
        for name, statistic in made.items()
        if not (statistic.critic or statistic.spatial or statistic.patch > 1)
    ]
    yield row(
        f"positions shuffled: {', '.join(blind)} see no difference",
        max(abs(noticed(name)) for name in blind),
        0,
    )
    yield row(
        "positions shuffled: shifted_gram sees a difference", noticed("shifted_gram"), above=0.03
    )
    correlation = lambda x: np.mean(x[:, 1:] * x[:, :-1]) / np.mean(x**2)
    alike, apiece = (correlation(x - x.mean((0, 1))) for x in (seen.layer, mixed))
    yield row(
        "correlation of neighbors: N positions count for less than N samples", alike, above=0.3
    )
    yield row("correlation of neighbors after shuffling", apiece, 0, 0.05)


def an_image_is_no_draw(seen: Seen):
    rows, made = (x.reshape(-1, x.shape[-1]) for x in (seen.layer, seen.made))
    second, rng = gram_of(rows)[1], np.random.default_rng(0)
    expected = (1 + np.trace(second) ** 2 / np.sum(second**2)) / len(rows)
    normal = lambda: rng.multivariate_normal(
        np.zeros(len(second)), second, len(rows), method="eigh"
    )
    found = np.mean([apart("gram", rows, normal()) for _ in range(60)])
    yield row(
        "samples of N(0, G) differ from G by (1 + (tr G)^2 / |G|^2) / N",
        found,
        expected,
        0.3 * expected,
    )
    yield row(
        "that difference, relative to the one of a synthesized image",
        found / apart("gram", rows, made),
        above=10,
    )
    other = apart("sliced_wasserstein", rows, made)
    yield row("sliced_wasserstein between exemplar and synthesized image", other, above=1e-3)
    yield row(
        "sliced_wasserstein between N(0, G) and synthesized image",
        apart("sliced_wasserstein", normal(), made),
        above=0.1,
    )


CHECKS = (
    positions_are_forgotten,
    an_image_is_no_draw,
)
