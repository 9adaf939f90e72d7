"""What do two styles make together, in one texture and on one photograph?

    jaxtex --experiment=s3         (--network=vgg_lite --size=96: 282 s, two at once on two CPU cores)

Came out: what averaged moments allow. Bricks and weave have a common form, and in equal parts are small bricks in rows
with colored threads among them; leaves and water have none, and fall into leaves with bright veins, the colors side by
side. On photographs the same, with the photograph's outlines as places where one style goes over into the other.
"""

import s1

from jaxtex import Config

MIXTURES = ("1,0.001", "3,1", "1,1", "1,3", "0.001,1")
LACKING, ON, COLUMNS = s1.LACKING, s1.ON, len(MIXTURES)
PAIRS = {"leaves-water": "astronaut", "bricks-weave": "cat"}
RUNS = {
    f"{kind}{pair}-{mixture}": (
        ",".join(f"images/{style}.png" for style in pair.split("-")),
        Config(style_weights=mixture, content=content, content_weight=0.02, **s1.STYLISED),
    )
    for pair, photograph in PAIRS.items()
    for kind, content in (("", ""), (f"{photograph}-", f"images/{photograph}.png"))
    for mixture in MIXTURES
}
