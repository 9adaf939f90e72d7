"""What becomes of a photograph as its content weighs more, from a texture (0) to itself?

    jaxtex --experiment=s1
"""

from jaxtex import Config

WEIGHTS = (0.0, 0.005, 0.02, 0.1, 1.0)
LACKING, COLUMNS = {"relu4_*": "relu3_3"}, len(WEIGHTS)
ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
PHOTOGRAPHS = {"leaves": "astronaut", "water": "cat", "grass": "coffee"}
STYLISED = {"network": "vgg16_bn", "content_layers": "relu4_2", "octaves": 1}
RUNS = {
    f"{photograph}-{weight:g}": (
        f"images/{style}.png",
        Config(content=f"images/{photograph}.png", content_weight=weight, **STYLISED),
    )
    for style, photograph in PHOTOGRAPHS.items()
    for weight in WEIGHTS
}
