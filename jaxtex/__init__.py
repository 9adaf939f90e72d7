"""Texture synthesis and style transfer by matching the statistics of network features, in JAX.

Names are loaded on first use, so `import jaxtex` is quick and the command can install its signal
handlers before JAX loads.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtex.errors import UserError
    from jaxtex.images import load as load_image
    from jaxtex.images import save as save_image
    from jaxtex.runs.frames.sequence import transfer_frames
    from jaxtex.synthesis.api import Objective, build, iterate, synthesize, transfer
    from jaxtex.synthesis.config import Config
    from jaxtex.synthesis.descriptions.making import describe
    from jaxtex.synthesis.loop import Progress

__all__ = [
    "Config",
    "Objective",
    "Progress",
    "UserError",
    "build",
    "describe",
    "iterate",
    "load_image",
    "save_image",
    "synthesize",
    "transfer",
    "transfer_frames",
]

_HOME = {
    "Config": ("synthesis.config", "Config"),
    "Objective": ("synthesis.api", "Objective"),
    "Progress": ("synthesis.loop", "Progress"),
    "UserError": ("errors", "UserError"),
    "build": ("synthesis.api", "build"),
    "describe": ("synthesis.descriptions.making", "describe"),
    "iterate": ("synthesis.api", "iterate"),
    "load_image": ("images", "load"),
    "save_image": ("images", "save"),
    "synthesize": ("synthesis.api", "synthesize"),
    "transfer": ("synthesis.api", "transfer"),
    "transfer_frames": ("runs.frames.sequence", "transfer_frames"),
}


def __getattr__(name: str):
    """Loads a public name, or a submodule, on first use."""
    if name in _HOME:
        module, attribute = _HOME[name]
        return getattr(importlib.import_module(f"jaxtex.{module}"), attribute)
    try:
        return importlib.import_module(f"jaxtex.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"jaxtex.{name}":
            raise
        raise AttributeError(f"module 'jaxtex' has no attribute '{name}'") from None


def __dir__() -> list[str]:
    packages = (module.name for module in pkgutil.iter_modules(__path__))
    private = ("TYPE_CHECKING", "__main__", "importlib", "pkgutil")
    return sorted({*globals(), *__all__, *packages}.difference(private))
