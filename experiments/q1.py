"""Do the Gram matrices of all convolutions make a texture, and how does the image approach it?

    jaxtex --experiment=q1         (--network=vgg_lite --size=96: 99 s, two at once on two CPU cores)

Each convolution is looked at after its ReLU, as in Caffe, where the two are one. Came out: they do, also in the literal
norm of the paper, with the built-in network in three octaves: 21 matrices, 138,528 numbers. At step 10 there are the
colors and the direction of strokes, at step 30 the objects, at step 100 all that will come; afterwards edges sharpen.
Rows of bricks and of cloth are kept in pieces: what is farther apart than a receptive field does not know of each other.
"""

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
BLOCKS = (2, 2, 3, 3, 3)
CONVOLUTIONS = ",".join(
    f"relu{block}_{i}" for block, count in enumerate(BLOCKS, 1) for i in range(1, count + 1)
)
LITERAL = Config(
    network="vgg16_bn",
    layers=CONVOLUTIONS,
    statistic="gram:norm=gatys",
    octaves=1,
    num_steps=300,
    save_every=10,
    init="noise",
    **ALONE,
)

LACKING = {"*4_*": "", "*5_*": ""}
ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
STEPS = (10, 30, 100, 200)
CURVE = ("step", "loss")
RUNS = {
    name: (f"images/{name}.png", LITERAL)
    for name in ("pebbles", "bricks", "leaves", "weave", "water")
}
