"""How far does the classical line come, from filters that nobody trained?

    jaxtex --experiment=classical         (--network=vgg_lite --size=96: 155 s, two at once on two CPU cores)

Histograms of linear steerable filters (FRAME: Zhu, Wu and Mumford 1997), joint statistics of complex ones (Portilla and
Simoncelli 2000), one layer of random filters (Ustyuzhaninov et al. 2016), and the trained network. Came out, with
vgg_lite as the trained network: FRAME has neither stones nor bricks nor threads, the joint statistics have all of them,
in rows, and are smooth; random filters have them with colored noise; the trained network is sharpest. At 192 pixels, by
the patch distance of docs/statistics.md: .0270 .0075 .0054 .0049 on pebbles, .1374 .0180 .0121 .0087 on bricks, .1547
.0154 .0093 .0193 on the weave, where the eye puts the trained network and the joint statistics before the random filters.
At 96 pixels `patches` and `features`, which is made of such filters itself, put the joint statistics first everywhere.
"""

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
ALONE |= {"num_steps": 200}
MODELS = {
    "frame": Config(
        init="noise",
        network="steerable",
        statistic="histogram",
        layers="colours,bands",
        size=192,
        **ALONE,
    ),
    "joint": Config(init="noise", network="steerable", statistic="joint", size=192, **ALONE),
    "shallow": Config(init="noise", network="shallow", size=192, **ALONE),
    "trained": Config(init="noise", network="vgg16_bn", size=192, **ALONE),
}
COLUMNS = len(MODELS)
RUNS = {
    f"{name}-{model}": (f"images/{name}.png", choices)
    for name in ("pebbles", "bricks", "weave")
    for model, choices in MODELS.items()
}
