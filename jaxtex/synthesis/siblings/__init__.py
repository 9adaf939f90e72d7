"""Images of one batch that keep away from each other: they must be at the same step."""

from jaxtex.synthesis.siblings.families import join, renew, validate
from jaxtex.synthesis.siblings.lockstep import build_chunk

__all__ = ["build_chunk", "join", "renew", "validate"]
