"""How do the content's layer and its weight share the picture with the style?

    jaxtex --experiment=ratio         (--network=vgg_lite --size=96: 213 s, two at once on two CPU cores)

After figure 4 of Gatys et al. (2016), whose layers conv2_2 and conv4_2 are two rows of it. Came out: at a thousandth of
the style the photograph is not seen, at a hundredth it shows through the leaves, at a tenth it is a portrait in their
colors. relu1_1 keeps the pixels, and leaves appear only where the photograph is flat; relu3_1 lets the outline go where
leaves want it. From a tenth on the deeper layers, which hardly see the finest detail, leave stripes there.
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
        ),
    )
    for layer in LAYERS
    for weight in WEIGHTS
}
