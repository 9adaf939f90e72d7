"""Configurations that several benchmarks measure."""

import os
import pathlib
from typing import Any

from jaxtex import networks, weights
from jaxtex.synthesis import config

FOLDER = pathlib.Path("runs/bench")  # results of the benchmarks
WEIGHTS = FOLDER / "vgg16_bn.h5"  # random weights, in a file that PyTorch's loop reads too
EXEMPLAR = "images/pebbles.png"
LAYERS = tuple(
    f"relu{block}_{i + 1}"
    for block, widths in enumerate(networks.VGG16, 1)
    for i in range(len(widths))
)
PLAIN = {"octaves": 1, "scales": 1, "padding": "zero", "statistic": "gram:norm=gatys"}


def vgg16(**choices: Any) -> config.Config:
    """Returns Gatys' texture: VGG-16-BN, Gram matrices after all 13 convolutions.

    Args:
      **choices: fields of `Config`, which override those of this case. Weights are random by
        default, which cost the same as trained ones.
    """
    defaults = {"network": "vgg16_bn", "weights": "random", "layers": ",".join(LAYERS), **PLAIN}
    return config.Config(**(defaults | choices))


def vgg16_from_file(**choices: Any) -> config.Config:
    """Returns the case of `vgg16`, with the weights of the file that `save_weights` writes.

    Args:
      **choices: fields of `Config`, which override those of this case.
    """
    return vgg16(**({"weights": str(WEIGHTS)} | choices))


def save_weights() -> None:
    """Writes random weights of VGG-16-BN to `WEIGHTS`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    choice = weights.NetworkChoice(name="vgg16_bn", weights="random")
    weights.save(WEIGHTS, weights.load_weights(choice))


def environment(folder: pathlib.Path) -> dict[str, str]:
    """Returns the environment of commands that keep compiled programs in `folder / "cache"`.

    Args:
      folder: absolute or relative; XDG ignores a relative path, so it is made absolute.
    """
    variables = dict(os.environ)
    variables.pop("JAX_COMPILATION_CACHE_DIR", None)  # would override XDG_CACHE_HOME
    return variables | {"XDG_CACHE_HOME": str((folder / "cache").absolute())}
