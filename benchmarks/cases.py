"""What several benchmarks measure."""

import os
import pathlib

from jaxtex import networks
from jaxtex.synthesis import config

FOLDER = pathlib.Path("runs/bench")  # of what benchmarks make
LAYERS = tuple(
    f"relu{block}_{i + 1}"
    for block, widths in enumerate(networks.VGG16, 1)
    for i in range(len(widths))
)
PLAIN = {"octaves": 1, "scales": 1, "padding": "zero", "statistic": "gram:norm=gatys"}


def vgg16(**choices) -> config.Config:
    """Gatys' texture with the Gram matrices of all 13 convolutions; weights that are drawn cost what trained ones do."""
    return config.Config(
        **(
            {"network": "vgg16_bn", "weights": "random", "layers": ",".join(LAYERS), **PLAIN}
            | choices
        )
    )


def keeping(folder: pathlib.Path) -> dict[str, str]:
    """The environment of commands that keep programs in this folder's `cache`; a relative path would count as none."""
    others = {
        name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"
    }  # which overrides
    return others | {"XDG_CACHE_HOME": str((folder / "cache").absolute())}
