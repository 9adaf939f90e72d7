"""Inputs and settings -> `Plan`: scales, their losses and data, and the initial image."""

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxtex import errors, losses, networks
from jaxtex.losses import diagnosis, diversity, evaluation, regions, targets
from jaxtex.runtime import sharding
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import (
    diverse,
    input_images,
    memory_budget,
    objectives,
    scales,
    stepping,
    unused_choices,
)
from jaxtex.synthesis import settings as choices
from jaxtex.synthesis.canvas import extension
from jaxtex.synthesis.shorthands import step_shares
from jaxtex.synthesis.starts import initialization

MAX_BATCH = 4096  # images; a larger number is a typing error
# The images of a batch share the weights.
BATCH_AXES = {"variables": None, "targets": 0, "gray": 0, "kept": 0}


@jax.transfer_guard("allow")
def build_plan(inputs: input_images.Inputs, settings: choices.Settings) -> stepping.Plan:
    """Builds the plan of one image.

    Features of exemplars and content are computed when the first step needs them.

    Args:
      inputs: the images.
      settings: the choices.

    Raises:
      UserError: inputs and settings do not go together, or the run does not fit into memory.
    """
    sharding.validate_layout(settings.layout)
    number = settings.layout.images
    if number > 1:
        raise errors.UserError(
            f"--mesh={settings.config.mesh} divides a batch: it needs --num_images={number}, or "
            "use --mesh=rows:4"
        )
    unused_choices.warn_unused(settings.config, inputs.content is not None)
    settings = _chosen(inputs, unused_choices.of_one_image(settings))
    return _build_plan(_build_loss(inputs, settings), inputs, settings)


@jax.transfer_guard("allow")
def build_batch(
    batch: Sequence[input_images.Inputs], settings: choices.Settings, num_images: int = 1
) -> list[stepping.Plan]:
    """Builds plans for `batches.run`. Those of one kind share their loss.

    Args:
      batch: inputs; the plans of each follow one another.
      settings: the choices; image i of each inputs has the seed `config.seed + i`.
      num_images: number of images of each inputs.

    Raises:
      UserError: as `build_plan`; or there are too many images, or some have transparency.
    """
    sharding.validate_layout(settings.layout)
    if not 1 <= num_images * len(batch) <= MAX_BATCH:
        raise errors.UserError(
            f"--num_images={num_images} for {len(batch)} styles: must be between 1 and {MAX_BATCH} "
            "images in total"
        )
    seed, max_seed = settings.config.seed, int(configs.RANGES["seed"][1])
    if seed + num_images - 1 > max_seed:
        raise errors.UserError(
            f"--seed={seed}: the last of --num_images={num_images} would exceed {max_seed}"
        )
    if len({len(inputs.material.maps) for inputs in batch}) > 1:
        raise errors.UserError(
            "--alpha=keep: either all styles of a batch must have transparency, or none"
        )
    if settings.config.diversity and num_images == 1:
        unused_choices.warn_unused(settings.config, batch[0].content is not None)
        settings = unused_choices.of_one_image(settings)
    diverse.validate(settings, num_images)
    # By what differs between their losses: the octaves, and the weight of the arrangement.
    specs: dict[tuple[int, float | None], targets.LossSpec] = {}
    plans = []
    for number, inputs in enumerate(batch, 1):
        chosen = _chosen(inputs, settings)
        kind = max(_octaves(inputs, settings)), chosen.arrangement_weight
        if kind not in specs:
            specs[kind] = _build_loss(inputs, chosen)
        plans += diverse.join(_build_seeds(specs[kind], inputs, chosen, num_images), number)
    return plans


@jax.transfer_guard("allow")
def build_functional(
    inputs: input_images.Inputs, settings: choices.Settings
) -> tuple[targets.LossSpec, stepping.Problem, np.ndarray]:
    """Builds the loss of one scale with XLA's own operations, for any of JAX's transformations.

    Args:
      inputs: the images.
      settings: the choices, with one scale.

    Returns:
      The loss, the problem at full size, and the initial image.

    Raises:
      UserError: as `build_plan`; or a statistic has a critic.
    """
    if any(summand.statistic.critic for summand in settings.statistic):
        raise errors.UserError(
            f"--statistic={settings.config.statistic} learns during the optimization, so "
            "its loss is not a function of the image"
        )
    settings = _chosen(inputs, unused_choices.of_one_image(settings))
    (octaves,) = _octaves(inputs, settings)
    spec = objectives.build_loss(inputs, settings.with_octaves(octaves), [])
    network = spec.network.clone(network=spec.network.network.clone(algorithms="xla"))
    spec = spec._replace(network=network)
    (scale,) = scales.build_scales(spec, inputs, settings)
    problem = _build_problem(spec, inputs, settings, scale)
    loss_fn = evaluation.build_loss_fn(spec, scale.strip, "xla")
    size = (scale.height, scale.width)
    extended = inputs.extended(size, settings.config.tile)
    start = initialization.initial_image(extended, settings.config, *size)
    return spec, problem._replace(loss_fn=loss_fn), start


def _chosen(inputs: input_images.Inputs, settings: choices.Settings) -> choices.Settings:
    """Returns the settings with all choices that depend on the images."""
    return objectives.choose_weights(inputs, objectives.choose_layers(inputs, settings))


def _octaves(inputs: input_images.Inputs, settings: choices.Settings) -> list[int]:
    """Returns the number of octaves of each scale in which styles are matched."""
    transfer = inputs.is_transfer(settings.config)
    return scales.scale_octaves(settings, inputs.shortest_side, transfer)


def _build_seeds(
    spec: targets.LossSpec,
    inputs: input_images.Inputs,
    settings: choices.Settings,
    num_images: int,
) -> list[stepping.Plan]:
    """Builds a plan for each seed. They share their data, unless something in it is drawn."""
    first_seed = settings.config.seed
    seeds = [settings.with_seed(first_seed + i) for i in range(num_images)]
    first = _build_plan(spec, inputs, settings)
    statistics = [term.statistic for term in spec.texture_terms]
    if inputs.kept or any(each.stochastic or each.critic for each in statistics):
        others = [(inputs.with_seed(each.config.seed), each) for each in seeds[1:]]
        return [first, *(_build_plan(spec, *other) for other in others)]
    sizes = [(problem.height, problem.width) for problem in first.problems]
    return [first._replace(**_initial_images(inputs, each, sizes)) for each in seeds]


def _initial_images(
    inputs: input_images.Inputs, settings: choices.Settings, sizes: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Returns the fields of a plan that the seed decides."""
    extended = inputs.extended(sizes[0], settings.config.tile)
    start = initialization.initial_image(extended, settings.config, *sizes[0])
    if inputs.kept is not None:
        start = losses.compose(start, extended.given_at(*sizes[0]))
    return {
        "start": start,
        "details": initialization.scale_details(inputs, settings.config, sizes),
    }


def _build_loss(inputs: input_images.Inputs, settings: choices.Settings) -> targets.LossSpec:
    """Builds the loss, with kernels transformed for each scale unless devices share the rows."""
    sizes = []
    if settings.layout.rows == 1:
        factors = scales.scale_factors(inputs.shortest_side, settings.config.scales)
        sizes = [scales.reduced_size(inputs, factor) for factor in factors]
    octaves = max(_octaves(inputs, settings))
    return objectives.build_loss(inputs, settings.with_octaves(octaves), sizes)


def _build_plan(
    spec: targets.LossSpec, inputs: input_images.Inputs, settings: choices.Settings
) -> stepping.Plan:
    """Builds the plan of a loss, which inputs of the same kind may share."""
    config = settings.config
    has_critic = any(term.statistic.critic for term in spec.texture_terms)
    if settings.optimizer.line_search and has_critic:
        raise errors.UserError(
            f"--optimizer={config.optimizer} needs a loss that does not change; with a critic that "
            "learns, use --optimizer=adam"
        )
    size = (inputs.height, inputs.width)
    memory_budget.validate_tiling(spec, size, config.tile, settings.layout)
    plan_scales = scales.build_scales(spec, inputs, settings)
    transfer = inputs.is_transfer(config)
    shares = step_shares.of_scales(config.shares, len(plan_scales), transfer)
    sizes = [(scale.height, scale.width) for scale in plan_scales]
    octaves = _octaves(inputs, settings)
    specs = [objectives.limit_octaves(spec, number, inputs, settings) for number in octaves]
    if len(specs) > 1:
        specs[-1] = objectives.of_last_scale(specs[-1])
    return stepping.Plan(
        problems=[
            _build_problem(of_scale, inputs, settings, scale)
            for of_scale, scale in zip(specs, plan_scales, strict=True)
        ],
        optimizer=settings.optimizer,
        num_steps=config.num_steps,
        save_every=config.save_every,
        height=inputs.height,
        width=inputs.width,
        resample_every=config.renew_every,
        finish=inputs.finish,
        statistic_size=objectives.count_statistics(spec, inputs),
        tile=config.tile,
        remat=config.remat,
        layout=settings.layout,
        shares=shares,
        arrangement_weight=settings.arrangement_weight or 0.0,
        **_initial_images(inputs, settings, sizes),
    )


def _build_problem(
    spec: targets.LossSpec,
    inputs: input_images.Inputs,
    settings: choices.Settings,
    scale: scales.Scale,
) -> stepping.Problem:
    """Builds the problem of one scale."""
    size = (scale.height, scale.width)
    seed, tile = settings.config.seed, settings.config.tile
    extended = extension.extend_masks(spec, (inputs.height, inputs.width), size, tile)
    inputs = inputs.extended(size, tile)
    styles = [scales.reduce_image(style, scale.factor) for style in inputs.styles]
    options = memory_budget.extraction_options(spec, styles)
    texture = targets.build_targets(
        extended, styles, inputs.style_masks, size, seed, options, scale.strip
    )
    if scale.factor == 1 and inputs.kept is None:
        regions.warn_left_out(texture.left_out())
    image_targets = objectives.build_image_targets(spec, inputs, settings, styles, scale)
    given = inputs.given_at(*size)
    critics, update_critics = objectives.build_critics(spec, texture, size, settings)

    rows = memory_budget.evaluated_rows(spec, scale.strip, scale.height)
    algorithms = networks.algorithms_for(jax.default_backend(), scale.row_devices)
    return stepping.Problem(
        height=scale.height,
        width=scale.width,
        loss_fn=evaluation.build_loss_fn(spec, scale.strip, algorithms),
        data=_build_data(spec, texture, image_targets, given),
        batch_axes=BATCH_AXES,
        given=given,
        critics=critics,
        update_critics=update_critics,
        stochastic=texture.stochastic or diversity.NAME in spec.terms,
        feature_bytes=memory_budget.feature_bytes(spec, rows, scale.width),
        row_devices=scale.row_devices,
        strip=scale.strip,
        # The features of a whole image may not fit where strips are needed.
        find_cause=stepping.no_cause
        if scale.strip
        else functools.partial(diagnosis.find_cause, evaluation.with_algorithms(spec, algorithms)),
    )


def _build_data(
    spec: targets.LossSpec,
    texture: targets.TextureTargets,
    image_targets: Callable[[], dict[str, Any]],
    given: Mapping[str, Any],
) -> Callable[[int], dict[str, Any]]:
    """Returns the function number of draws -> weights and targets; it keeps the last ones."""

    @functools.lru_cache(maxsize=1)
    def draw(draws: int) -> dict[str, Any]:
        drawn = targets.draw_targets(texture, draws)
        all_targets = {**image_targets(), **drawn}
        return {"variables": spec.step_variables(), "targets": all_targets, **given}

    # The thread that compiles and the loop need the same data: the second one waits for the first.
    lock = threading.Lock()

    def data(draws: int) -> dict[str, Any]:
        with lock:
            return draw(draws)

    return data
