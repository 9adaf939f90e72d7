"""Up to which layer must features be matched to obtain a texture?

    jaxtex --experiment=layers   (--network=vgg_lite --size=96: 54 s, two at a time on two cores)

Repeats figure 2 of Gatys et al. (2015) with one octave. Each column adds one layer.

Result: As in the paper, conv1_1 gives colors and blotches, pool1 edges and strokes, pool2 objects
that merge, and pool3 pebbles, leaves and bricks, though not in rows. `features` falls with each
layer; `patches`, whose patches are up to 28 pixels wide, hardly changes from pool2 on.
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
