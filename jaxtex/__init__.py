"""Texture synthesis by matching the statistics of network features, in JAX."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtex.api import iterate, synthesize, transfer
    from jaxtex.config import Config
    from jaxtex.errors import UserError
    from jaxtex.images import load as load_image
    from jaxtex.images import save as save_image

__all__ = ["Config", "UserError", "iterate", "load_image", "save_image", "synthesize", "transfer"]
_HOME = {"Config": "config.Config", "UserError": "errors.UserError", "load_image": "images.load",
         "save_image": "images.save", "iterate": "api.iterate", "synthesize": "api.synthesize", "transfer": "api.transfer"}


def __getattr__(name: str):
    """What is asked for, a module, too, is loaded then: the command listens to signals before it loads JAX."""
    import importlib

    module, _, attribute = _HOME.get(name, name).partition(".")
    try:
        found = importlib.import_module(f"jaxtex.{module}")
    except ModuleNotFoundError as error:
        if error.name != f"jaxtex.{module}":
            raise
        raise AttributeError(f"module 'jaxtex' has no attribute '{name}'") from None
    return getattr(found, attribute) if attribute else found
