"""What does a feature map look for: the patches that excite it most, and the image that excites it most?

    jaxtex --experiment=sees         (--network=vgg_lite --size=96: 189 s, two at once on two CPU cores)

After Zeiler and Fergus (2014), without tracing activations back, and Mahendran and Vedaldi (2015). Came out: relu1_2
looks for a color, or edges of one direction between two; relu2_2 for bars, corners and blobs of some pixels' width;
patches that excite relu3_3 share curved edges, grids or eyes. The images are gratings and checks of the same directions,
in colors that no picture has: a map is excited most by contrast.
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
# Deep maps like zigzags: their variation is held down more.
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
