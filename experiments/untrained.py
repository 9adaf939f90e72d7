"""Does training matter? The same network with trained filters and with drawn ones, and one layer of drawn ones.

    jaxtex --experiment=untrained         (9 minutes on two CPU cores that others used too, with --network=vgg_lite)

Came out, with vgg_lite: it does to the eye, little by patch distance. Drawn filters keep blobs, rows and threads, but edges
break off, bricks run on, and specks of colour stay. Distances, trained, random, random:1, shallow: .0049 .0056 .0058 .0054
on pebbles, .0087 .0107 .0119 .0121 on bricks, .0193 .0142 .0190 .0093 on the weave. Drawn filters end with
losses thirteen to forty times lower.
"""

from jaxtex import Config

MODELS = {
    "trained": Config(network="vgg16_bn", size=192),
    "random": Config(network="vgg16_bn", weights="random", size=192),
    "random-1": Config(network="vgg16_bn", weights="random:1", size=192),
    "shallow": Config(network="shallow", size=192),
}
COLUMNS = len(MODELS)
RUNS = {
    f"{name}-{model}": (f"images/{name}.png", choices)
    for name in ("pebbles", "bricks", "weave")
    for model, choices in MODELS.items()
}
