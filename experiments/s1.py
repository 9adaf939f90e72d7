"""How does a style transfer change with the content weight, from a texture to the photograph?

    jaxtex --experiment=s1   (--network=vgg_lite --size=96: 134 s, two at a time on two cores)

Each column has a larger content weight; 0 is a texture. Settings are those of Gatys et al. (2016):
content in relu4_2 and in its own colors, white noise at the start.

Result: With weight 0 leaves, water and grass are like those of the gallery. At 0.005 face and eye
can be guessed. At 0.02, which s2 and s3 use, the face and the eye are visible, the cup is not, and
objects of the style are whole. At 0.1 the photograph is drawn in the colors of the style, whose
objects become strokes. At 1 stripes appear, because relu4_2 is nearly blind to the finest detail.
"""

from jaxtex import Config

WEIGHTS = (0.0, 0.005, 0.02, 0.1, 1.0)
LACKING, COLUMNS = {"relu4_*": "relu3_3"}, len(WEIGHTS)
ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
PHOTOGRAPHS = {"leaves": "astronaut", "water": "cat", "grass": "coffee"}
STYLISED = {
    "network": "vgg16_bn",
    "content_layers": "relu4_2",
    "content_color": "own",
    "octaves": 1,
    "init": "noise",
    "balance": "equal",
}
RUNS = {
    f"{photograph}-{weight:g}": (
        f"images/{style}.png",
        Config(content=f"images/{photograph}.png", content_weight=weight, **STYLISED),
    )
    for style, photograph in PHOTOGRAPHS.items()
    for weight in WEIGHTS
}
