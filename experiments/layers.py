"""How far up must the layers go before a texture comes out?

    jaxtex --experiment=layers
"""

from jaxtex import Config

TAPS = ("conv1_1", "pool1", "pool2", "pool3", "pool4")
LACKING = {"pool4": "", "pool5": ""}
COLUMNS = len(TAPS)
RUNS = {
    f"{name}-{TAPS[last]}": (
        f"images/{name}.png",
        Config(network="vgg16_bn", layers=",".join(TAPS[: last + 1]), statistic="gram", pooling="avg", octaves=1),
    )
    for name in ("pebbles", "bricks", "leaves")
    for last in range(len(TAPS))
}
