"""Named terms of the loss, their targets, and their weighted sum."""

from jaxtex.losses.base import (
    EMPTY,
    TargetImages,
    Term,
    Terms,
    blend_summaries,
    draw_sample,
    make_targets,
    sample,
    summarize,
    texture,
    total,
)

__all__ = [
    "EMPTY",
    "TargetImages",
    "Term",
    "Terms",
    "blend_summaries",
    "draw_sample",
    "make_targets",
    "sample",
    "summarize",
    "texture",
    "total",
]
