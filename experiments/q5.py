"""Which weights of the layers suit the few that q3 leaves?

    jaxtex --experiment=q5
"""

import dataclasses

import q1

LAYERS = ("relu1_2", "relu2_1")  # what q3 found: a twelfth of the numbers, as good as all
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
