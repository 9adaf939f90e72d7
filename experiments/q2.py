"""What do the same matrices keep of pictures that are no textures?

    jaxtex --experiment=q2         (--network=vgg_lite --size=96: 78 s, two at once on two CPU cores)

Came out: parts, in the wrong places: the astronaut has her hair, her suit and bits of her face. At this size the 138,528
numbers outweigh the 27,648 values of the image, and of the cat and the cup so little else fits them that they come out
nearly whole, turned and bent. Galaxies, which are a texture, come out as such.
"""

import q1

LACKING, ON, STEPS = q1.LACKING, q1.ON, q1.STEPS
RUNS = {
    name: (f"images/{name}.png", q1.LITERAL) for name in ("astronaut", "cat", "coffee", "galaxies")
}
