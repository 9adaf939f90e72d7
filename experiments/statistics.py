"""What does each statistic of the table keep of a texture?

    jaxtex --experiment=statistics         (--network=vgg_lite --size=96: 495 s, two at once on two CPU cores)

Came out: every one makes a texture, and the shifted Gram the best: `features` .010 against the default's .013 (bricks) and
.005 against .010 (leaves). bures is next; sorted lists of 256 positions are the noisiest. `mean` alone runs bricks into
each other. At 192 px likewise: docs/statistics.jpg, figures in docs/statistics.md.
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
