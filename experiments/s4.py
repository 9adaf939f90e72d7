"""Can a critic that learns take the place of a statistic, the logistic one first?

    jaxtex --experiment=s4
"""

import s1

from jaxtex import Config

FORMS = ("logistic", "quadratic", "mlp", "mlp:penalty=spectral")
LACKING, ON, COLUMNS = s1.LACKING, s1.ON, len(FORMS)
LEARNING = {"optimizer": "adam", "num_steps": 300, "save_every": 30, **s1.STYLISED}
MADE = {"pebbles": "", "bricks": "", "leaves": "astronaut"}
RUNS = {
    f"{photograph or style}-{form.rpartition('=')[2]}": (
        f"images/{style}.png",
        Config(statistic=f"discriminator:form={form}", content=photograph and f"images/{photograph}.png", **LEARNING),
    )
    for style, photograph in MADE.items()
    for form in FORMS
}
