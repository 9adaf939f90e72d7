"""Features of one layer -> a summary that ignores positions; the distance of two summaries."""

from jaxtex.statistics.base import (
    NORMS,
    POOL_SIZE,
    TINY,
    Statistic,
    Summary,
    Target,
    accumulation_dtype,
    compare,
    gatys,
    plain,
    relative,
    unsquared,
)
from jaxtex.statistics.registry import (
    STATISTICS,
)

__all__ = [
    "NORMS",
    "POOL_SIZE",
    "STATISTICS",
    "Statistic",
    "Summary",
    "TINY",
    "Target",
    "accumulation_dtype",
    "compare",
    "gatys",
    "plain",
    "relative",
    "unsquared",
]
