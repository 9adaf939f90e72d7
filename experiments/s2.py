"""Mean, mean and covariance, or Gram matrix: three textures and three stylised photographs by each?

    jaxtex --experiment=s2         (--network=vgg_lite --size=96: 266 s, two at once on two CPU cores)

Came out: at seven layers and three sizes already the 2,112 means make leaves, water and grass, a little rough; the
moments of second order smooth them, and mean and covariance is best on leaves and grass, the Gram matrix on water. On
photographs the difference is larger: with the means alone the style gives way (`features` .029, .058, .024 against .015,
.030 to .034, .014 to .016), outlines are drawn hard and the style's objects are lost in them.
"""

import s1

from jaxtex import Config

# The statistics alone, with layers of equal weight, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "balance": "equal", "shares": ""}
ALONE |= {"num_steps": 200}
STATISTICS = ("mean", "mean_and_covariance", "gram")
LACKING, ON, COLUMNS = s1.LACKING, s1.ON, 2 * len(STATISTICS)
RUNS = {
    f"{photograph or style}-{statistic}": (
        f"images/{style}.png",
        Config(
            statistic=statistic,
            content=photograph and f"images/{photograph}.png",
            content_weight=0.02,
            **s1.STYLISED,
            **({} if photograph else ALONE),
        ),
    )
    for style, stylised in s1.PHOTOGRAPHS.items()
    for photograph in ("", stylised)
    for statistic in STATISTICS
}
