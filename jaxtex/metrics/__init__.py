"""Measures of textures and style transfers that no run optimizes by default.

To add a metric, write a function of `exemplar` or `content` and of `image` that returns a number,
decorate it with `patch_extraction.takes_images`, and add it to `registry.TEXTURE` or, if it says
something of style transfers alone, to `registry.TRANSFER`.
"""

from jaxtex.metrics.artifacts import border, copied, seam
from jaxtex.metrics.autocorrelation import arrangement
from jaxtex.metrics.brightness import layout, light
from jaxtex.metrics.composition_match import composition
from jaxtex.metrics.feature_distance import features
from jaxtex.metrics.flicker import flicker
from jaxtex.metrics.network_distance import gram, structure
from jaxtex.metrics.outline import outline
from jaxtex.metrics.patch_distance import patches
from jaxtex.metrics.power_spectrum import spectrum
from jaxtex.metrics.registry import METRICS, default_names, measure, needs_content
from jaxtex.metrics.texture_similarity import stsim

__all__ = [
    "METRICS",
    "arrangement",
    "border",
    "composition",
    "copied",
    "default_names",
    "features",
    "flicker",
    "gram",
    "layout",
    "light",
    "measure",
    "needs_content",
    "outline",
    "patches",
    "seam",
    "spectrum",
    "structure",
    "stsim",
]
