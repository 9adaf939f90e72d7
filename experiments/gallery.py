"""Does each exemplar of images/ come out with the defaults?

    jaxtex --experiment=gallery         (TIME)

Came out: OUTCOME
"""

from jaxtex import Config

EXEMPLARS = ("pebbles", "gravel", "bricks", "leaves", "grass", "weave", "water", "fur", "galaxies", "tissue")

RUNS = {name: (f"images/{name}.png", Config()) for name in EXEMPLARS}
