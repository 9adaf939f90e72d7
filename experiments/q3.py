"""Which layers suffice, and how few numbers?

    jaxtex --experiment=q3         (--network=vgg_lite --size=96: 413 s, two at once on two CPU cores)

From all convolutions one layer after the other is left out, each time the one that is missed least; then the same by
principal components of what is left. Came out: relu1_2 and relu2_1 with 11,304 numbers, 8.2 percent of all 138,528, are as
good as all: at the same 300 steps (q5, equal shares, against q1) `patches` is .79, 1.02, .55 of q1's for pebbles, bricks,
leaves, and `features` .89, 1.01, .62. Below them quality falls: relu1_2 alone (1,584) runs bricks together, and principal
components of many layers make specks of wrong colors.
"""

import dataclasses

import q1

EXEMPLARS = ("pebbles", "bricks")
BASE = dataclasses.replace(q1.LITERAL, num_steps=100)
KEPT = (4, 8, 16, 32)  # principal components of a layer
LACKING, ON, COLUMNS, CURVE = q1.LACKING, q1.ON, 10, ("numbers", "patches")


def runs_of(layers, statistic=BASE.statistic):
    choices = dataclasses.replace(BASE, layers=",".join(layers), statistic=statistic)
    short = "+".join(layer.removeprefix("relu") for layer in layers) + statistic.removeprefix(
        BASE.statistic
    )
    return {f"{name}-{short}": (f"images/{name}.png", choices) for name in EXEMPLARS}


def scores(rows):
    """Set of layers -> patch distance over that of the whole set, averaged over the exemplars; Gram matrices alone."""
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
    """Of the best among the smallest sets all with one layer less; after the last one, principal components."""
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
