"""Can a critic that learns take the place of a statistic?

    jaxtex --experiment=critic         (7 minutes on two CPU cores)

Came out: no form diverges in 500 steps; all make textures, the logistic one the roughest. Of the difference of mean and
covariance .008 to .043 of the start is left. The sheet is docs/critic.jpg, the table in docs/statistics.md.
"""

from jaxtex import Config

FORMS = ("logistic", "quadratic", "mlp", "mlp:penalty=spectral")
COLUMNS = len(FORMS)
RUNS = {
    f"{name}-{form.partition(':')[2] or form}": (
        f"images/{name}.png",
        Config(statistic=f"discriminator:form={form}", optimizer="adam", size=128, num_steps=500, save_every=50),
    )
    for name in ("pebbles", "bricks", "leaves")
    for form in FORMS
}
