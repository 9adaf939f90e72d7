"""Settings: the choices of a `Config`, parsed and validated once.

`Config` holds plain values. The small languages among them (`--layers`, `--statistic`, `--mesh`,
`--strips`, ...) are parsed here and nowhere else.
"""

import dataclasses
import functools
import os
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtex import errors, networks, optimizers, statistics, weights
from jaxtex.images import arrays, color_transfer
from jaxtex.runtime import plain_values, sharding
from jaxtex.statistics import parser
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import memory_budget
from jaxtex.synthesis.canvas import margins
from jaxtex.synthesis.shorthands import resolution, step_shares

BALANCES = {"positions": True, "equal": False}
MAX_STRIP = 2**14  # rows
AUTO = None  # a strip height that is chosen by the free memory
PLAIN = (str, os.PathLike, types.NoneType)  # what a `Config` takes as it is
# Choices that may be objects -> how these are parsed; the settings have them under the same name.
OBJECTS: Mapping[str, Callable[[Any], Any]] = {
    "optimizer": optimizers.from_object,
    "statistic": parser.from_objects,
    "style_masks": functools.partial(arrays.split, "--style_masks", planes=True),
    "masks": functools.partial(arrays.split, "--masks", planes=True),
    "maps": functools.partial(arrays.split, "--maps"),
    "mix": functools.partial(arrays.check_mask, what="--mix: a map"),
    "fill": functools.partial(arrays.check_mask, what="--fill: a mask"),
    "init": functools.partial(arrays.check, what="--init: an image"),
    "previous_content": functools.partial(
        arrays.check, channels=arrays.RGB_OR_RGBA, what="--previous_content: an image"
    ),
}


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
      content_layers: the same of the content term; empty for the defaults of `objectives`.
      structure_layers: the same of the structure term.
      style_weights: one for each style; empty weighs them equally.
      style_masks, masks: paths or arrays, one for each style; or empty.
      mix: path or array of the map of a mix, or its direction; empty without one.
      maps: paths or arrays of further maps of the style.
      arrangement_weight: of the arrangement; None: as the exemplar's regularity says.
      detail_weight: of fine detail.
      balanced: whether layers with fewer positions weigh less.
      activation: the feature map of `--excite`; None without one.
      optimizer: how the image is updated.
      layout: how images and rows are divided among devices.
      strips: rows of a strip, one for all scales or for each: 0 for whole images, or `AUTO`.
      margins: pixels by which the picture grows.
      fill: path or array of the mask of a hole; empty without one.
      init: the initial image; None: as `config.init` says.
      previous_content: path or array, content of the frame before; empty without one.
    """

    config: configs.Config
    network: weights.NetworkChoice
    layers: Mapping[str, float]
    statistic: Sequence[parser.StatisticTerm]
    content_layers: Mapping[str, float]
    structure_layers: Mapping[str, float]
    style_weights: Sequence[float]
    style_masks: Sequence[str | np.ndarray]
    masks: Sequence[str | np.ndarray]
    maps: Sequence[str | np.ndarray]
    arrangement_weight: float | None
    detail_weight: float
    balanced: bool
    activation: FeatureMap | None
    optimizer: optimizers.Optimizer
    layout: sharding.Layout
    strips: Sequence[int | None]
    margins: margins.Margins
    mix: str | np.ndarray = ""
    fill: str | np.ndarray = ""
    init: np.ndarray | None = None
    previous_content: str | np.ndarray = ""

    def with_seed(self, seed: int) -> "Settings":
        """Returns the same settings with another seed."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, seed=seed))

    def with_octaves(self, octaves: int) -> "Settings":
        """Returns the same settings with another number of octaves."""
        return dataclasses.replace(
            self,
            config=dataclasses.replace(self.config, octaves=octaves),
            network=dataclasses.replace(self.network, octaves=octaves),
        )

    def halvings(self) -> int:
        """Returns the number of poolings up to the deepest layer whose statistic is matched."""
        layers = {layer for summand in self.statistic for layer in summand.layers or self.layers}
        network = networks.select_layers(networks.NETWORKS[self.network.name], tuple(layers))
        return network.halvings()


def parse_settings(config: configs.Config) -> Settings:
    """Parses and validates a config.

    Raises:
      UserError: a number is out of range, a name is unknown, or a text cannot be parsed; the
        message names the flag and the value.
    """
    configs.validate(config)
    network = networks.choose_network(config.network)
    errors.choose("content_norm", config.content_norm, statistics.NORMS)
    errors.choose("content_color", config.content_color, color_transfer.CONTENT_COLORS)
    errors.choose("remat", config.remat, memory_budget.REMATS)
    errors.choose("preserve_color", config.preserve_color, color_transfer.PRESERVE_COLOR)
    build_optimizer = errors.choose("optimizer", config.optimizer, optimizers.OPTIMIZERS)

    step_shares.parse(config.shares)
    layers = parse_layers(config.layers) or dict.fromkeys(network.defaults(), 1.0)
    return Settings(
        config=config,
        network=network_choice(config),
        layers=layers,
        statistic=parser.parse(config.statistic),
        content_layers=parse_layers(config.content_layers, "content_layers"),
        structure_layers=parse_layers(config.structure_layers, "structure_layers"),
        style_weights=parse_style_weights(config.style_weights),
        style_masks=configs.split_paths(config.style_masks),
        masks=configs.split_paths(config.masks),
        maps=configs.split_paths(config.maps),
        arrangement_weight=plain_values.parse_automatic(
            "--arrangement_weight", config.arrangement_weight, configs.MAX_WEIGHT
        ),
        detail_weight=config.detail_weight,
        balanced=errors.choose("balance", config.balance, BALANCES),
        activation=parse_feature_map(config.excite) if config.excite else None,
        optimizer=build_optimizer(config.learning_rate, config.history),
        layout=sharding.parse_mesh(config.mesh),
        strips=parse_strips(config.strips),
        margins=margins.parse(config.grow),
        mix=config.mix,
        fill=config.fill,
        previous_content=config.previous_content,
    )


def parse_choices(choices: Mapping[str, Any]) -> Settings:
    """Parses choices of natural types of Python, also objects that no `Config` can hold.

    Args:
      choices: fields of `Config` by name, see `OBJECTS`, and shorthands.

    Raises:
      UserError: as `parse_settings`; or a name is unknown.
    """
    choices = resolution.resolve(choices)
    objects = {
        name: parse(choices[name])
        for name, parse in OBJECTS.items()
        if not isinstance(choices.get(name), PLAIN)
    }
    plain = {name: value for name, value in choices.items() if name not in objects}
    config = configs.Config(**plain)
    if "optimizer" in objects and config.learning_rate:
        raise errors.UserError(
            f"--learning_rate={config.learning_rate}: this optimizer has a rate of its own"
        )
    settings = parse_settings(config)
    shown: dict[str, Any] = dict.fromkeys(objects, "own")  # in messages
    return dataclasses.replace(settings, config=dataclasses.replace(config, **shown), **objects)


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
