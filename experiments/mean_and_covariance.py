"""Is it the Gram matrix, or the mean and the covariance, that keeps a texture's colours?

    jaxtex --experiment=mean_and_covariance         (TIME)

Came out: OUTCOME
"""

from jaxtex import Config
from jaxtex.statistics import STATISTICS

RUNS = {
    f"{name}_{statistic}": (f"images/{name}.png", Config(statistic=statistic, size=192))
    for name in ("leaves", "bricks")
    for statistic in STATISTICS
}
