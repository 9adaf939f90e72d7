"""How good are textures from models without trained filters?

    jaxtex --experiment=classical   (--network=vgg_lite --size=96: 155 s, two at a time on two cores)

Compares four models: histograms of steerable filter responses (FRAME; Zhu, Wu and Mumford 1998),
joint statistics of complex filter responses (Portilla and Simoncelli 2000), one layer of random
filters (Ustyuzhaninov et al. 2016), and the trained network. Each row of the sheet is an exemplar,
each column a model.

Result: FRAME makes no stones, bricks or threads. The joint statistics make all of them, in rows,
but smooth. Random filters make them with colored noise. The trained network (vgg_lite) is sharpest.
Patch distances at 192 pixels (see docs/statistics.md), in this order: pebbles 0.0270, 0.0075,
0.0054, 0.0049; bricks 0.1374, 0.0180, 0.0121, 0.0087; weave 0.1547, 0.0154, 0.0093, 0.0193. On the
weave the eye prefers the trained network and the joint statistics to random filters. At 96 pixels
`patches` and `features` put the joint statistics first everywhere; `features` itself uses such
filters.
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
