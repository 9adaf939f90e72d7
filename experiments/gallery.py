"""Do the defaults reproduce every exemplar in images/?

    jaxtex --experiment=gallery   (--network=vgg_lite --size=96: 149 s, two at a time on two cores)

Synthesizes ten exemplars with the default flags.

Result: All ten succeed. The final loss is 1.8e-4 to 5.8e-4 of the first one, 3.1e-4 in the median.
Rows of bricks and threads are kept nearly everywhere; leaves keep their kinds, but not each
outline. The sheet is docs/gallery.jpg.
"""

from jaxtex import Config

EXEMPLARS = (
    "pebbles",
    "gravel",
    "bricks",
    "leaves",
    "grass",
    "weave",
    "water",
    "fur",
    "galaxies",
    "tissue",
)

RUNS = {name: (f"images/{name}.png", Config()) for name in EXEMPLARS}
