"""Adaptation of an experiment's runs to given choices, and to the layers of their network."""

import dataclasses
import fnmatch
import functools
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jaxtex import errors, weights
from jaxtex.runs import execution, results
from jaxtex.runs.experiments import declaration
from jaxtex.synthesis import config as configs

DEFAULT_NETWORK = "vgg16_bn"  # what --network replaces, if the runs of a file differ in theirs
LAYER_CHOICES = ("layers", "content_layers", "excite")  # choices that name layers


class Skipped(NamedTuple):
    """Placeholder of a run that does not apply to the chosen network."""

    reason: str


Adapted = execution.Run | Skipped | errors.UserError


def adapt_runs(
    experiment: declaration.Experiment,
    declared: declaration.Declared,
    given: dict,
    folder: pathlib.Path,
    done: results.Runs,
) -> Iterator[tuple[str, Adapted]]:
    """Applies the given choices to runs, with the layers that their network has.

    Args:
      experiment: the declaration.
      declared: name -> style and choices.
      given: choices that replace those of the file.
      folder: of the experiment.
      done: finished runs, of which no duplicates are made.

    Yields:
      Name, and the run; or why it is left out or cannot be made.
    """
    differ = len({config.network for _, config in declared.values()}) > 1
    first_names = {(run.style, run.config): name for name, run in done.items()}
    for name, (style, config) in declared.items():
        replaced = dict(given)
        if differ and config.network != DEFAULT_NETWORK:
            replaced.pop("network", None)  # this network is what the experiment compares
        adapted: configs.Config | Adapted
        try:
            adapted = _adapt_config(experiment, config, replaced)
        except errors.UserError as error:
            adapted = error
        if not isinstance(adapted, configs.Config):
            yield name, adapted
            continue

        run = execution.Run(given.get("style") or style, adapted, folder / name)
        twin = first_names.setdefault((run.style, run.config), name)
        if twin == name:
            yield name, run
        else:
            yield name, Skipped(f"with these layers it is the same as {twin}")


def _adapt_config(
    experiment: declaration.Experiment, config: configs.Config, given: dict
) -> configs.Config | Skipped:
    """Combines the choices of the file, of the network, and the given ones; the latter win."""
    given = {key: value for key, value in given.items() if key != "style"}
    with_network = experiment.on.get(given.get("network", config.network), {})
    config = dataclasses.replace(dataclasses.replace(config, **with_network), **given)
    return _adapt_layers(config, experiment.lacking)


def _adapt_layers(config: configs.Config, lacking: Mapping[str, str]) -> configs.Config | Skipped:
    """Replaces or drops the layers that the network lacks."""
    available = available_layers(config.network, config.weights)
    changed: dict[str, Any] = {}
    for field in LAYER_CHOICES:
        text = getattr(config, field)
        parts = [part.strip() for part in text.split(",") if part.strip()]
        adapted = [_adapt_layer(part, available, lacking) for part in parts]
        changed[field] = ",".join(dict.fromkeys(part for part in adapted if part))
        if parts and not changed[field]:
            return Skipped(f"'{config.network}' has none of {text}")
    return dataclasses.replace(config, **changed)


def _adapt_layer(part: str, available: tuple[str, ...], lacking: Mapping[str, str]) -> str:
    """Returns a layer with its weight, or its replacement; empty if it is left out.

    An unavailable layer that `lacking` does not mention stays; building the plan will refuse it.
    """
    name, colon, weight = part.partition(":")
    if name in available:
        return part
    for pattern, replacement in lacking.items():
        if fnmatch.fnmatchcase(name, pattern):
            return f"{replacement}{colon}{weight}" if replacement else ""
    return part


@functools.lru_cache
def available_layers(network: str, path: str) -> tuple[str, ...]:
    """Returns the layers that a network has with the weights of a path, as in `--weights`."""
    return weights.available_layers(weights.NetworkChoice(name=network, weights=path))
