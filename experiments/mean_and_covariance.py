"""Is it the Gram matrix, or the mean and the covariance, that keeps a texture's colours?

    jaxtex --experiment=mean_and_covariance         (under 2 minutes on two CPU cores)

Came out: the mean and the covariance. Patch distance to the exemplar (benchmarks/neural_style.py) 0.012 against the Gram
matrix's 0.018 on leaves, 0.009 against 0.016 on bricks; mean colours are off by 0.001 against 0.003, and 0.001 by both.
"""

from jaxtex import Config
from jaxtex.statistics import STATISTICS

RUNS = {
    f"{name}_{statistic}": (f"images/{name}.png", Config(statistic=statistic, size=192))
    for name in ("leaves", "bricks")
    for statistic in STATISTICS
}
