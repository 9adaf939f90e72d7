"""Can sorted features take the place of the Gram matrix?

    jaxtex --experiment=q4         (--network=vgg_lite --size=96: 332 s, two at once on two CPU cores)

Came out: yes, with more noise and more time: `features` .017 against .020 (pebbles), .024 against .015 (bricks), .012
against .011 (leaves) for 256 positions drawn anew every ten steps. Four times as many positions mend half of the
difference on bricks, at twice the time. Along random directions it is as good as along channels. The sum of both keeps
the rows of bricks and the colors of leaves best by eye.
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
