"""What does each layer remember of a picture?

    jaxtex --experiment=reconstruction         (--network=vgg_lite --size=96: 73 s, two at once on two CPU cores)

After Mahendran and Vedaldi (2015), and figure 1 of Gatys et al. (2015), without a prior on the image. Came out: up to
relu2_2 nearly everything; relu3_1 still the face with all its features, relu3_3 the same with false colors at edges and
grain on what is flat: of detail it remembers where, not what.
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
