"""Choices that go together, by a name: `--preset`. Flags that are given take the place of the preset's.

Times are those of the processor over the defaults', of whole commands whose programs are kept: CPU, 192 pixels, pebbles and
bricks, two seeds; of those that want a VGG-19 with drawn weights, which cost what trained ones do, and one seed. Measures
are of four runs of `fast`, and at 160 pixels of one each of pebbles and bricks of `best`. Over the defaults `fast` has
0.85 to 1.1 of `patches`, 0.6 to 1.1 of `features`; `best` 0.8 and 1.35 of `patches`, 0.8 and 1.2 of `features`, and rows
that are straighter, more that is whole. Without the spectrum a fine speckle comes with so many steps: 3.2 of `patches`.
"""

from typing import NamedTuple

from jaxtex import errors

GATYS_STYLE = "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1"


class Preset(NamedTuple):
    """A row of the table."""

    text: str
    choices: dict


PRESETS = {
    "fast": Preset(
        "0.4 of the time, and measures as well: 60 steps, two octaves",
        {"num_steps": 60, "octaves": 2},
    ),
    "best": Preset(
        "2.8 times the time: straighter, and more is whole; 600 steps, 30 pairs remembered, the spectrum held",
        {"num_steps": 600, "history": 30, "spectrum_weight": 0.3},
    ),
    "gatys2015": Preset(
        "textures as in Gatys, Ecker and Bethge 2015, by a VGG-19: Gram matrices, noise, one scale; 13 times the time",
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
        },
    ),
    "gatys2016": Preset(
        "style transfer as in Gatys, Ecker and Bethge 2016, by a VGG-19: begins with the content; 14 times the time",
        {
            "network": "vgg19",
            "pooling": "avg",
            "padding": "zero",
            "statistic": "gram",
            "octaves": 1,
            "scales": 1,
            "layers": GATYS_STYLE,
            "content_layers": "conv4_2",
            "init": "content",
            "num_steps": 1000,
        },
    ),
    "portilla2000": Preset(
        "joint statistics of steerable filters, as in Portilla and Simoncelli 2000; no weights; 2.2 times the time",
        {
            "network": "steerable",
            "statistic": "joint",
            "scales": 1,
            "octaves": 4,
            "init": "noise",
            "noise": 0.2,
        },
    ),
    "ustyuzhaninov2016": Preset(
        "one layer of wide filters that nobody trained, as in Ustyuzhaninov et al. 2016; no weights; 1.4 times the time",
        {"network": "shallow", "statistic": "gram", "scales": 1, "octaves": 1, "init": "noise"},
    ),
}


def preset_choices(name: str) -> dict:
    """Of a preset; of an empty name none.

    Raises:
      UserError: there is no such preset.
    """
    return errors.choose("preset", name, PRESETS).choices if name else {}


def descriptions() -> dict[str, str]:
    """What each is."""
    return {name: preset.text for name, preset in PRESETS.items()}
