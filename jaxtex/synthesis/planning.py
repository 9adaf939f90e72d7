"""Config -> problems: here names become functions and paths become arrays."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxtex import errors, images, losses, networks, optimizers
from jaxtex.losses import evaluation
from jaxtex.losses import targets as targeting
from jaxtex.runtime import background, device_memory, export_cache, sharding
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import initialization, input_images, memory_budget, objectives, stepping

COARSEST = 96  # pixels: where `scales = 0` stops halving
MAX_BATCH = 4096  # images in a batch: beyond that a number is a slip
CHANGING = "seed", "num_steps", "shares", "save_every"  # of the choices: no step knows of them
AXES = {
    "variables": None,
    "targets": 0,
}  # of a problem's data: the images of a batch share the weights


def build_plan(style, config: configs.Config, content: np.ndarray | None = None) -> stepping.Plan:
    """A synthesis, checked and ready to run.

    Args:
      style: the exemplar, `[H, W, 3]` in [0, 1]; several in a list; None: the content alone is reconstructed.
      config: the choices.
      content: likewise; None: as `config.content` says.

    Raises:
      UserError: a name is unknown, a number absurd, a size too small, a file cannot be used, things do not go together.
    """
    configs.validate(config)
    content = input_images.read_content(config) if content is None else content
    styles = [] if style is None else list(style) if isinstance(style, list | tuple) else [style]
    scene = input_images.build_inputs(styles, content, config)
    if (images_over := sharding.parse_mesh(config.mesh).images) > 1:
        raise errors.UserError(
            f"--mesh={config.mesh} spreads a batch: with --num_images={images_over}, or --mesh=rows:4"
        )
    return plan_loss(build_loss(scene, config), scene, config)


def check(styles: list[np.ndarray], config: configs.Config) -> None:
    """Raises what `build` would, without making the targets, which takes long."""
    configs.validate(config)
    scene = input_images.build_inputs(styles, input_images.read_content(config), config)
    loss, alone = (
        build_loss(scene, config),
        sharding.Layout(),
    )  # where it will run there may be other devices
    _optimizer(loss, config)
    _validate_tiling(loss, scene, config.tile, alone)
    scales = len(scale_factors(scene.shortest, config.scales))
    memory_budget.parse_strips(config.strips, scales)
    configs.parse_shares(config.shares, scales)
    memory_budget.validate_memory(loss, scene, config, alone)
    errors.choose("remat", config.remat, device_memory.REMATS)
    initialization.initial_image(scene, config, scene.height, scene.width)


def build_batch(
    styles: Sequence[Sequence[np.ndarray]],
    config: configs.Config,
    num_images: int = 1,
    content: np.ndarray | None = None,
) -> list[stepping.Plan]:
    """Plans of one loss, for `batches.run`: of each style so many, with the seeds that follow `config.seed`.

    Args:
      styles: the exemplars of each; several in one are blended.
      config: the choices.
      num_images: of each style.
      content: as for `build`.

    Raises:
      UserError: as `build`; or there are too many of them.
    """
    configs.validate(config)
    if not 1 <= num_images * len(styles) <= MAX_BATCH:
        raise errors.UserError(
            f"--num_images={num_images} of {len(styles)} styles: between 1 and {MAX_BATCH} in all, please"
        )
    content = input_images.read_content(config) if content is None else content
    pictured = [input_images.build_inputs(list(exemplars), content, config) for exemplars in styles]
    if len({len(scene.material.maps) for scene in pictured}) > 1:
        raise errors.UserError(
            "--alpha=keep: some styles have transparency, some do not; in a batch all or none, please"
        )
    loss = build_loss(pictured[0], config)
    return [each for scene in pictured for each in _seeded(loss, scene, config, num_images)]


def _seeded(
    loss: targeting.LossSpec, scene: input_images.Inputs, config: configs.Config, num_images: int
) -> list[stepping.Plan]:
    """The targets are made once, unless something in them is drawn."""
    seeds = [dataclasses.replace(config, seed=config.seed + i) for i in range(num_images)]
    first = plan_loss(loss, scene, config)
    if any(problem.stochastic or problem.critic for problem in first.problems):
        return [first, *(plan_loss(loss, scene, each) for each in seeds[1:])]
    sizes = [(problem.height, problem.width) for problem in first.problems]
    return [first._replace(**_begin(scene, each, sizes)) for each in seeds]


def _begin(
    scene: input_images.Inputs, config: configs.Config, sizes: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    return {
        "start": initialization.initial_image(scene, config, *sizes[0]),
        "details": initialization.scale_details(scene, config, sizes),
    }


def plan_loss(
    loss: targeting.LossSpec, scene: input_images.Inputs, config: configs.Config
) -> stepping.Plan:
    """A synthesis of a loss that is built; scenes whose pictures differ may share it."""
    optimizer, layout = _optimizer(loss, config), sharding.parse_mesh(config.mesh)
    _validate_tiling(loss, scene, config.tile, layout)
    memory_budget.validate_memory(loss, scene, config, layout)
    scales = scale_factors(scene.shortest, config.scales)
    each = [
        dataclasses.replace(config, strips=strip)
        for strip in memory_budget.parse_strips(config.strips, len(scales))
    ]
    errors.choose("remat", config.remat, device_memory.REMATS)
    shares = configs.parse_shares(config.shares, len(scales))
    extents = [_extent(loss, scene, factor, layout) for factor in scales]
    begun = _begin(scene, config, [(height, width) for height, width, _ in extents])
    parts = zip(scales, each, extents, strict=True)
    return stepping.Plan(
        problems=[_build_problem(loss, scene, *part) for part in parts],
        optimizer=optimizer,
        num_steps=config.num_steps,
        save_every=config.save_every,
        height=scene.height,
        width=scene.width,
        resample_every=config.renew_every,
        finish=scene.finish,
        statistic_size=objectives.count_statistics(loss, scene),
        remat=config.remat,
        tile=config.tile,
        layout=layout,
        shares=shares,
        **begun,
    )


def _extent(
    loss: targeting.LossSpec, scene: input_images.Inputs, factor: int, layout: sharding.Layout
) -> tuple[int, int, int]:
    """Height and width of the image at a scale, and how many devices share its rows."""
    height, width = _sides(scene, factor)
    rows = sharding.row_devices(layout, height)
    return *memory_budget.padded_size(loss, height, width, rows), rows


def _validate_tiling(
    loss: targeting.LossSpec, scene: input_images.Inputs, tile: str, layout: sharding.Layout
) -> None:
    """What shall go on from its beginning cannot be cut to size in the end."""
    columns = memory_budget.size_multiple(loss.network)
    rows = math.lcm(columns, sharding.row_devices(layout, scene.height))
    for axis, side, name, step in (
        ("y", scene.height, "height", rows),
        ("x", scene.width, "width", columns),
    ):
        if axis in tile and side % step:
            near = " or ".join(
                f"--{name}={near}"
                for near in (side - side % step, memory_budget.round_up(side, step))
                if near
            )
            raise errors.UserError(f"--tile={tile}: {name} {side} is no multiple of {step}: {near}")


def _optimizer(loss: targeting.LossSpec, config: configs.Config) -> optimizers.Optimizer:
    optimizer = errors.choose("optimizer", config.optimizer, optimizers.OPTIMIZERS)(
        config.learning_rate, config.history
    )
    if optimizer.line_search and any(source.part.statistic.critic for source in loss.sources):
        raise errors.UserError(
            f"--optimizer={config.optimizer} cannot follow a critic that learns: --optimizer=adam"
        )
    return optimizer


def build_loss(scene: input_images.Inputs, config: configs.Config) -> targeting.LossSpec:
    """As `objectives.build`, with kernels in the form that each scale wants."""
    return objectives.build_loss(scene, config, _sizes(scene, config))


def _sizes(scene: input_images.Inputs, config: configs.Config) -> list[tuple[int, int]]:
    """Height and width of the image at each scale; none where its rows are spread, by XLA's own convolutions alone."""
    scales = (
        scale_factors(scene.shortest, config.scales)
        if sharding.parse_mesh(config.mesh).rows == 1
        else []
    )
    return [_sides(scene, factor) for factor in scales]


def _sides(scene: input_images.Inputs, factor: int) -> tuple[int, int]:
    return -(-scene.height // factor), -(-scene.width // factor)


def _build_problem(
    loss: targeting.LossSpec,
    scene: input_images.Inputs,
    factor: int,
    config: configs.Config,
    extent: tuple[int, int, int],
) -> stepping.Problem:
    """The problem of one scale; all have the same loss function, so a step compiles once a size."""
    (height, width, rows), variables = extent, loss.prepared()
    styles = [reduce_image(style, factor) for style in scene.styles]
    strip = memory_budget.choose_strip(loss, scene, config.strips, (height, width), rows)
    seen = loss.plain, loss.variables, loss.sources, styles, scene.style_masks
    made_of = "" if config.mesh else f"{loss.network} {loss.plain} {strip} {_lasting(config)}"
    jit = functools.partial(
        export_cache.jit,
        made_of=made_of,
        compiler_options=memory_budget.extraction_options(loss, styles),
    )
    texture = targeting.Targets(*seen, (height, width), config.seed, jit)
    content = None if scene.content is None else reduce_image(scene.content, factor)
    pictures = losses.TargetImages(styles, scene.weights, content, height, width, _features(loss))
    others = {name: term.make_target(pictures) for name, term in loss.terms.items()}
    data = lambda epoch: {"variables": variables.result(), "targets": {**others, **texture(epoch)}}
    shapes = {
        "variables": variables.shapes,
        "targets": {**background.shapes(others), **texture.shapes},
    }
    learners = {s.name: s.part.statistic.critic for s in loss.sources if s.part.statistic.critic}
    critics = {
        name: critic.init(texture(0)[name], config.seed) for name, critic in learners.items()
    }
    features = memory_budget.feature_bytes(
        loss, memory_budget.strip_window(loss, strip, height) if strip else height, width
    )
    size = {
        "rows": rows,
        "features": features,
        "strip": strip,
        "made_of": made_of,
        "stochastic": texture.stochastic,
    }
    problem = stepping.Problem(
        height, width, evaluation.build_loss_fn(loss, strip), data, shapes, axes=AXES, **size
    )
    return (
        problem._replace(
            critic=critics, update_critic=functools.partial(evaluation.update_critics, learners)
        )
        if critics
        else problem
    )


def _lasting(config: configs.Config) -> dict[str, Any]:
    """The choices that a program may depend on: more than it does, less what differs from run to run."""
    return {
        name: value for name, value in dataclasses.asdict(config).items() if name not in CHANGING
    }


def _features(loss: targeting.LossSpec) -> Callable[[np.ndarray], networks.Features]:
    jit = functools.partial(jax.jit, loss.network.apply)
    return lambda picture: jit(compiler_options=memory_budget.extraction_options(loss, [picture]))(
        loss.variables, picture
    )


def reduce_image(image: np.ndarray, factor: int) -> np.ndarray:
    """Reduced, but to no less than can be used."""
    return images.resize(
        image, *(max(configs.SMALLEST, round(side / factor)) for side in image.shape[:2])
    )


def scale_factors(side: int, scales: int) -> list[int]:
    """By how much each scale is smaller than the last, such as `[4, 2, 1]`.

    Args:
      side: the shortest of exemplar and result, in pixels.
      scales: how many; 0 goes down to `COARSEST` pixels.

    Raises:
      UserError: more are asked for than leave 32 pixels at the coarsest.
    """
    most = (side // configs.SMALLEST).bit_length()
    if scales > most:
        raise errors.UserError(
            f"--scales={scales}: at {side} pixels at most {most} leave {configs.SMALLEST} at the coarsest"
        )
    return [
        2**scale for scale in reversed(range(scales or max(1, (side // COARSEST).bit_length())))
    ]
