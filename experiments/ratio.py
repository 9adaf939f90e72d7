"""How do the content's layer and its weight share the picture with the style?

    jaxtex --experiment=ratio
"""

from jaxtex import Config

LAYERS, WEIGHTS = ("relu1_1", "relu2_1", "relu3_1", "relu4_2", "relu5_1"), (0.001, 0.01, 0.1, 1.0)
LACKING = {"relu4_*": "", "relu5_*": ""}
ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
COLUMNS = len(WEIGHTS)
RUNS = {
    f"{layer}-{weight:g}": (
        "images/leaves.png",
        Config(network="vgg16_bn", content="images/astronaut.png", content_layers=layer, content_weight=weight, octaves=1),
    )
    for layer in LAYERS
    for weight in WEIGHTS
}
