"""Do Gram matrices of all convolutions make a texture, and how does the image converge?

    jaxtex --experiment=q1   (--network=vgg_lite --size=96: 99 s, two at a time on two cores)

Matches every convolution after its ReLU, with the literal norm of Gatys et al. (2015); in the Caffe
network of the paper convolution and ReLU share one array. The sheet shows exemplar, snapshots and
result, the curve the loss.

Result: They do. The built-in network with three octaves has 21 matrices, 138,528 numbers. Step 10
shows colors and the direction of strokes, step 30 objects, and step 100 the final layout; later
steps sharpen edges. Rows of bricks and threads are kept only in pieces, because positions farther
apart than a receptive field are independent.
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
