"""Config -> problems: here names become functions and paths become arrays."""

import bisect
import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import (
    comparisons,
    compilation,
    convolutions,
    errors,
    expressions,
    grids,
    images,
    loading,
    losses,
    memory,
    meshes,
    networks,
    optimizers,
    scenes,
    starts,
    strips,
    synthesis,
    terms,
)
from jaxtex import config as configs
from jaxtex import targets as targeting

COARSEST = 96  # pixels: where `scales = 0` stops halving
MOST = 4096  # images in a batch: beyond that a number is a slip
AXES = {"variables": None, "targets": 0}  # of a problem's data: the images of a batch share the weights


class Loss(NamedTuple):
    """A loss without its pictures: terms by name, the sources of those of texture, the network that they look at."""

    network: networks.Pyramid  # for the result
    plain: networks.Pyramid  # for the exemplars, which have a border where the result may have none
    variables: dict
    sources: list[targeting.Source]
    terms: dict[str, losses.Term]


def build(style, config: configs.Config, content: np.ndarray | None = None) -> synthesis.Plan:
    """A synthesis, checked and ready to run.

    Args:
      style: the exemplar, `[H, W, 3]` in [0, 1]; several in a list; None: the content alone is reconstructed.
      config: the choices.
      content: likewise; None: as `config.content` says.

    Raises:
      UserError: a name is unknown, a number absurd, a size too small, a file cannot be used, things do not go together.
    """
    configs.validate(config)
    content = images.load(config.content) if content is None and config.content else content
    styles = [] if style is None else list(style) if isinstance(style, list | tuple) else [style]
    scene = scenes.build(styles, content, config)
    if (images_over := meshes.parse(config.mesh).images) > 1:
        raise errors.UserError(f"--mesh={config.mesh} spreads a batch: with --num_images={images_over}, or --mesh=rows:4")
    return plan(build_loss(scene, config), scene, config)


def check(styles: list[np.ndarray], config: configs.Config) -> None:
    """Raises what `build` would, without making the targets, which takes long."""
    configs.validate(config)
    scene = scenes.build(styles, images.load(config.content) if config.content else None, config)
    _optimizer(build_loss(scene, config), config)
    factors(scene.shortest, config.scales)
    errors.choose("remat", config.remat, memory.REMATS)
    starts.first(scene, config, scene.height, scene.width)


def build_batch(
    styles: Sequence[Sequence[np.ndarray]], config: configs.Config, num_images: int = 1, content: np.ndarray | None = None
) -> list[synthesis.Plan]:
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
    if not 1 <= num_images * len(styles) <= MOST:
        raise errors.UserError(f"--num_images={num_images} of {len(styles)} styles: between 1 and {MOST} in all, please")
    content = images.load(config.content) if content is None and config.content else content
    pictured = [scenes.build(list(exemplars), content, config) for exemplars in styles]
    loss = build_loss(pictured[0], config)
    return [each for scene in pictured for each in _seeded(loss, scene, config, num_images)]


def _seeded(loss: Loss, scene: scenes.Scene, config: configs.Config, num_images: int) -> list[synthesis.Plan]:
    """The targets are made once, unless something in them is drawn."""
    seeds = [dataclasses.replace(config, seed=config.seed + i) for i in range(num_images)]
    first = plan(loss, scene, config)
    if any(problem.renew or problem.critic for problem in first.problems):
        return [first, *(plan(loss, scene, each) for each in seeds[1:])]
    return [first._replace(**_begin(scene, each, first.problems)) for each in seeds]


def _begin(scene: scenes.Scene, config: configs.Config, problems: Sequence[synthesis.Problem]) -> dict[str, Any]:
    sizes = [(problem.height, problem.width) for problem in problems]
    return {"start": starts.first(scene, config, *sizes[0]), "details": starts.details(scene, config, sizes)}


def plan(loss: Loss, scene: scenes.Scene, config: configs.Config) -> synthesis.Plan:
    """A synthesis of a loss that is built; scenes whose pictures differ may share it."""
    optimizer, layout = _optimizer(loss, config), meshes.parse(config.mesh)
    _hold_tiles(loss, scene, config.tile, layout)
    _hold_memory(loss, scene, config, layout)
    parts = [_problem(loss, scene, factor, config, layout) for factor in factors(scene.shortest, config.scales)]
    errors.choose("remat", config.remat, memory.REMATS)
    return synthesis.Plan(
        problems=parts,
        optimizer=optimizer,
        num_steps=config.num_steps,
        save_every=config.save_every,
        height=scene.height,
        width=scene.width,
        renew_every=config.renew_every,
        finish=scene.finish,
        numbers=count(loss, scene),
        remat=config.remat,
        tile=config.tile,
        layout=layout,
        **_begin(scene, config, parts),
    )


def _hold_tiles(loss: Loss, scene: scenes.Scene, tile: str, layout: meshes.Layout) -> None:
    """What shall go on from its beginning cannot be cut to size in the end."""
    columns = multiple(loss.network)
    rows = math.lcm(columns, meshes.rows_at(layout, scene.height))
    for axis, side, name, step in (("y", scene.height, "height", rows), ("x", scene.width, "width", columns)):
        if axis in tile and side % step:
            near = " or ".join(f"--{name}={near}" for near in (side - side % step, _round_up(side, step)) if near)
            raise errors.UserError(f"--tile={tile}: {name} {side} is no multiple of {step}: {near}")


def _hold_memory(loss: Loss, scene: scenes.Scene, config: configs.Config, layout: meshes.Layout) -> None:
    """What surely does not fit is not begun: where the system ends a process that takes too much, it says nothing."""
    rows = meshes.rows_at(layout, scene.height)
    strip = strip_of(loss, scene, config.strips, (scene.height, scene.width), rows)
    high = window(loss, strip, scene.height) if strip else scene.height
    bytes_of = lambda height, width: weight_of_features(loss, height, width)
    result, exemplars = bytes_of(high, scene.width) / rows, [bytes_of(*style.shape[:2]) for style in scene.styles]
    if memory.is_hopeless(needed := max([result, *exemplars])):
        what = "--height and --width" if needed == result else "--size"
        share = (memory.available() / memory.estimate(needed)) ** 0.5
        raise errors.UserError(
            f"out of memory: features of {needed / 1e9:.1f} GB, and {memory.available() / 1e9:.1f} GB are free: {what} "
            f"{share:.2f} times as large would fit; or, where it is the result, --strips=64"
        )


def _optimizer(loss: Loss, config: configs.Config) -> optimizers.Optimizer:
    optimizer = errors.choose("optimizer", config.optimizer, optimizers.OPTIMIZERS)(config.learning_rate, config.history)
    if optimizer.searches and any(source.part.statistic.critic for source in loss.sources):
        raise errors.UserError(f"--optimizer={config.optimizer} cannot follow a critic that learns: --optimizer=adam")
    return optimizer


def count(loss: Loss, scene: scenes.Scene) -> int:
    """How many numbers of the exemplars the statistics look at, at full size."""
    of_styles = [targeting.shapes(loss.network, loss.variables, style.shape[:2]) for style in scene.styles]
    each = lambda source, shape: source.part.statistic.numbers(shape[2], shape[0] * shape[1])
    return sum(each(s, of_styles[i][layer]) for s in loss.sources for i in s.styles for layer in s.layers)


def build_loss(scene: scenes.Scene, config: configs.Config) -> Loss:
    """The terms that the flags ask for, and the network with just the layers that they look at.

    Raises:
      UserError: a name is unknown, terms and pictures do not go together, or nothing is asked for.
    """
    network = errors.choose("network", config.network, networks.NETWORKS)
    weights_of = configs.parse_layers(config.layers) or dict.fromkeys(network.defaults(), 1.0)
    parts = expressions.parse(config.statistic) if scene.styles and config.texture_weight else []
    wanted = [layer for part in parts for layer in part.layers or weights_of]
    content_of = {}
    if scene.content is not None and config.content_weight:
        content_of = configs.parse_layers(config.content_layers, "content_layers") or {network.defaults()[-1]: 1.0}
    excited = [configs.parse_map(config.excite)[0]] if config.excite and config.excite_weight else []
    network, variables = loading.load_network(config, tuple(dict.fromkeys([*wanted, *content_of, *excited])))
    layers = lambda part: tuple(part.layers or weights_of)
    sources = [source for part in parts for source in _sources(part, layers(part), scene, config.octaves)]
    named = {source.name: _texture(source, weights_of, scene, config) for source in sources}
    named |= _image_terms(scene, config, content_of)
    if not named:
        raise errors.UserError("nothing to do: --style or --content is wanted, with a weight above 0")
    return Loss(tiling(network, config.tile), network, variables, sources, named)


def tiling(network: networks.Pyramid, tile: str) -> networks.Pyramid:
    """The network with what lies beyond the border taken from the other side, along the axes of `tile`."""
    rows, columns = grids.both(network.network.padding)
    padding = f"{'wrap' if 'y' in tile else rows}/{'wrap' if 'x' in tile else columns}"
    return network.clone(network=network.network.clone(padding=padding)) if tile else network


def _sources(
    part: expressions.Part, layers: tuple[str, ...], scene: scenes.Scene, octaves: int
) -> list[targeting.Source]:
    """One term for all styles, or, where the result has a mask for each, one for each style."""
    seen = tuple(networks.octave_name(layer, octave) for octave in range(octaves) for layer in layers)
    everything = tuple(range(len(scene.styles)))
    if scene.masks is None:
        sources = [targeting.Source(part.name, part, seen, everything, tuple(scene.weights), None)]
    else:
        sources = [
            targeting.Source(f"{part.name}.{i}", part, seen, (i,), (1.0,), scene.masks[i]) for i in everything
        ]
    if part.statistic.critic and scene.masks is None and len(scene.styles) > 1:
        raise errors.UserError(f"--statistic={part.name} learns one style; several want --masks")
    if part.statistic.neighbours and (scene.masks or any(mask is not None for mask in scene.style_masks)):
        raise errors.UserError(f"--statistic={part.name} compares neighbours, and cannot be had with masks")
    return sources


def _texture(source: targeting.Source, weights_of: dict, scene: scenes.Scene, config: configs.Config) -> losses.Term:
    weights = {layer: weights_of.get(layer.partition("/")[0], 1.0) for layer in source.layers}
    share = sum(scene.weights[i] for i in source.styles) / sum(scene.weights)
    return losses.texture(source.part.statistic, weights, config.texture_weight * source.part.weight * share)


def _image_terms(scene: scenes.Scene, config: configs.Config, content_of: dict[str, float]) -> dict[str, losses.Term]:
    errors.choose("content_norm", config.content_norm, comparisons.NORMS)
    wanted = {}
    if content_of:
        wanted["content"] = terms.content(content_of, config.content_weight, config.content_norm)
    if config.excite and config.excite_weight:
        wanted["excitement"] = terms.excitement(*configs.parse_map(config.excite), config.excite_weight)
    if config.tv_weight:
        wanted["total_variation"] = terms.total_variation(config.tv_weight, config.tile)
    if config.spectrum_weight and scene.styles:
        wanted["spectrum"] = terms.spectrum(config.spectrum_weight)
    return wanted


def _problem(
    loss: Loss, scene: scenes.Scene, factor: int, config: configs.Config, layout: meshes.Layout
) -> synthesis.Problem:
    """The problem of one scale; all have the same loss function, so a step compiles once a size."""

    styles = [smaller(style, factor) for style in scene.styles]
    height, width = (-(-side // factor) for side in (scene.height, scene.width))
    rows = meshes.rows_at(layout, height)
    height, width = _round_up(height, math.lcm(rows, multiple(loss.network))), _round_up(width, multiple(loss.network))
    seen = loss.plain, loss.variables, loss.sources, styles, scene.style_masks
    texture = targeting.Targets(*seen, (height, width), config.seed)
    content = None if scene.content is None else smaller(scene.content, factor)
    pictures = losses.Pictures(styles, scene.weights, content, height, width, _features(loss))
    others = {name: term.aim(pictures) for name, term in loss.terms.items()}
    data = lambda epoch: {"variables": loss.variables, "targets": {**others, **texture(epoch)}}
    first, learners = data(0), {s.name: s.part.statistic.critic for s in loss.sources if s.part.statistic.critic}
    critics = {name: critic.init(first["targets"][name], config.seed) for name, critic in learners.items()}
    strip = strip_of(loss, scene, config.strips, (height, width), rows)
    evaluate = functools.partial(_evaluate_in_strips, loss, strip) if strip else functools.partial(_evaluate, loss)
    features = weight_of_features(loss, window(loss, strip, height) if strip else height, width)
    problem = synthesis.Problem(height, width, evaluate, first, axes=AXES, rows=rows, features=features, strip=strip)
    problem = problem._replace(renew=data) if texture.chance else problem
    return problem._replace(critic=critics, learn=functools.partial(_learn, learners)) if critics else problem


def strip_of(loss: Loss, scene: scenes.Scene, choice: str, size: tuple[int, int], rows: int) -> int:
    """Rows of the strips that the image is taken in, one after the other; 0: as a whole.

    Args:
      loss: whose features have to fit.
      scene: the pictures.
      choice: "none", a number of rows, or "auto": the most that fit into the memory that is free, where the whole does not.
      size: height and width of the image.
      rows: devices that share it.

    Raises:
      UserError: another choice, or strips of what cannot be had in strips.
    """
    if choice not in ("auto", "none") and not (choice.isdecimal() and 1 <= int(choice) <= 2**14):
        raise errors.UserError(f"--strips={choice}: auto, none, or a number of rows, please")
    fits = lambda high: memory.fits(weight_of_features(loss, min(size[0], high), size[1]))
    if choice == "none" or (choice == "auto" and (fits(size[0]) or _whole_only(loss, scene, rows))):
        return 0
    if reason := _whole_only(loss, scene, rows):
        raise errors.UserError(f"--strips={choice}: {reason}")
    step = multiple(loss.network)
    if choice != "auto":
        return _round_up(int(choice), step)
    heights = range(step, max(size[0], step + 1), step)
    return heights[max(0, bisect.bisect(heights, 0, key=lambda high: not fits(window(loss, high, size[0]))) - 1)]


def _whole_only(loss: Loss, scene: scenes.Scene, rows: int) -> str:
    """Why an image cannot be taken in strips; empty: it can."""
    if rows > 1:
        return "the rows lie on several devices, each of which has its own part"
    if not isinstance(loss.network.network, networks.VGG):
        return "fixed filters are taken as a whole"
    if scene.masks or any(source.part.statistic.average is None for source in loss.sources):
        return "in strips there are mean, gram, pca_gram, mean_and_covariance, bures, without masks"
    in_features = sorted({"content", "excitement"} & set(loss.terms))
    return f"the term '{in_features[0]}' is taken as a whole" if in_features else ""


def window(loss: Loss, strip: int, height: int) -> int:
    """Rows that are looked at for a strip."""
    return min(height, strip + 2 * networks.reach(loss.network.network))


def weight_of_features(loss: Loss, height: int, width: int) -> int:
    """Bytes of the features of all layers that the network runs through, in all octaves."""
    network, size = loss.network.network, 4
    if isinstance(network, networks.VGG):
        rectified = tuple(name for name in networks.evaluated(network) if name.startswith("relu"))
        kind = convolutions.PRECISIONS[network.precision].kind
        size = 2 * jnp.dtype(kind).itemsize  # each stands for its convolution, too
        network = networks.select(network, rectified or network.layers)
    shapes = targeting.shapes(loss.network.clone(network=network), loss.variables, (height, width))
    return sum(int(np.prod(shape)) for shape in shapes.values()) * size


def _features(loss: Loss) -> Callable[[np.ndarray], networks.Features]:
    apply = jax.jit(loss.network.apply, compiler_options=compilation.options(often=False))
    return lambda picture: apply(loss.variables, picture)


def _evaluate_in_strips(loss: Loss, strip: int, image: jax.Array, data: dict, critics: tuple):
    """`_evaluate` for terms that look at averages over positions, and at the image itself."""
    looked = {source.name: {} for source in loss.sources}
    for octave, reduced in enumerate(networks.octave_images(loss.network, image)):
        averages = strips.averages(loss.network.network, functools.partial(_averages, loss), strip)
        for name, found in averages(data["variables"], reduced).items():
            complete = next(source.part.statistic.complete for source in loss.sources if source.name == name)
            looked[name] |= {networks.octave_name(layer, octave): complete(each) for layer, each in found.items()}
    value, terms = losses.total(loss.terms, image, {}, data["targets"], looked)
    return value, (terms, {})


def _averages(loss: Loss, features: networks.Features) -> dict[str, dict[str, Any]]:
    """Term -> layer -> what its statistic averages over the positions."""
    layers = lambda source: [layer for layer in features if layer in source.layers]
    return {s.name: {layer: s.part.statistic.average(features[layer]) for layer in layers(s)} for s in loss.sources}


def _evaluate(loss: Loss, image: jax.Array, data: dict, critics: dict | tuple):
    """The loss, its terms, and what the critics see; `()` is no critics."""
    critics = critics or {}
    features = loss.network.apply(data["variables"], image)
    targets = {**data["targets"]}
    for name, states in critics.items():
        informed = lambda layer, parts, states=states: {**parts, "aim": {**parts["aim"], "critic": states[layer]}}
        targets[name] = {layer: informed(layer, parts) for layer, parts in targets[name].items()}
    look = lambda target: {
        layer: losses.view(features[layer], parts["view"]).astype(jnp.float32) for layer, parts in target.items()
    }
    value, terms = losses.total(loss.terms, image, features, targets)
    return value, (terms, {name: look(targets[name]) for name in critics})


def _learn(learners: dict, critics: dict, data: dict, seen: dict, step: jax.Array) -> dict:
    return {
        name: learners[name].update(states, data["targets"][name], seen[name], step) for name, states in critics.items()
    }


def smaller(image: np.ndarray, factor: int) -> np.ndarray:
    """Reduced, but to no less than can be used."""
    return images.resize(image, *(max(configs.SMALLEST, round(side / factor)) for side in image.shape[:2]))


def factors(side: int, scales: int) -> list[int]:
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
    return [2**scale for scale in reversed(range(scales or max(1, (side // COARSEST).bit_length())))]


def multiple(network: networks.Pyramid) -> int:
    """What height and width should be a multiple of, so that no pooling of any octave leaves out a row."""
    return 2 ** (network.network.halvings() + network.octaves - 1)


def _round_up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
