"""How do mean, mean and covariance, and Gram matrix differ on textures and photographs?

    jaxtex --experiment=s2   (--network=vgg_lite --size=96: 156 s, two at a time on two cores)

Makes three textures and three style transfers with each statistic, on the layers and settings of
s1.

Result: The 2,112 means of seven layers and three octaves already make leaves, water and grass, if a
little rough. Second moments make them smoother. The difference is larger on photographs: with means
alone `gram` is 0.087, 0.081 and 0.050, with second moments 0.042 to 0.045, 0.039 to 0.041 and
0.030. Means alone give hard outlines, in which objects of the style are lost.
"""

import s1

from jaxtex import Config

# The statistics alone, and as many steps at each scale.
ALONE = {"arrangement_weight": "0", "detail_weight": 0.0, "shares": ""}
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
