"""What does each layer preserve of a picture?

    jaxtex --experiment=reconstruction   (--network=vgg_lite --size=96: 73 s, two at a time on two cores)

Reconstructs two photographs from the features of one layer each, without an image prior, after
Mahendran and Vedaldi (2015) and figure 1 of Gatys et al. (2015). Each column is a layer.

Result: Layers up to relu2_2 preserve nearly everything. relu3_1 preserves the whole face; relu3_3
too, but with false colors at edges and grain on flat areas: it preserves where detail is, but not
its form. relu4_2 and relu5_1 preserve outlines, in wrong colors.
"""

from jaxtex import Config

LACKING = {"*4_*": "", "*5_*": ""}
LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_3", "relu4_2", "relu5_1")
COLUMNS = len(LAYERS)
RUNS = {
    f"{name}-{layer}": (
        "",
        Config(
            network="vgg16_bn",
            content=f"images/{name}.png",
            content_layers=layer,
            content_weight=1.0,
            octaves=1,
            init="noise",
        ),
    )
    for name in ("astronaut", "cat")
    for layer in LAYERS
}
