"""Which patches excite a feature map most, and which image does?

    jaxtex --experiment=sees   (--network=vgg_lite --size=96: 98 s, two at a time on two cores)

Shows for each feature map an optimized image and the patches with the largest activations, after
Zeiler and Fergus (2014), without projecting activations back, and Mahendran and Vedaldi (2015).

Result: Maps of relu1_2 respond to a color, or to edges of one direction between two colors; those
of relu2_2 to bars, corners and blobs a few pixels wide. Patches that excite a map of relu3_3 share
curved edges, grids or eyes. The optimized images are gratings and checks of the same directions in
colors that no picture has, because contrast excites a map most. Those of relu4_3 also have spots,
arcs and spirals; that of its map 9 stays gray. Patches of relu4_3 are larger than pictures of 96
pixels, which are mirrored around them.
"""

from jaxtex import Config

NAMES = (
    "pebbles",
    "bricks",
    "leaves",
    "weave",
    "water",
    "fur",
    "grass",
    "astronaut",
    "cat",
    "coffee",
)
PICTURES = ",".join(f"images/{name}.png" for name in NAMES)
SEEN = {
    "texture_weight": 0.0,
    "init": "noise",
    "noise": 0.2,
    "octaves": 1,
    "height": 96,
    "width": 96,
}
# Images of deep maps have zigzags, so their variation weighs more.
VARIATION = {"relu1_2": 2.0, "relu2_2": 5.0, "relu3_3": 15.0, "relu4_3": 15.0, "relu5_3": 15.0}
CHANNELS = (1, 5, 9, 13, 17, 21, 25, 29)
LACKING, COLUMNS = {"relu4_*": "", "relu5_*": ""}, len(CHANNELS)
RUNS = {
    f"{layer}-{channel}": (
        PICTURES,
        Config(network="vgg16_bn", excite=f"{layer}:{channel}", tv_weight=weight, **SEEN),
    )
    for layer, weight in VARIATION.items()
    for channel in CHANNELS
}
