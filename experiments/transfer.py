"""How much content, and what of two styles at once?

    jaxtex --experiment=transfer         (6 minutes on two CPU cores)
"""

from jaxtex import Config

LEAVES, BOTH = "images/leaves.png", "images/leaves.png,images/water.png"
PHOTOGRAPH = {"content": "images/astronaut.png", "size": 384}

COLUMNS = 3
RUNS = {
    "content-0.005": (LEAVES, Config(content_weight=0.005, **PHOTOGRAPH)),
    "content-0.02": (LEAVES, Config(content_weight=0.02, **PHOTOGRAPH)),
    "content-0.1": (LEAVES, Config(content_weight=0.1, **PHOTOGRAPH)),
    "luminance": (LEAVES, Config(preserve_color="luminance", **PHOTOGRAPH)),
    "water": ("images/water.png", Config(**PHOTOGRAPH)),
    "blend": (BOTH, Config(**PHOTOGRAPH)),
}
