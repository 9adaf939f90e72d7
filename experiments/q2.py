"""What do the same matrices keep of pictures that are no textures?

    jaxtex --experiment=q2
"""

import q1

LACKING, ON, STEPS = q1.LACKING, q1.ON, q1.STEPS
RUNS = {name: (f"images/{name}.png", q1.LITERAL) for name in ("astronaut", "cat", "coffee", "galaxies")}
