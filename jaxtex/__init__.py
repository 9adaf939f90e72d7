"""Texture synthesis by matching the statistics of network features, in JAX."""

from jaxtex.api import synthesize, transfer
from jaxtex.config import Config
from jaxtex.errors import UserError
from jaxtex.images import load as load_image
from jaxtex.images import save as save_image

__all__ = ["Config", "UserError", "load_image", "save_image", "synthesize", "transfer"]
