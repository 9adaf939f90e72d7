"""The names of `jaxtex --list=KIND`. To add a kind of list, add a row to `LISTS`."""

from collections.abc import Callable, Mapping
from typing import Any

from jaxtex import errors, networks, optimizers, statistics, weights
from jaxtex.images import builtin
from jaxtex.runs.experiments import declaration
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import settings
from jaxtex.synthesis.shorthands import presets
from jaxtex.weights import locations

NAME_WIDTH = 22  # characters of the column of names


def list_names(kind: str, config: configs.Config) -> list[str]:
    """Returns a line for each available name of a kind.

    Args:
      kind: a row of `LISTS`.
      config: names the network whose layers are listed.

    Returns:
      Lines of a name and a description.

    Raises:
      UserError: unknown kind.
    """
    descriptions = errors.choose("--list", kind, LISTS)(config)
    return [f"{name:{NAME_WIDTH}} {text}".rstrip() for name, text in descriptions.items()]


def _networks(_: configs.Config) -> dict[str, str]:
    """Maps networks to their weight files, or to the command that installs them."""
    return {name: _describe_weights(name) for name in networks.NETWORKS}


def _describe_weights(network: str) -> str:
    """Returns the weight file of a network, or the command that installs it."""
    if network not in networks.TRAINED:
        return "needs no weights"
    return str(locations.find_file(network) or f"jaxtex-weights fetch {network}")


def _layers(config: configs.Config) -> dict[str, str]:
    """Maps the layers of the chosen network to a mark of those that are matched by default."""
    defaults = networks.choose_network(config.network).defaults()
    layers = weights.available_layers(settings.network_choice(config))
    return {layer: "by default" if layer in defaults else "" for layer in layers}


def _statistics(_: configs.Config) -> dict[str, str]:
    """Maps statistics to the first lines of their docstrings."""
    return {name: _summary(build) for name, build in statistics.STATISTICS.items()}


def _optimizers(_: configs.Config) -> dict[str, str]:
    """Maps optimizers to the first lines of their docstrings."""
    return {name: _summary(build) for name, build in optimizers.OPTIMIZERS.items()}


def _summary(documented: Any) -> str:
    """Returns the first line of a docstring."""
    return (documented.__doc__ or "").strip().partition("\n")[0]


def _presets(_: configs.Config) -> dict[str, str]:
    """Maps presets to their descriptions."""
    return presets.descriptions()


def _experiments(_: configs.Config) -> dict[str, str]:
    """Maps the experiments in the current folder to their questions."""
    return {name: _question(name) for name in declaration.names()}


def _question(experiment: str) -> str:
    """Returns the question of an experiment, or why its file cannot be loaded."""
    try:
        return declaration.load(experiment).question
    except errors.UserError as error:
        return str(error)


def _exemplars(_: configs.Config) -> dict[str, str]:
    """Maps the exemplars that are part of jaxtex to their descriptions."""
    return builtin.descriptions()


LISTS: Mapping[str, Callable[[configs.Config], dict[str, str]]] = {
    "networks": _networks,
    "layers": _layers,
    "statistics": _statistics,
    "optimizers": _optimizers,
    "presets": _presets,
    "experiments": _experiments,
    "exemplars": _exemplars,
}
