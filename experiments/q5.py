"""Which weights suit the two layers that q3 found?

    jaxtex --experiment=q5   (--network=vgg_lite --size=96: 95 s, two at a time on two cores)

Each column gives relu1_2 a larger part of the loss, from 0.01 to 0.99; relu2_1 gets the rest.

Result: Nearly any weights do. From 0.1 to 0.9 the pictures differ little; `features` is best at 0.5
(0.0167, 0.0162, 0.0086 for pebbles, bricks, leaves) or 0.9 (0.0149 for pebbles). At 0.99 fine
detail is sharp but bricks lose their shapes; at 0.01 it is the reverse.
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
