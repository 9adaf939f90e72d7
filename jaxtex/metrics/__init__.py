"""Measures of texture quality that no run optimizes by default.

To add a metric, write a function of exemplar and image that returns a number, decorate it with
`patch_extraction.takes_images`, and add it to `registry.METRICS`.
"""

from jaxtex.metrics.artifacts import border, copied, seam
from jaxtex.metrics.composition_match import composition
from jaxtex.metrics.feature_distance import features
from jaxtex.metrics.patch_distance import patches
from jaxtex.metrics.power_spectrum import spectrum
from jaxtex.metrics.registry import METRICS, measure

__all__ = [
    "METRICS",
    "border",
    "composition",
    "copied",
    "features",
    "measure",
    "patches",
    "seam",
    "spectrum",
]
