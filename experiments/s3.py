"""What do two styles give when they are blended, as a texture and on a photograph?

    jaxtex --experiment=s3   (--network=vgg_lite --size=96: 116 s, two at a time on two cores)

Columns go from the first style to the second (`--style_weights`). Rows are two pairs of styles,
each alone and on a photograph.

Result: The average of the moments of two styles is that of a picture with both, side by side. Equal
parts of leaves and water give an area of each, with stripes and spots of other colors between them.
Bricks and weave, which are of one size, give rows of bricks between rows of threads. On photographs
green and red specks are added.
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
