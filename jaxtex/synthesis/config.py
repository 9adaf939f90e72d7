"""What a run may choose: a frozen dataclass of plain values. Each field is a flag; its help stands beside it."""

import dataclasses
import math

from jaxtex import errors
from jaxtex.statistics.parser import parse_positive


def _choice(default, help_text: str):
    return dataclasses.field(default=default, metadata={"help": help_text})


@dataclasses.dataclass(frozen=True)
class Config:
    """The choices of one synthesis. An empty text or a zero means "as fits", where the help says so."""

    network: str = _choice(
        "vgg_lite",
        "Whose features are matched. vgg_lite is built in, shallow and steerable need no weights; others come by "
        "'jaxtex-weights fetch NAME'.",
    )
    weights: str = _choice(
        "",
        "HDF5 file of the network's weights, or random, random:1, ...: untrained. Empty: where they are usually kept.",
    )
    pooling: str = _choice(
        "", "max or avg. Empty: as the weights were trained (vgg_lite: avg). steerable has none."
    )
    padding: str = _choice(
        "reflect",
        "Beyond the border: zero, reflect, replicate, wrap; reflect/wrap: of rows/columns.",
    )
    octaves: int = _choice(
        3, "Sizes of the image that the network sees, each half of the one before."
    )
    statistic: str = _choice(
        "mean_and_covariance",
        "What is matched of each layer's features: gram, pca_gram:k=32, gram+0.5*sorted@relu1_1.",
    )
    style_weights: str = _choice("", "Of several styles: 1,3. Empty: all alike.")
    style_masks: str = _choice("", "For each style an image that is white where it is looked at.")
    masks: str = _choice("", "For each style an image that is white where the result follows it.")
    maps: str = _choice(
        "",
        "Further maps of the style's material, of its size, made with it: normal.png,height.png.",
    )
    alpha: str = _choice(
        "white",
        "Transparency of style or content: white (seen on white), keep (the result has it).",
    )
    texture_weight: float = _choice(1.0, "Of the statistics in the loss.")
    content: str = _choice("", "Path of an image whose content is kept: style transfer.")
    content_layers: str = _choice(
        "", "Where: relu3_1 or relu2_2,relu3_1:0.5. Empty: the network's deepest default."
    )
    content_weight: float = _choice(0.02, "Of the content in the loss.")
    content_norm: str = _choice(
        "relative", "relative: in units of the content's energy; plain: 1/2 sum (F - P)^2."
    )
    tv_weight: float = _choice(0.0, "Of the total variation in the loss, which smooths.")
    excite: str = _choice("", "A feature map that the image shall excite: relu3_1:17.")
    excite_weight: float = _choice(1.0, "Of that excitement in the loss.")
    spectrum_weight: float = _choice(0.0, "Of the Fourier moduli of the style in the loss.")
    preserve_color: str = _choice(
        "none", "Whether the content's colours stay: none, match (before), luminance (after)."
    )
    layers: str = _choice(
        "", "Layers and weights: conv1_1,pool1:0.5. Empty: a VGG's ReLUs of the first three blocks."
    )
    size: int = _choice(
        256, "Shorter side of exemplar and content as used, in pixels. 0: as they are."
    )
    height: int = _choice(
        0, "Of the result, in pixels. 0: the content's as used, or the exemplar's."
    )
    width: int = _choice(0, "Of the result, in pixels. 0: likewise.")
    tile: str = _choice(
        "", "The result goes on from its own beginning: x (sideways), y (downwards), xy."
    )
    scales: int = _choice(
        0,
        "Coarse to fine: sizes from small to full, each twice the one before. 0: as fits the size.",
    )
    optimizer: str = _choice("lbfgs", "How the image descends.")
    learning_rate: float = _choice(
        0.0, "Of adam and gd, in pixel values a step. 0: the optimiser's own."
    )
    history: int = _choice(
        10, "Pairs of steps that lbfgs remembers; more pay in runs of many hundred steps."
    )
    num_steps: int = _choice(
        200, "Network evaluations in all, shared by the scales as --shares says."
    )
    shares: str = _choice(
        "",
        "What each scale gets of the steps, from coarse to fine, such as 1,2,6. Empty: all as much.",
    )
    save_every: int = _choice(10, "Steps between two snapshots.")
    renew_every: int = _choice(
        10, "Steps between two draws of random positions or directions, where there are any."
    )
    mesh: str = _choice(
        "",
        "Devices: rows:4 (each has a part of the image), images:8 (of a batch), images:2,rows:4.",
    )
    strips: str = _choice(
        "auto",
        "The image in strips of so many rows, where memory is short: auto, none, rows, or for each scale none,64; "
        "of mean, gram, pca_gram, mean_and_covariance, bures.",
    )
    precision: str = _choice(
        "float32", "Of the convolutions on GPU and TPU; statistics are summed in float32."
    )
    remat: str = _choice(
        "auto", "Whether features are computed anew for the gradient, which saves memory."
    )
    seed: int = _choice(0, "Decides all that is random.")
    init: str = _choice(
        "",
        "Start: spectrum (noise with the exemplar's), noise (white), style, content, a picture. Empty: spectrum; with "
        "a content, noise.",
    )
    noise: float = _choice(
        0.0, "Contrast of that noise, 1 is the exemplar's (0: 0.5); deviation of white (0: 0.02)."
    )


def validate(config: Config) -> None:
    """Holds every number against what makes sense.

    Raises:
      UserError: a number is out of range; the text names the flag, the value and the range.
    """
    for name, (low, high) in RANGES.items():
        value = getattr(config, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise errors.UserError(f"--{name}={value}: between {low} and {high}, please")
    if config.tile not in TILES:
        raise errors.UserError(f"--tile={config.tile}: x, y or xy, please")
    if config.alpha not in ALPHAS:
        raise errors.UserError(f"--alpha={config.alpha}: white or keep, please")
    for name in ("size", "height", "width"):
        if 0 < getattr(config, name) < SMALLEST:
            raise errors.UserError(
                f"--{name}={getattr(config, name)}: at least {SMALLEST} pixels, or 0"
            )


def parse_layers(text: str, flag: str = "layers") -> dict[str, float]:
    """`"conv1_1,pool1:0.5"` -> `{"conv1_1": 1.0, "pool1": 0.5}`.

    Raises:
      UserError: a weight is no positive number, or a layer stands twice.
    """
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition(":")
        if name in weights:
            raise errors.UserError(f"--{flag}={text}: '{name}' stands twice")
        weights[name] = parse_positive(f"--{flag}={text}", weight or "1")
    return weights


def parse_shares(text: str, scales: int) -> list[int]:
    """`"1,2,6"` -> `[1, 2, 6]`, one for each scale; `""` -> none.

    Raises:
      UserError: others than whole numbers from 1 to 999, or not one for each.
    """
    parts = [part.strip() for part in text.split(",")] if text else []
    if parts and (
        len(parts) != scales
        or not all(part.isdecimal() and len(part) < 4 and int(part) for part in parts)
    ):
        raise errors.UserError(
            f"--shares={text}: for each of {scales} scales a whole number from 1 to 999, please"
        )
    return [int(part) for part in parts]


def parse_feature_map(text: str) -> tuple[str, int]:
    """`"relu3_1:17"` -> `("relu3_1", 17)`: a feature map.

    Raises:
      UserError: it is none.
    """
    layer, _, channel = text.partition(":")
    if not channel.isdecimal() or len(channel) > 5:
        raise errors.UserError(
            f"--excite={text}: a layer and the number of a channel, please, such as relu3_1:17"
        )
    return layer, int(channel)


def parse_weights(text: str, count: int) -> list[float]:
    """`"1,3"` -> `[1.0, 3.0]`: the weights of so many styles; empty: all alike.

    Raises:
      UserError: not as many as there are styles, or none that makes sense.
    """
    weights = (
        [parse_positive(f"--style_weights={text}", part) for part in text.split(",")]
        if text
        else [1.0] * count
    )
    if len(weights) != count:
        raise errors.UserError(f"--style_weights={text}: {len(weights)} for {count} styles")
    return weights


SMALLEST = (
    32  # pixels on a side: three blocks and a few octaves of a smaller image hold no statistics
)
TILES = ("", "x", "y", "xy")
ALPHAS = ("white", "keep")
RANGES = {
    "octaves": (1, 6),
    "size": (0, 16384),
    "height": (0, 16384),
    "width": (0, 16384),
    "scales": (0, 8),
    "texture_weight": (0.0, 1e12),
    "content_weight": (0.0, 1e12),
    "tv_weight": (0.0, 1e12),
    "spectrum_weight": (0.0, 1e12),
    "excite_weight": (0.0, 1e12),
    "renew_every": (1, 1_000_000),
    "learning_rate": (0.0, 1.0),
    "history": (1, 200),
    "num_steps": (1, 1_000_000),
    "save_every": (1, 1_000_000),
    "seed": (0, 2**32 - 1),
    "noise": (0.0, 1.0),
}
