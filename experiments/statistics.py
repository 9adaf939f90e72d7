"""Which texture does each statistic make?

    jaxtex --experiment=statistics   (--network=vgg_lite --size=96: 495 s, two at a time on two cores)

Each row of the sheet is an exemplar, each column a statistic.

Result: All of them make a texture. The shifted Gram matrix is best: `features` is 0.010 against
0.013 of the default (bricks) and 0.005 against 0.010 (leaves). bures is next; sorted lists of 256
positions are noisiest. With `mean` alone bricks merge. The order is the same at 192 pixels: see
docs/statistics.jpg and docs/statistics.md.
"""

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
ALONE |= {"num_steps": 200}
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
    f"{name}-{statistic}": (
        f"images/{name}.png",
        Config(init="noise", statistic=statistic, size=192, **ALONE),
    )
    for name in ("pebbles", "bricks", "leaves")
    for statistic in STATISTICS
}
