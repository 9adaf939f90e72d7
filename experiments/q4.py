"""Can sorted features take the place of the Gram matrix?

    jaxtex --experiment=q4
"""

import dataclasses

import q1

STATISTICS = ("gram", "sorted", "sorted:samples=1024", "sliced_wasserstein", "gram+sorted")
LACKING, ON, COLUMNS = q1.LACKING, q1.ON, len(STATISTICS)
RUNS = {
    f"{name}-{statistic}": (f"images/{name}.png", dataclasses.replace(q1.LITERAL, statistic=statistic, num_steps=200))
    for name in ("pebbles", "bricks", "leaves")
    for statistic in STATISTICS
}
