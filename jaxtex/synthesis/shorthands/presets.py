"""Presets: named sets of choices for `--preset`. Choices that are given override them.

The first three are for style transfers; docs/style_transfer.md shows them. To add a preset, add a
row to `PRESETS`: the line that `--list=presets` prints, and fields of `synthesis.config.Config`.
Times are processor times relative to the defaults; see docs/development/performance.md.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtex import errors


class Preset(NamedTuple):
    """A named set of choices."""

    description: str
    choices: dict[str, Any]  # fields of `Config`
    needs: str = ""  # a further choice without which the others mean nothing


PRESETS: Mapping[str, Preset] = {
    "painting": Preset(
        "a photograph as a painting: strokes 1.5 times as large",
        {"style_scale": 1.5},
        needs="content",
    ),
    "photo": Preset(
        "a photograph in the colors and light of another photograph",
        {"content_layers": "relu1_2,relu2_2,relu3_3", "content_weight": 4.0},
        needs="content",
    ),
    "sketch": Preset(
        "a photograph as a drawing: black and white, with its edges",
        {
            "preserve_color": "gray",
            "content_layers": "relu2_2,relu3_3,relu3_3/2:0.5",
            "content_weight": 0.4,
        },
        needs="content",
    ),
    "enhance": Preset(
        "a small picture made larger: --init=small.png, --width or --height of the result, and "
        "a sharp --style of the same scale",
        {"size": 0, "scales": 1, "octaves": 1, "num_steps": 80, "arrangement_weight": "0"},
        needs="init",
    ),
    "fast": Preset(
        "about two thirds of the time, coarser: 40 steps",
        {"num_steps": 40},
    ),
    "best": Preset(
        "5 times the time, finer where the defaults are still coarse: 600 steps, L-BFGS history "
        "of 30",
        {"num_steps": 600, "history": 30},
    ),
    "gatys2015": Preset(
        "23 times the time: textures as in Gatys, Ecker and Bethge 2015: VGG-19, Gram matrices, "
        "one scale, from noise",
        {
            "network": "vgg19",
            "pooling": "avg",
            "padding": "zero",
            "statistic": "gram",
            "octaves": 1,
            "scales": 1,
            "layers": "conv1_1,pool1,pool2,pool3,pool4",
            "init": "noise",
            "noise": 0.3,
            "num_steps": 1000,
            "history": 20,
            "arrangement_weight": "0",
            "detail_weight": 0.0,
            "balance": "equal",
        },
    ),
    "gatys2016": Preset(
        "21 times the time: style transfer as in Gatys, Ecker and Bethge 2016: VGG-19, Gram "
        "matrices, from the content",
        {
            "network": "vgg19",
            "pooling": "avg",
            "padding": "zero",
            "statistic": "gram",
            "octaves": 1,
            "scales": 1,
            "layers": "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1",
            "content_layers": "conv4_2",
            "content_weight": 0.02,
            "content_norm": "relative",
            "structure_weight": 0.0,
            "content_color": "own",
            "init": "content",
            "balance": "equal",
            "num_steps": 1000,
        },
    ),
    "portilla2000": Preset(
        "4 times the time: joint statistics of steerable filters as in Portilla and Simoncelli "
        "2000; no weights",
        {
            "network": "steerable",
            "statistic": "joint",
            "scales": 1,
            "octaves": 4,
            "init": "noise",
            "noise": 0.2,
            "arrangement_weight": "0",
            "detail_weight": 0.0,
            "balance": "equal",
            "num_steps": 200,
        },
    ),
    "ustyuzhaninov2016": Preset(
        "2.6 times the time: one layer of large random filters as in Ustyuzhaninov et al. 2016; no "
        "weights",
        {
            "network": "shallow",
            "statistic": "gram",
            "scales": 1,
            "octaves": 1,
            "init": "noise",
            "arrangement_weight": "0",
            "detail_weight": 0.0,
            "balance": "equal",
            "num_steps": 200,
        },
    ),
}


def preset_choices(name: str) -> dict[str, Any]:
    """Returns the choices of a preset; none for an empty name.

    Raises:
      UserError: unknown preset.
    """
    return errors.choose("preset", name, PRESETS).choices if name else {}


def descriptions() -> dict[str, str]:
    """Maps presets to their descriptions; of style transfers with what they stand for."""
    return {name: _describe(preset) for name, preset in PRESETS.items()}


def _describe(preset: Preset) -> str:
    if preset.needs != "content":
        return preset.description
    flags = " ".join(f"--{name}={value}" for name, value in preset.choices.items())
    return f"{preset.description} ({flags})"
