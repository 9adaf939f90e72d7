"""What becomes of a photograph as its content weighs more, from a texture (0) to itself?

    jaxtex --experiment=s1         (--network=vgg_lite --size=96: 261 s, two at once on two CPU cores)

With the built-in network relu3_3 stands in for relu4_2. Came out: with weight 0 leaves, water and grass like those of the
gallery; at .005 the photograph can be guessed, at .02, the default, it is seen and the style's objects are whole, at .1
it is drawn in the style's colors but its objects fall to strokes; at 1 the two quarrel in the finest detail, which
relu3_3 hardly sees, and stripes are left.
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
}
RUNS = {
    f"{photograph}-{weight:g}": (
        f"images/{style}.png",
        Config(content=f"images/{photograph}.png", content_weight=weight, **STYLISED),
    )
    for style, photograph in PHOTOGRAPHS.items()
    for weight in WEIGHTS
}
