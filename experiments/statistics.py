"""What does each statistic of the table keep of a texture?

    jaxtex --experiment=statistics         (10 minutes on two CPU cores)

Came out: every one makes a texture. By patch distance bures and the shifted Gram are best beside the default; sorted lists
of 256 positions are the noisiest. `mean` alone runs bricks into each other. The sheet is docs/statistics.jpg, figures in
docs/statistics.md.
"""

from jaxtex import Config

STATISTICS = (
    "mean",
    "gram",
    "mean_and_covariance",
    "bures",
    "sorted",
    "sliced_wasserstein",
    "pca_gram",
    "shifted_gram",
    "histogram",
)

COLUMNS = len(STATISTICS)
RUNS = {
    f"{name}-{statistic}": (f"images/{name}.png", Config(statistic=statistic, size=192))
    for name in ("pebbles", "bricks", "leaves")
    for statistic in STATISTICS
}
