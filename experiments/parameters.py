"""How many numbers must a texture be given by?

    jaxtex --experiment=parameters
"""

from jaxtex import Config

ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
LACKING = {"pool4": ""}
STATISTICS = ("mean", *(f"pca_gram:k={k}" for k in (2, 4, 8, 16, 32, 64)), "gram")
COLUMNS = len(STATISTICS)
CURVE = ("numbers", "patches")
RUNS = {
    f"{name}-{statistic.rpartition(':')[2]}": (
        f"images/{name}.png",
        Config(network="vgg16_bn", layers="conv1_1,pool1,pool2,pool3,pool4", statistic=statistic, octaves=1),
    )
    for name in ("pebbles", "bricks", "leaves")
    for statistic in STATISTICS
}
