"""Reuse of a description: the plan of a synthesis that aims at it."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxtex import errors
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, objectives, planning, stepping
from jaxtex.synthesis import settings as parsing
from jaxtex.synthesis.descriptions import contents, making, storage
from jaxtex.synthesis.shorthands import resolution
from jaxtex.synthesis.starts import fine_details, initialization, shifted_copies, spot_noise

# Weight of a term -> its name; a description has its target only if the weight was above 0.
TERMS = {"spectrum_weight": "spectrum", "detail_weight": "detail"}


@jax.transfer_guard("allow")
def build_plan(
    style: contents.Description | str | os.PathLike, choices: Mapping[str, Any]
) -> stepping.Plan:
    """Builds the plan of one image from a description.

    A gray picture of the exemplar's size takes its place: it decides all sizes and the form of the
    targets, whose values are then those of the description.

    Args:
      style: the description, or the path of its file.
      choices: as for `synthesize`; those that decide the summaries follow from the description.

    Raises:
      UserError: the file cannot be read, or a choice contradicts it.
    """
    described = style if isinstance(style, contents.Description) else storage.load(style)
    settings = _parse(described, choices)
    making.refuse_images(settings)
    found = making.weights_hash(settings)
    if found != described.weights_sha256:
        raise errors.UserError(
            f"the description was made with other weights of '{settings.config.network}' (hash "
            f"{described.weights_sha256[:12]}, here {found[:12]}): describe the exemplar again"
        )

    stand_in = np.full((described.height, described.width, 3), 0.5, np.float32)
    inputs = input_images.build_inputs([stand_in], None, settings)
    inputs = inputs._replace(gray=np.ones((1, 1, 1), np.float32) if described.gray else None)
    plan = planning.build_plan(inputs, settings)
    sizes = [(problem.height, problem.width) for problem in plan.problems]
    if sizes != [(level.height, level.width) for level in described.levels]:
        raise errors.UserError(
            f"the description was made for other scales than {sizes}: describe the exemplar again"
        )
    problems = [
        problem._replace(data=_described_data(problem, level))
        for problem, level in zip(plan.problems, described.levels, strict=True)
    ]
    plan = plan._replace(problems=problems)
    config = objectives.choose_start(settings, described.composed).config
    return plan._replace(**_initial_images(described, inputs, config, sizes))


def _parse(described: contents.Description, choices: Mapping[str, Any]) -> parsing.Settings:
    """Parses choices beside those of the description.

    Raises:
      UserError: one contradicts the description, or cannot be used.
    """
    choices = resolution.resolve(choices)
    fixed = configs.Config(**described.choices)
    for name in contents.DECISIVE:
        if name not in choices:
            continue
        kept = getattr(fixed, name)
        given = getattr(configs.Config(**{name: choices[name]}), name)
        if given != kept:
            raise errors.UserError(
                f"--{name}={given}: the description was made with {name}={kept or repr('')}, which "
                "decides its summaries; describe the exemplar again"
            )
    settings = parsing.parse_choices({**choices, **described.choices})
    if settings.arrangement_weight is None:
        settings = dataclasses.replace(settings, arrangement_weight=described.arrangement_weight)
    weights = {name: getattr(settings.config, name) for name in TERMS}
    weights["arrangement_weight"] = settings.arrangement_weight
    coarsest = described.levels[0].targets
    for name, weight in weights.items():
        term = TERMS.get(name, "arrangement")
        if weight and term not in coarsest:
            raise errors.UserError(
                f"--{name}={weight}: the description has no target of '{term}'; describe the "
                f"exemplar with {name} above 0"
            )
    if settings.config.init in ("style", "content"):
        raise errors.UserError(
            f"--init={settings.config.init}: with a description it must be spectrum, copies, noise "
            "or an image"
        )
    return settings


def _described_data(
    problem: stepping.Problem, level: contents.Level
) -> Callable[[int], dict[str, Any]]:
    """Returns the data of a problem with the targets of a description."""

    @functools.cache
    def data(draws: int) -> dict[str, Any]:
        made = problem.data(draws)
        targets = {
            name: making.restore(name, target, level.targets.get(name, {}))
            for name, target in made["targets"].items()
        }
        return {**made, "targets": targets}

    return data


def _initial_images(
    described: contents.Description,
    inputs: input_images.Inputs,
    config: configs.Config,
    sizes: list[tuple[int, int]],
) -> dict[str, Any]:
    """Returns the fields of the plan that depend on the exemplar's colors and spectrum."""
    if config.init == "noise" and inputs.init is None:
        rng = np.random.default_rng(config.seed)
        return {"start": initialization.add_noise(described.mean, inputs, config, sizes[0], rng)}
    if config.init not in ("", "spectrum", "copies"):
        return {}

    sources = {(level.height, level.width): level.source for level in described.levels}
    source = sources[sizes[0]]
    rng = np.random.default_rng(config.seed)
    details = _details(described, config.tile)
    if config.init == "copies":
        contrast = config.noise or initialization.COPIES_CONTRAST
        start = shifted_copies.with_noise(
            source, sizes[0], contrast, rng, config.tile, initialization.copies_in_phase(inputs)
        )
        return {"start": start, "details": details}

    contrast = config.noise or initialization.SPECTRUM_CONTRAST

    def make_noise() -> np.ndarray:
        return spot_noise.random_phase([source], [1.0], sizes[0], contrast, rng, config.tile)

    return {"start": spot_noise.unlike([source], make_noise), "details": details}


def _details(
    described: contents.Description, tile: str
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Returns what is added at each scale but the first, as `initialization.scale_details`."""
    return [
        functools.partial(
            fine_details.missing_from,
            size=(level.height, level.width),
            examples=level.examples,
            tile=tile,
        )
        for level in described.levels[1:]
        if level.examples is not None
    ]
