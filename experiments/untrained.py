"""Does it matter that the network is trained?

    jaxtex --experiment=untrained   (--network=vgg_lite --size=96: 131 s, two at a time on two cores)

Compares trained filters with two sets of random filters in the same network. `classical` has a
single layer of random filters.

Result: To the eye it does, by patch distance little (vgg_lite). Random filters keep blobs, rows and
threads, but edges are broken, bricks merge, and specks of color remain. Patch distances of trained,
random and random:1 at 192 pixels: pebbles 0.0049, 0.0056, 0.0058; bricks 0.0087, 0.0107, 0.0119;
weave 0.0193, 0.0142, 0.0190. At 96 pixels `patches` is 0.06, 0.19, 0.34; 0.20, 0.23, 0.36; and
0.53, 0.30, 0.35. Losses with random filters end 4 to 40 times lower.
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
