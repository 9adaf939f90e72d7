"""Does each exemplar of images/ come out with the defaults?

    jaxtex --experiment=gallery         (--network=vgg_lite --size=96: 149 s, two at once on two CPU cores)

Came out: all ten; losses fell to 1.8e-4 ... 5.8e-4 of their start, median 3.1e-4. Rows of bricks and cloth are kept nearly
everywhere; leaves keep their kinds, not each its outline. The sheet is docs/gallery.jpg.
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
