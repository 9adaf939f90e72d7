"""How many numbers must a texture be given by?

    jaxtex --experiment=parameters         (--network=vgg_lite --size=96: 278 s, two at once on two CPU cores)

After figure 3 of Gatys et al. (2015): Gram matrices along the exemplar's k strongest directions of each layer. Came out: 2
directions give colors and strokes, 8 (432 numbers with three octaves) objects, 32 (6,336) nearly what all 51,528 give. The
912 means make better pictures than as many numbers of second moments: pebbles by `features` at .018 against .035 with 432
and .029 with 1,632.
"""

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
ALONE |= {"num_steps": 200}
ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
LACKING = {"pool4": ""}
STATISTICS = ("mean", *(f"pca_gram:k={k}" for k in (2, 4, 8, 16, 32, 64)), "gram")
COLUMNS = len(STATISTICS)
CURVE = ("numbers", "patches")
RUNS = {
    f"{name}-{statistic.rpartition(':')[2]}": (
        f"images/{name}.png",
        Config(
            init="noise",
            network="vgg16_bn",
            layers="conv1_1,pool1,pool2,pool3,pool4",
            statistic=statistic,
            octaves=1,
            **ALONE,
        ),
    )
    for name in ("pebbles", "bricks", "leaves")
    for statistic in STATISTICS
}
