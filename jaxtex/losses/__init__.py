"""Named terms of the loss, their targets, and their weighted sum.

`base` defines a `Term`; `content` is that of a style transfer, `arrangement` the long ranges of a
texture, `temporal` that of a sequence, `terms` are all others but those of statistics, whose
`targets` come from exemplars by `sampling` and `summaries`. `evaluation` computes the loss of an
image, whole or in `row_strips`.

To add a term, write a function that returns a `Term` in `terms` and add it to the loss in
`jaxtex/synthesis/objectives/loss.py`.
"""

from jaxtex.losses.base import EMPTY, TargetImages, Term, Terms, compose, texture, total
from jaxtex.losses.sampling import draw_sample, sample
from jaxtex.losses.summaries import (
    blend_summaries,
    concatenate_summaries,
    make_targets,
    summarize,
    summarize_layers,
)

__all__ = [
    "EMPTY",
    "TargetImages",
    "Term",
    "Terms",
    "blend_summaries",
    "compose",
    "concatenate_summaries",
    "draw_sample",
    "make_targets",
    "sample",
    "summarize",
    "summarize_layers",
    "texture",
    "total",
]
