"""Config: the choices of a run, as plain values. Each field is a flag, with its help beside it."""

import dataclasses
import os
from typing import Any

from jaxtex import errors, images
from jaxtex.runtime import plain_values

INITS = ("spectrum", "copies", "noise", "style", "content")  # kinds of initial images
BORDERS = "borders"  # the hole of a picture that becomes a tile
TILES = ("", "x", "y", "xy")
ALPHAS = ("white", "keep")
MAX_WEIGHT = 1e12  # of a term of the loss
TERMS = ("texture", "content", "structure", "tv", "temporal", "spectrum", "detail", "excite")


def _choice(default: Any, help_text: str) -> Any:
    """Returns a field whose help is the help of its flag."""
    return dataclasses.field(default=default, metadata={"help": help_text})


@plain_values.refuse_unknown_names
@dataclasses.dataclass(frozen=True)
class Config:
    """Choices of one synthesis. Empty texts and zeros mean a default where the help says so.

    Fields are plain values. Natural types of Python are converted: `layers={"pool1": 0.5}` becomes
    `"pool1:0.5"`, and None is the default where that is empty, 0 or none, but for the seed.
    """

    network: str = _choice(
        "vgg_lite",
        "Network whose features are matched. vgg_lite is built in; shallow, steerable and "
        "patches need no weights; 'jaxtex-weights fetch NAME' installs the others.",
    )
    weights: str = _choice(
        "",
        "HDF5 file with the network's weights, or random, random:1, ... for untrained weights. "
        "Empty uses the installed file.",
    )
    pooling: str = _choice(
        "", "Pooling: max or avg. Empty uses that of the training. Not for steerable and patches."
    )
    padding: str = _choice(
        "reflect",
        "Padding at the borders: zero, reflect, replicate or wrap; reflect/wrap uses the first for "
        "rows and the second for columns.",
    )
    octaves: int = _choice(
        0,
        "Number of image sizes at which the network computes features, each half the previous "
        "one. 0 uses one, but at the first scale of a texture up to three, see docs/defaults.md.",
    )
    statistic: str = _choice(
        "mean_and_covariance",
        "Statistic of the features to match, such as gram, pca_gram:k=32 (with an option), or "
        "gram+0.5*sorted@relu1_1 (a weighted sum; the second term on one layer).",
    )
    style_weights: str = _choice(
        "", "Weights of several styles, such as 1,3. Empty weights them equally."
    )
    style_scale: float = _choice(1.0, "Factor by which the style and its strokes are enlarged.")
    style_masks: str = _choice("", "Masks of the styles: statistics are those of white pixels.")
    masks: str = _choice("", "Masks of the result, one per style, which is used where it is white.")
    mix: str = _choice(
        "",
        "Gray map from the first style (black) to the last one (white), or right, left, down, up.",
    )
    guide: str = _choice(
        "", "Two maps of colors, exemplar.png,result.png: equal colors get the same texture."
    )
    augment: str = _choice(
        "", "Adds copies of exemplars: flip (mirrored), rotate (quarter turns), or flip,rotate."
    )
    maps: str = _choice(
        "", "Further maps of the style's material, synthesized with it: normal.png,height.png."
    )
    alpha: str = _choice(
        "white", "Transparency: white blends pictures over white; keep retains an alpha channel."
    )
    texture_weight: float = _choice(1.0, "Weight of the style's statistics in the loss.")
    content: str = _choice(
        "", "Picture to restyle: a path, or a name of --list=exemplars. This is style transfer."
    )
    content_layers: str = _choice(
        "",
        "Layers on which the content is compared, such as relu2_2,relu3_1/2:0.5 (/2 is half size, "
        ":0.5 is a weight). Empty uses relu2_2,relu3_1:0.5.",
    )
    content_weight: float = _choice(0.0072, "Weight of the content in the loss.")
    content_norm: str = _choice(
        "relative",
        "Distance of content features: relative to their energy, or plain, 1/2 sum (F - P)^2.",
    )
    structure_weight: float = _choice(
        0.001, "Weight of the content's self-similarity: which of its parts look alike."
    )
    structure_layers: str = _choice(
        "", "Layers whose self-similarity is compared, such as relu4_1. Empty uses blocks 4 and 5."
    )
    content_color: str = _choice(
        "style", "Colors of the content before the transfer: those of the style, or its own."
    )
    tv_weight: float = _choice(0.0, "Weight of the total variation in the loss (smoother results).")
    previous_content: str = _choice(
        "", "Content of the previous frame, whose result is --init. --frames sets both."
    )
    temporal_weight: float = _choice(
        10.0, "Weight of changes since the previous frame where the content stays (less flicker)."
    )
    excite: str = _choice("", "Feature map to maximize, as layer:channel, such as relu3_1:17.")
    excite_weight: float = _choice(1.0, "Weight of the activation of --excite in the loss.")
    spectrum_weight: float = _choice(0.0, "Weight of the style's Fourier magnitudes in the loss.")
    arrangement_weight: str = _choice(
        "auto",
        "Weight of long-range structure, such as rows of bricks, in the loss of a texture. auto "
        "uses 0.1 for regular exemplars, else 0.003. The last scale uses 0.01 of the weight.",
    )
    detail_weight: float = _choice(
        0.003, "Weight of the energy of fine detail in the loss of a texture (against hatching)."
    )
    diversity: float = _choice(
        0.0, "Weight of the similarity between the images of a batch (--num_images) in the loss."
    )
    preserve_color: str = _choice(
        "none",
        "How the colors of the content are kept: none; match recolors the style first; luminance "
        "transfers brightness only, matched to the content's; gray makes both pictures gray.",
    )
    layers: str = _choice(
        "",
        "Layers to match, such as conv1_1,pool1:0.5 (layer:weight). Empty uses the network's "
        "default layers (--list=layers).",
    )
    balance: str = _choice(
        "positions",
        "Further weights of layers: positions divides them by 2 at each pooling and by 8 at each "
        "octave; equal does not.",
    )
    size: int = _choice(
        256, "Pixels of the shorter side; style and content are enlarged or reduced. 0 keeps sizes."
    )
    height: int = _choice(
        0,
        "Height of the result, in pixels. 0 follows from --width and the proportions of the "
        "content or, without one, the style.",
    )
    width: int = _choice(
        0,
        "Width of the result, in pixels. 0 follows from --height. Without both, the result has "
        "the size of the resized content or, without one, the style.",
    )
    tile: str = _choice(
        "", "Makes the result repeat without a seam: x (sideways), y (downwards) or xy."
    )
    scales: int = _choice(
        0,
        "Number of image sizes of the synthesis, from coarse to fine, each twice the previous "
        "one. 0 chooses by the size.",
    )
    optimizer: str = _choice("lbfgs", "Optimizer of the image.")
    learning_rate: float = _choice(
        0.0,
        "Learning rate for adam and gd, in pixel values per step. 0 uses the optimizer's default.",
    )
    history: int = _choice(
        10,
        "Number of previous steps that lbfgs stores. Larger values pay off in runs of many "
        "hundred steps.",
    )
    num_steps: int = _choice(
        80, "Total number of steps (network evaluations). --shares divides it among the scales."
    )
    shares: str = _choice(
        "",
        "Relative number of steps of each scale, such as 1,2,6. Empty: equal; in a style transfer "
        "1,2,2 and so on. auto: the last scale has half as many as each of the others.",
    )
    save_every: int = _choice(10, "Number of steps between two snapshots.")
    renew_every: int = _choice(
        10,
        "Number of steps after which random positions or directions are drawn again, for "
        "statistics that use them.",
    )
    mesh: str = _choice(
        "",
        "Division of work among devices: rows:4 divides the rows of an image, images:8 the images "
        "of a batch; images:2,rows:4 does both.",
    )
    strips: str = _choice(
        "auto",
        "Height of the strips of rows that are evaluated one by one to save memory: auto, none, a "
        "number of rows, or one value per scale (none,64). Not available for sorted features of "
        "all positions, joint, shifted_gram, autocorrelation, discriminator, --maps, steerable and "
        "patches.",
    )
    precision: str = _choice(
        "float32",
        "Precision of the convolutions on GPU and TPU. Statistics are computed in float32.",
    )
    remat: str = _choice(
        "auto",
        "Recomputes features for the gradient to save memory; auto does so if memory is short.",
    )
    fill: str = _choice(
        "",
        "Mask of a hole in --init or, without it, --style: white pixels are synthesized, all "
        "others are kept exactly. borders is a mask of bands along the borders of --tile.",
    )
    grow: str = _choice(
        "", "Continues --init or, without it, --style beyond its sides: left:64,right:128 (pixels)."
    )
    seed: int = _choice(0, "Random seed. On a CPU, the same seed gives the same result.")
    init: str = _choice(
        "",
        "Initial image: spectrum (noise with the style's power spectrum), copies (shifted, their "
        "mean), noise (white), style, content, or a file. Empty chooses, see docs/defaults.md.",
    )
    noise: float = _choice(
        0.0,
        "Contrast of the initial noise; 0 chooses. For spectrum (0.5) and copies (0.25) it is "
        "relative to the style, for noise (0.02) and content (0.005) the deviation of pixels.",
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            form = FORMS.get(field.name, plain_values.Form())
            bounds = RANGES.get(field.name, ())
            plain = plain_values.convert_field(field, value, form, bounds)
            object.__setattr__(self, field.name, plain)


# field -> least and greatest value
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("size", "height", "width"), (0, 16384)),
    **{f"{term}_weight": (0.0, MAX_WEIGHT) for term in TERMS},
    **dict.fromkeys(("num_steps", "save_every", "renew_every"), (1, 1_000_000)),
    "diversity": (0.0, MAX_WEIGHT),
    "style_scale": (1 / 8, 8.0),
    "octaves": (0, 6),
    "scales": (0, 8),
    "learning_rate": (0.0, 1.0),
    "noise": (0.0, 1.0),
    "history": (1, 200),
    "seed": (0, 2**32 - 1),
}

# field -> the values of Python that stand for its text; other fields take just texts or numbers
FORMS = {
    **dict.fromkeys(
        ("weights", "content", "init", "mix", "fill", "previous_content"), plain_values.PATH
    ),
    **dict.fromkeys(("masks", "style_masks", "guide", "maps"), plain_values.PATHS),
    **dict.fromkeys(("layers", "content_layers", "structure_layers"), plain_values.LAYERS),
    "statistic": plain_values.STATISTIC,
    **dict.fromkeys(("style_weights", "shares"), plain_values.NUMBERS),
    "strips": plain_values.ROWS,
    "arrangement_weight": plain_values.AUTO,
    "grow": plain_values.PIXELS,
    "mesh": plain_values.COUNTS,
    "excite": plain_values.CHANNEL,
    "padding": plain_values.TWO_NAMES,
    "tile": plain_values.LETTERS,
    "precision": plain_values.DTYPE,
    "optimizer": plain_values.OPTIMIZER,
    "seed": plain_values.SEED,
}


def validate(config: Config) -> None:
    """Validates numeric fields against `RANGES`, and `tile` and `alpha`.

    Raises:
      UserError: a value is out of range; the message names the flag, the value and the range.
    """
    for name, (low, high) in RANGES.items():
        value = getattr(config, name)
        if not low <= value <= high:
            text = plain_values.describe(value)
            raise errors.UserError(f"--{name}={text}: must be between {low} and {high}")
    if config.tile not in TILES:
        raise errors.UserError(f"--tile={config.tile}: must be x, y or xy")
    if config.alpha not in ALPHAS:
        raise errors.UserError(f"--alpha={config.alpha}: must be white or keep")
    for name in ("size", "height", "width"):
        value = getattr(config, name)
        if 0 < value < images.MIN_SIDE:
            raise errors.UserError(
                f"--{name}={value}: must be 0 or at least {images.MIN_SIDE} pixels"
            )


def split_paths(text: str) -> list[str]:
    """Splits paths at commas: `"a.png,b.png"` -> two paths.

    The name of an existing file is one path, commas included.
    """
    return [text] if os.path.exists(text) else [part for part in text.split(",") if part]
