"""How do the layer and the weight of the content decide between content and style?

    jaxtex --experiment=ratio   (--network=vgg_lite --size=96: 196 s, two at a time on two cores)

Extends figure 4 of Gatys et al. (2016), whose layers conv2_2 and conv4_2 are two rows of such a
sheet. Rows are content layers, columns content weights.

Result: With weight 0.001 the photograph is nearly invisible, with 0.01 it shows through the leaves,
and with 0.1 it is a portrait in their colors. relu1_1 keeps pixels, so that leaves appear only
where the photograph is flat; from relu3_1 on outlines follow the leaves, and at relu5_1 the face is
made of leaves. At 0.1 and 1, layers deeper than relu1_1 leave stripes and specks, because they are
nearly blind to the finest detail.
"""

from jaxtex import Config

LAYERS, WEIGHTS = ("relu1_1", "relu2_1", "relu3_1", "relu4_2", "relu5_1"), (0.001, 0.01, 0.1, 1.0)
LACKING = {"relu4_*": "", "relu5_*": ""}
ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
COLUMNS = len(WEIGHTS)
RUNS = {
    f"{layer}-{weight:g}": (
        "images/leaves.png",
        Config(
            network="vgg16_bn",
            content="images/astronaut.png",
            content_layers=layer,
            content_weight=weight,
            content_color="own",
            octaves=1,
            init="noise",
            balance="equal",
        ),
    )
    for layer in LAYERS
    for weight in WEIGHTS
}
