"""Named terms of the loss, their targets, and their weighted sum."""

from jaxtex.losses.base import (
    NOTHING,
    Pictures,
    Term,
    Terms,
    aims,
    blend,
    draw,
    summarise,
    texture,
    total,
    view,
)

__all__ = [
    "NOTHING",
    "Pictures",
    "Term",
    "Terms",
    "aims",
    "blend",
    "draw",
    "summarise",
    "texture",
    "total",
    "view",
]
