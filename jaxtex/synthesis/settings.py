"""Settings: the choices of a `Config`, parsed and validated once.

`Config` holds plain values. The small languages among them (`--layers`, `--statistic`, `--mesh`,
`--strips`, ...) are parsed here and nowhere else.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxtex import errors, networks, optimizers, statistics, weights
from jaxtex.images import color_transfer
from jaxtex.runtime import sharding
from jaxtex.statistics import parser
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import memory_budget

MAX_SHARE = 999  # of one scale in `--shares`
MAX_STRIP = 2**14  # rows
AUTO = None  # a strip height that is chosen by the free memory


class FeatureMap(NamedTuple):
    """One channel of a layer."""

    layer: str
    channel: int


@dataclasses.dataclass(frozen=True)
class Settings:
    """Choices of one synthesis, parsed and validated.

    Attributes:
      config: the plain values.
      network: the network and how it is evaluated.
      layers: layer -> weight of the texture terms.
      statistic: the summands of `--statistic`.
      content_layers: layer -> weight of the content term.
      style_weights: one for each style; empty weighs them equally.
      style_masks: paths, one for each style; or empty.
      masks: paths, one for each style; or empty.
      maps: paths of further maps of the style.
      activation: the feature map of `--excite`; None without one.
      optimizer: how the image is updated.
      layout: how images and rows are divided among devices.
      strips: rows of a strip, one for all scales or one for each: 0 evaluates whole images, `AUTO`
        decides by the free memory.
      shares: relative number of steps of each scale; empty divides them evenly.
    """

    config: configs.Config
    network: weights.NetworkChoice
    layers: Mapping[str, float]
    statistic: Sequence[parser.StatisticTerm]
    content_layers: Mapping[str, float]
    style_weights: Sequence[float]
    style_masks: Sequence[str]
    masks: Sequence[str]
    maps: Sequence[str]
    activation: FeatureMap | None
    optimizer: optimizers.Optimizer
    layout: sharding.Layout
    strips: Sequence[int | None]
    shares: Sequence[int]

    def with_seed(self, seed: int) -> "Settings":
        """Returns the same settings with another seed."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, seed=seed))


def parse_settings(config: configs.Config) -> Settings:
    """Parses and validates a config.

    Raises:
      UserError: a number is out of range, a name is unknown, or a text cannot be parsed; the
        message names the flag and the value.
    """
    configs.validate(config)
    network = errors.choose("network", config.network, networks.NETWORKS)
    errors.choose("content_norm", config.content_norm, statistics.NORMS)
    errors.choose("remat", config.remat, memory_budget.REMATS)
    errors.choose("preserve_color", config.preserve_color, color_transfer.PRESERVE_COLOR)
    build_optimizer = errors.choose("optimizer", config.optimizer, optimizers.OPTIMIZERS)

    default_layers = network.defaults()
    layers = parse_layers(config.layers) or dict.fromkeys(default_layers, 1.0)
    content_layers = parse_layers(config.content_layers, "content_layers")
    return Settings(
        config=config,
        network=network_choice(config),
        layers=layers,
        statistic=parser.parse(config.statistic),
        content_layers=content_layers or {default_layers[-1]: 1.0},
        style_weights=parse_style_weights(config.style_weights),
        style_masks=configs.split_paths(config.style_masks),
        masks=configs.split_paths(config.masks),
        maps=configs.split_paths(config.maps),
        activation=parse_feature_map(config.excite) if config.excite else None,
        optimizer=build_optimizer(config.learning_rate, config.history),
        layout=sharding.parse_mesh(config.mesh),
        strips=parse_strips(config.strips),
        shares=parse_shares(config.shares),
    )


def network_choice(config: configs.Config) -> weights.NetworkChoice:
    """Returns the fields that choose the network."""
    return weights.NetworkChoice(
        name=config.network,
        weights=config.weights,
        pooling=config.pooling,
        padding=config.padding,
        octaves=config.octaves,
        precision=config.precision,
    )


def parse_layers(text: str, flag: str = "layers") -> dict[str, float]:
    """Parses layers and weights: `"conv1_1,pool1:0.5"` -> `{"conv1_1": 1.0, "pool1": 0.5}`.

    Args:
      text: the value of the flag.
      flag: its name, for messages.

    Raises:
      UserError: a weight is not a positive number, or a layer is given twice.
    """
    layers: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition(":")
        if name in layers:
            raise errors.UserError(f"--{flag}={text}: '{name}' is given twice")
        layers[name] = parser.parse_positive(f"--{flag}={text}", weight or "1")
    return layers


def parse_style_weights(text: str) -> list[float]:
    """Parses the weights of styles: `"1,3"` -> `[1.0, 3.0]`; empty -> none.

    Raises:
      UserError: a weight is not a positive number.
    """
    parts = text.split(",") if text else []
    return [parser.parse_positive(f"--style_weights={text}", part) for part in parts]


def parse_shares(text: str) -> list[int]:
    """Parses the shares of the scales: `"1,2,6"` -> `[1, 2, 6]`; empty -> none.

    Raises:
      UserError: a share is not a whole number from 1 to 999.
    """
    parts = [part.strip() for part in text.split(",")] if text else []
    for part in parts:
        if not part.isdecimal() or not 1 <= int(part[:9]) <= MAX_SHARE:
            raise errors.UserError(
                f"--shares={text}: '{part}' must be a whole number from 1 to {MAX_SHARE}"
            )
    return [int(part) for part in parts]


def parse_feature_map(text: str) -> FeatureMap:
    """Parses a feature map: `"relu3_1:17"` -> `FeatureMap("relu3_1", 17)`.

    Raises:
      UserError: the text is not of this form.
    """
    layer, _, channel = text.partition(":")
    if not channel.isdecimal() or len(channel) > 5:
        raise errors.UserError(
            f"--excite={text}: must be a layer and the number of a channel, such as relu3_1:17"
        )
    return FeatureMap(layer, int(channel))


def parse_strips(text: str) -> list[int | None]:
    """Parses `--strips`: `"none,128"` -> `[0, 128]`, `"auto"` -> `[AUTO]`.

    Raises:
      UserError: a part is neither auto, none, nor a number of rows.
    """
    strips: list[int | None] = []
    for part in text.split(","):
        if part == "auto":
            strips.append(AUTO)
        elif part == "none":
            strips.append(0)
        elif part.isdecimal() and 1 <= int(part[:9]) <= MAX_STRIP:
            strips.append(int(part))
        else:
            raise errors.UserError(
                f"--strips={text}: '{part}' must be auto, none, or a number of rows up to "
                f"{MAX_STRIP}"
            )
    return strips
