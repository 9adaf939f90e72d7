"""Features of one layer -> a summary that ignores positions; the distance of two summaries."""

from jaxtex.statistics.base import (
    NORMS,
    POOL,
    TINY,
    Statistic,
    Summary,
    Target,
    compare,
    exact,
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
    "POOL",
    "STATISTICS",
    "TINY",
    "Statistic",
    "Summary",
    "Target",
    "compare",
    "exact",
    "gatys",
    "plain",
    "relative",
    "unsquared",
]
