"""Statistics: features of one layer -> a summary without positions; distances of two summaries.

To add a statistic, write a function that returns a `Statistic` in the module of its kind, and add
it to `registry.STATISTICS`; see docs/own_statistic.md.
"""

from jaxtex.statistics.base import (
    NORMS,
    NORMS_OF_SQUARES,
    POOL_SIZE,
    TINY,
    Statistic,
    Summary,
    Target,
    accumulation_dtype,
    compare,
    gatys,
    plain,
    pooled_size,
    relative,
    unsquared,
)
from jaxtex.statistics.registry import STATISTICS

__all__ = [
    "NORMS",
    "NORMS_OF_SQUARES",
    "POOL_SIZE",
    "STATISTICS",
    "TINY",
    "Statistic",
    "Summary",
    "Target",
    "accumulation_dtype",
    "compare",
    "gatys",
    "plain",
    "pooled_size",
    "relative",
    "unsquared",
]
