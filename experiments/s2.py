"""Mean, mean and covariance, or Gram matrix: three textures and three stylised photographs by each?

    jaxtex --experiment=s2
"""

import s1

from jaxtex import Config

STATISTICS = ("mean", "mean_and_covariance", "gram")
LACKING, ON, COLUMNS = s1.LACKING, s1.ON, len(STATISTICS)
TEXTURES = {
    f"{style}-{statistic}": (f"images/{style}.png", Config(network="vgg16_bn", statistic=statistic, octaves=1))
    for style in s1.PHOTOGRAPHS
    for statistic in STATISTICS
}
STYLISED = {
    f"{photograph}-{statistic}": (
        f"images/{style}.png",
        Config(statistic=statistic, content=f"images/{photograph}.png", **s1.STYLISED),
    )
    for style, photograph in s1.PHOTOGRAPHS.items()
    for statistic in STATISTICS
}
RUNS = TEXTURES | STYLISED
