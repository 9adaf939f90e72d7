"""What do the same Gram matrices preserve of pictures that are not textures?

    jaxtex --experiment=q2   (--network=vgg_lite --size=96: 78 s, two at a time on two cores)

Uses the loss of q1 on three photographs, and on galaxies, which are a texture.

Result: Parts are preserved, but in wrong places: the astronaut has her hair, her suit and pieces of
her face. At this size 138,528 numbers describe 27,648 pixel values, so the cat and the cup are
reproduced nearly whole, turned and bent. Galaxies become a texture.
"""

import q1

LACKING, ON, STEPS = q1.LACKING, q1.ON, q1.STEPS
RUNS = {
    name: (f"images/{name}.png", q1.LITERAL) for name in ("astronaut", "cat", "coffee", "galaxies")
}
