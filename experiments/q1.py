"""Do the Gram matrices of all convolutions make a texture, and how does the image approach it?

    jaxtex --experiment=q1
"""

from jaxtex import Config

BLOCKS = (2, 2, 3, 3, 3)
CONVOLUTIONS = ",".join(f"relu{block}_{i}" for block, count in enumerate(BLOCKS, 1) for i in range(1, count + 1))
LITERAL = Config(
    network="vgg16_bn", layers=CONVOLUTIONS, statistic="gram:norm=gatys", octaves=1, num_steps=300, save_every=10
)

LACKING = {"*4_*": "", "*5_*": ""}
ON = {"vgg_lite": {"octaves": 3}, "vgg19": {"octaves": 3}}
STEPS = (10, 30, 100, 200)
CURVE = ("step", "loss")
RUNS = {name: (f"images/{name}.png", LITERAL) for name in ("pebbles", "bricks", "leaves", "weave", "water")}
