"""Which weights of the layers suit the few that q3 leaves?

    jaxtex --experiment=q5         (--network=vgg_lite --size=96: 95 s, two at once on two CPU cores)

Came out: nearly any. From a tenth to nine tenths of the loss for relu1_2 the pictures differ little, with `features` best
at a half (.0167, .0162, .0086 for pebbles, bricks, leaves) or nine tenths (.0149 for pebbles). At .99 fine texture is sharp
and bricks lose their shapes; at .01 it is the other way round.
"""

import dataclasses

import q1

LAYERS = ("relu1_2", "relu2_1")  # what q3 found
SHARES = (0.01, 0.1, 0.5, 0.9, 0.99)  # of the first layer
LACKING, ON, COLUMNS = q1.LACKING, q1.ON, len(SHARES)
RUNS = {
    f"{name}-{share:g}": (
        f"images/{name}.png",
        dataclasses.replace(q1.LITERAL, layers=f"{LAYERS[0]}:{share:g},{LAYERS[1]}:{1 - share:g}"),
    )
    for name in ("pebbles", "bricks", "leaves")
    for share in SHARES
}
