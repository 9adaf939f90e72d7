"""Quality of a result, by measures that no run optimizes by default."""

from jaxtex.metrics.registry import (
    METRICS,
    measure,
)

__all__ = [
    "METRICS",
    "measure",
]
