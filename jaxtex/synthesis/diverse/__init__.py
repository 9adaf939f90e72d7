"""Images of one batch that keep away from each other: they must be at the same step."""

from jaxtex.synthesis.diverse.groups import join, renew, validate
from jaxtex.synthesis.diverse.lockstep import build_chunk

__all__ = ["build_chunk", "join", "renew", "validate"]
