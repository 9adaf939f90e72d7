"""What does each statistic of the table keep of a texture?

    jaxtex --experiment=statistics --workdir=runs/statistics         (12 minutes on two CPU cores)
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
