"""Does training matter?

    jaxtex --experiment=untrained         (--network=vgg_lite --size=96: 131 s, two at once on two CPU cores)

The same network with trained filters and with drawn ones; one layer of drawn ones is in `classical`. Came out, with
vgg_lite: it does to the eye, little by patch distance. Drawn filters keep blobs, rows and threads, but edges break off,
bricks run on, and specks of color stay. At 192 pixels, distances of trained, random, random:1: .0049 .0056 .0058 on
pebbles, .0087 .0107 .0119 on bricks, .0193 .0142 .0190 on the weave; at 96 pixels `patches` .06 .19 .34, .20 .23 .36, .53
.30 .35. Drawn filters end with losses four to forty times lower.
"""

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
ALONE |= {"num_steps": 200}
MODELS = {
    "trained": Config(init="noise", network="vgg16_bn", size=192, **ALONE),
    "random": Config(init="noise", network="vgg16_bn", weights="random", size=192, **ALONE),
    "random-1": Config(init="noise", network="vgg16_bn", weights="random:1", size=192, **ALONE),
}
COLUMNS = len(MODELS)
RUNS = {
    f"{name}-{model}": (f"images/{name}.png", choices)
    for name in ("pebbles", "bricks", "weave")
    for model, choices in MODELS.items()
}
