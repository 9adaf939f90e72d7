"""Can a critic that learns take the place of a statistic, the logistic one first?

    jaxtex --experiment=s4         (--network=vgg_lite --size=96: 326 s, two at once on two CPU cores)

Came out: yes; nothing diverges in 300 steps of Adam. The logistic critic, which can ask for means alone, makes pebbles
and bricks whose edges run; the quadratic one and the mlp make whole ones (`features` .035 .026 .018 on pebbles, .025 .021
.022 on bricks); with spectral norms in place of the penalty colors drift, for that critic never comes to rest. None is
as good as the statistics of q4 after fewer steps. A critic's loss is not in units of the style's energy: a photograph
wants ten times the content weight of s1.
"""

import s1

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
FORMS = ("logistic", "quadratic", "mlp", "mlp:penalty=spectral")
LACKING, ON, COLUMNS = s1.LACKING, s1.ON, len(FORMS)
LEARNING = {"optimizer": "adam", "num_steps": 300, "save_every": 30, **s1.STYLISED}
PHOTOGRAPH = {
    "content": "images/astronaut.png",
    "content_weight": 0.2,
}  # a critic is not in units of the style's energy
MADE = {
    "pebbles": ("pebbles", ALONE),
    "bricks": ("bricks", ALONE),
    "astronaut": ("leaves", PHOTOGRAPH),
}
RUNS = {
    f"{name}-{form.rpartition('=')[2]}": (
        f"images/{style}.png",
        Config(statistic=f"discriminator:form={form}", **LEARNING, **content),
    )
    for name, (style, content) in MADE.items()
    for form in FORMS
}
