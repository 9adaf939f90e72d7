"""Which layers suffice, and how few numbers?

    jaxtex --experiment=q3   (--network=vgg_lite --size=96: 413 s, two at a time on two cores)

Starts with all convolutions and removes one layer at a time, each time the one whose removal costs
least. Then it restricts the set of all layers, and the last single layer, to principal components.
The curve shows the patch distance against the number of statistics.

Result: relu1_2 and relu2_1 (11,304 numbers, 8.2 percent of 138,528) are as good as all layers.
After 300 steps with equal shares (q5 against q1), `patches` is 0.79, 1.02 and 0.55 times that of q1
for pebbles, bricks and leaves, and `features` 0.89, 1.01 and 0.62 times. Fewer numbers reduce the
quality: with relu1_2 alone (1,584) bricks merge, and principal components of many layers cause
specks of wrong colors.
"""

import dataclasses

import q1

EXEMPLARS = ("pebbles", "bricks")
BASE = dataclasses.replace(q1.LITERAL, num_steps=100)
KEPT = (4, 8, 16, 32)  # principal components of a layer
LACKING, ON, COLUMNS, CURVE = q1.LACKING, q1.ON, 10, ("numbers", "patches")


def runs_of(layers, statistic=BASE.statistic):
    """Returns the runs of a set of layers, one for each exemplar."""
    choices = dataclasses.replace(BASE, layers=",".join(layers), statistic=statistic)
    short = "+".join(layer.removeprefix("relu") for layer in layers) + statistic.removeprefix(
        BASE.statistic
    )
    return {f"{name}-{short}": (f"images/{name}.png", choices) for name in EXEMPLARS}


def scores(rows):
    """Maps sets of layers to their patch distance, relative to that of all layers.

    Only runs with Gram matrices count. Distances are averaged over the exemplars.
    """
    found = {}
    for row in rows:
        if row["statistic"] == BASE.statistic:
            found.setdefault(tuple(row["layers"].split(",")), []).append(row["patches"])
    whole = max(found, key=len)
    ratio = lambda layers: (
        sum(a / b for a, b in zip(found[layers], found[whole], strict=True)) / len(found[whole])
    )
    return {layers: ratio(layers) for layers in found if len(found[layers]) == len(found[whole])}


def more(rows):
    """Returns the next runs: the best of the smallest sets with each of its layers removed.

    After a set of one layer, returns runs with principal components.
    """
    scored = scores(rows)
    smallest = min(len(layers) for layers in scored)
    best = min((layers for layers in scored if len(layers) == smallest), key=scored.get)
    if smallest > 1:
        sets = [(best[:i] + best[i + 1 :], BASE.statistic) for i in range(smallest)]
    else:
        sets = [
            (layers, f"pca_gram:k={k}")
            for layers in (max(scored, key=len), min(scored, key=scored.get))
            for k in KEPT
        ]
    return {name: run for each in sets for name, run in runs_of(*each).items()}


RUNS = runs_of(tuple(q1.CONVOLUTIONS.split(",")))
