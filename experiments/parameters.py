"""How many numbers are needed to describe a texture?

    jaxtex --experiment=parameters   (--network=vgg_lite --size=96: 278 s, two at a time on two cores)

Repeats figure 3 of Gatys et al. (2015): Gram matrices are restricted to the k principal directions
of the exemplar in each layer. Columns are the means alone, k from 2 to 64, and the whole Gram
matrices.

Result: Two directions give colors and strokes, 8 directions (432 numbers with three octaves)
objects, and 32 directions (6,336) nearly what all 51,528 numbers give. The 912 means are better
than a similar number of second moments: `features` of pebbles is 0.018, against 0.035 with 432 and
0.029 with 1,632 second moments.
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
