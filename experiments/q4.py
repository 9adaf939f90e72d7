"""Can sorted features replace the Gram matrix?

    jaxtex --experiment=q4   (--network=vgg_lite --size=96: 332 s, two at a time on two cores)

Compares the Gram matrix, sorted features of 256 and 1,024 random positions, which are drawn again
every ten steps, sorted features along random directions (`sliced_wasserstein`), and the sum of Gram
matrix and sorted features.

Result: They can, with more noise and more time. `features` with 256 positions against the Gram
matrix: 0.017 and 0.020 (pebbles), 0.024 and 0.015 (bricks), 0.012 and 0.011 (leaves). 1,024
positions halve the difference on bricks and take twice the time. Random directions are as good as
channels. By eye the sum keeps rows of bricks and colors of leaves best.
"""

import dataclasses

import q1

STATISTICS = ("gram", "sorted", "sorted:samples=1024", "sliced_wasserstein", "gram+sorted")
LACKING, ON, COLUMNS = q1.LACKING, q1.ON, len(STATISTICS)
RUNS = {
    f"{name}-{statistic}": (
        f"images/{name}.png",
        dataclasses.replace(q1.LITERAL, statistic=statistic, num_steps=200),
    )
    for name in ("pebbles", "bricks", "leaves")
    for statistic in STATISTICS
}
