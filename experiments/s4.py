"""Can a critic that learns replace a statistic?

    jaxtex --experiment=s4   (--network=vgg_lite --size=96: 326 s, two at a time on two cores)

Compares four critics (statistic `discriminator`): logistic, quadratic, and a small network (mlp)
with a gradient penalty or with spectral normalization. The photograph needs ten times the content
weight of s1, because the loss of a critic is not in units of the style's energy.

Result: It can; nothing diverges in 300 steps of Adam. The logistic critic, which can compare only
means, makes pebbles and bricks with blurred edges. The quadratic critic and the mlp make whole ones
(`features` of logistic, quadratic and mlp: 0.035, 0.026, 0.018 on pebbles, 0.025, 0.021, 0.022 on
bricks). With spectral normalization colors drift, because that critic never settles. No critic is
as good as the statistics of q4, which take fewer steps.
"""

import s1

from jaxtex import Config

# The statistics alone, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "shares": ""}
FORMS = ("logistic", "quadratic", "mlp", "mlp:penalty=spectral")
LACKING, ON, COLUMNS = s1.LACKING, s1.ON, len(FORMS)
LEARNING = {"optimizer": "adam", "num_steps": 300, "save_every": 30, **s1.STYLISED}
# The loss of a critic is not in units of the style's energy.
PHOTOGRAPH = {"content": "images/astronaut.png", "content_weight": 0.2}
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
