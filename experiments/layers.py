"""How far up must the layers go before a texture comes out?

    jaxtex --experiment=layers         (--network=vgg_lite --size=96: 54 s, two at once on two CPU cores)

After figure 2 of Gatys et al. (2015), with one octave. Came out as there: conv1_1 gives colors and blotches, pool1 edges
and strokes, pool2 objects that run into each other, pool3 pebbles, leaves and bricks, though in no rows. `features` falls
with each layer; `patches`, which sees 28 pixels, is about settled from pool2 on.
"""

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
ALONE |= {"num_steps": 200}
TAPS = ("conv1_1", "pool1", "pool2", "pool3", "pool4")
LACKING = {"pool4": "", "pool5": ""}
COLUMNS, START = len(TAPS), {"network": "vgg16_bn", "octaves": 1, "init": "noise", **ALONE}
RUNS = {
    f"{name}-{TAPS[last]}": (
        f"images/{name}.png",
        Config(layers=",".join(TAPS[: last + 1]), statistic="gram", pooling="avg", **START),
    )
    for name in ("pebbles", "bricks", "leaves")
    for last in range(len(TAPS))
}
