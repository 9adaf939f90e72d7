"""The loss of a synthesis: the terms that the settings ask for, and the layers they compare."""

from jaxtex.synthesis.objectives.image_targets import build_image_targets
from jaxtex.synthesis.objectives.layer_choice import choose_layers
from jaxtex.synthesis.objectives.learners import build_critics
from jaxtex.synthesis.objectives.loss import (
    build_loss,
    count_statistics,
    limit_octaves,
    of_last_scale,
)
from jaxtex.synthesis.objectives.texture_choice import choose_start, choose_weights

__all__ = [
    "build_critics",
    "build_image_targets",
    "build_loss",
    "choose_layers",
    "choose_start",
    "choose_weights",
    "count_statistics",
    "limit_octaves",
    "of_last_scale",
]
