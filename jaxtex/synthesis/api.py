"""Python interface: images as arrays in, images as arrays out.

Images are `[H, W, 3]`, float32, sRGB in [0, 1]. An image may also be given by its path, or by the
name of a built-in one, as on the command line.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import errors, images, losses, networks
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, loop, planning, stepping
from jaxtex.synthesis import settings as parsing
from jaxtex.synthesis.descriptions import contents, reuse
from jaxtex.synthesis.shorthands import resolution

Picture: TypeAlias = np.ndarray | str | os.PathLike
Style: TypeAlias = Picture | Sequence[Picture] | contents.Description


def synthesize(
    style: Style | None, *, observe: loop.Observer | None = None, **choices: Any
) -> np.ndarray:
    """Synthesizes a texture like an exemplar, or like several (`style_weights`, `masks`).

    >>> pebbles = jaxtex.load_image("pebbles")
    >>> result = jaxtex.synthesize(pebbles, size=128, num_steps=100)

    Args:
      style: the exemplar, `[H, W, 3]`, sRGB in [0, 1], at least 32 pixels on each side; or a list
        of exemplars. With transparency `[H, W, 4]`; k maps of one material are `[H, W, 3 k]`. Or
        the path or built-in name of one, `"pebbles"`. Or its description, see `describe`, or the
        path of the description's file, `"bricks.h5"`. None with a picture whose own texture fills
        it: `synthesize(None, init=picture, fill=mask)`, or `grow={"left": 128}`.
      observe: receives a `Progress` every `save_every` steps.
      **choices: fields of `jaxtex.Config`, which are also the command's flags. Lists and dicts
        stand for texts: `layers={"pool1": 0.5}`. `masks`, `style_masks`, `maps`, `init` and `fill`
        may be arrays, `optimizer` a transformation of optax, `statistic` a
        `jaxtex.statistics.Statistic`.

    Returns:
      The texture, `[height, width, C]` with the channels of the exemplar, float32 in [0, 1].

    Raises:
      UserError: a choice or the exemplar cannot be used.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS
      2015, https://arxiv.org/abs/1505.07376. The defaults depart from it: the network and its
      octaves, mean and covariance instead of the Gram matrix, each layer's loss in units of the
      exemplar's energy, a start from noise with the exemplar's spectrum, and coarse to fine;
      docs/defaults.md has the reasons.
    """
    return transfer(choices.pop("content", None), style, observe=observe, **choices)


def transfer(
    content: Picture | None,
    style: Style | None,
    *,
    observe: loop.Observer | None = None,
    **choices: Any,
) -> np.ndarray:
    """Makes an image with the content of one image and the style of another.

    >>> result = jaxtex.transfer(photograph, painting, size=384, preserve_color="luminance")

    Args:
      content: `[H, W, 3]`, sRGB in [0, 1]; or with transparency, which is kept, `[H, W, 4]`; or a
        path. None synthesizes a texture.
      style: the style, as in `synthesize`; a list blends styles; None reconstructs the content
        from its features.
      observe: receives a `Progress` every `save_every` steps.
      **choices: fields of `jaxtex.Config`: `content_layers`, `style_scale`, `init`, ...; and
        `preset="sketch"`, `content_amount=70` as on the command line.

    Returns:
      The image, `[height, width, 3]`, float32 in [0, 1].

    Raises:
      UserError: a choice or an image cannot be used.

    References:
      Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR
      2016.
    """
    if observe is not None and not callable(observe):
        raise errors.UserError("observe: must be a function that takes a Progress")
    plan = _choose_plan(style, content, choices)
    return loop.run(plan, observe or (lambda progress: None))


def iterate(
    style: Style | None, *, content: Picture | None = None, **choices: Any
) -> Iterator[loop.Progress]:
    """Runs `transfer` as an iterator, which may be abandoned at any time.

    >>> for progress in jaxtex.iterate(pebbles, num_steps=500, save_every=5):
    ...     show(progress.image)

    Args:
      style: the style, or a list, or None.
      content: as for `transfer`.
      **choices: fields of `jaxtex.Config`.

    Yields:
      A `Progress` every `save_every` steps: `step`, `image` (`[H, W, 3]`, at the present scale; the
      last one is the result) and `infos` (losses of the steps since the last one).

    Raises:
      UserError: as `transfer`. Choices and images are checked at the call, before the first step.
    """
    return loop.iterate(_choose_plan(style, content, choices))


def build_plan(
    style: Style | None, config: configs.Config, content: Picture | None = None
) -> stepping.Plan:
    """Builds the plan of one image from arrays.

    Args:
      style: as in `synthesize`.
      config: the choices.
      content: as for `transfer`.

    Raises:
      UserError: as `transfer`.
    """
    return _build_plan(style, content, parsing.parse_settings(config))


def _parse(content: Picture | None, choices: dict[str, Any]) -> parsing.Settings:
    """Parses choices, and validates that shorthands go with the content."""
    settings = parsing.parse_choices(choices)
    has_content = content is not None or bool(settings.config.content)
    resolution.validate(choices, settings.config, has_content)
    return settings


def _build_plan(
    style: Style | None, content: Picture | None, settings: parsing.Settings
) -> stepping.Plan:
    return planning.build_plan(_build_inputs(style, content, settings), settings)


def _choose_plan(
    style: Style | None, content: Picture | None, choices: dict[str, Any]
) -> stepping.Plan:
    """Builds the plan of one image from exemplars, or from a description."""
    if not contents.is_described(style):
        return _build_plan(style, content, _parse(content, choices))
    if content is not None:
        raise errors.UserError("--content: cannot be used with a description")
    return reuse.build_plan(style, choices)  # type: ignore[arg-type]


def build_batch(
    styles: Sequence[Style], config: configs.Config, num_images: int = 1
) -> list[stepping.Plan]:
    """Builds the plans of a batch from arrays, for `batches.run`.

    Args:
      styles: each as in `synthesize`.
      config: the choices; image i of each style has the seed `config.seed + i`.
      num_images: number of images of each style.

    Raises:
      UserError: as `planning.build_batch`.
    """
    settings = parsing.parse_settings(config)
    batch = [_build_inputs(style, None, settings) for style in styles]
    return planning.build_batch(batch, settings, num_images)


def _build_inputs(
    style: Style | None, content: Picture | None, settings: parsing.Settings
) -> input_images.Inputs:
    """Opens the images that are paths, and validates all."""
    keep = settings.config.alpha == "keep"
    if isinstance(content, str | os.PathLike):
        content = images.load(content, keep)

    styles: Sequence[Picture] = []
    if isinstance(style, str):
        styles = configs.split_paths(style)
    elif isinstance(style, list | tuple):
        styles = style
    elif style is not None:
        styles = [style]  # type: ignore[list-item]
    # Beside a content, transparent parts of a style are shown over white.
    alpha = keep and content is None and not settings.config.content
    opened = [
        images.load(each, alpha) if isinstance(each, str | os.PathLike) else each for each in styles
    ]
    return input_images.build_inputs(opened, content, settings)


class Objective(NamedTuple):
    """Loss and features of a synthesis, as pure functions for use in other programs.

    Attributes:
      loss: `(image, data) -> scalar`, the weighted sum of all terms. With a gray exemplar all
        functions see the mean of the image's channels, so that descent stays gray.
      terms: `(image, data) -> {name: scalar}`, each term without its weight.
      features: `(image, data) -> {layer: [H', W', C]}`.
      data: weights and targets, on the device. Pass it as an argument: as a constant it would be
        compiled in.
      start: initial image, `[height, width, 3]` in [0, 1].
    """

    loss: Callable[[jax.Array, Any], jax.Array]
    terms: Callable[[jax.Array, Any], dict[str, jax.Array]]
    features: Callable[[jax.Array, Any], networks.Features]
    data: Any
    start: np.ndarray


@jax.transfer_guard("allow")
def build(style: Style | None, *, content: Picture | None = None, **choices: Any) -> Objective:
    """Builds the loss of a synthesis as pure functions, usable under `jit`, `grad` and `vmap`.

    The functions use XLA's own operations, on every platform, so all of JAX's transformations
    apply, forward mode included (with `strips`, reverse mode only). There is one scale: the image
    is at full size, or a few pixels larger, so that every pooling divides it.

    Gradient descent with optax:

    >>> objective = jaxtex.build(pebbles, size=128)
    >>> optimizer = optax.adam(0.02)
    >>> image = jnp.asarray(objective.start)
    >>> state = optimizer.init(image)
    >>> @jax.jit
    ... def step(image, state, data):
    ...     gradient = jax.grad(objective.loss)(image, data)
    ...     updates, state = optimizer.update(gradient, state)
    ...     return jnp.clip(image + updates, 0, 1), state

    A batch of images, and the features of one:

    >>> jax.vmap(objective.loss, (0, None))(images, objective.data)
    >>> objective.features(image, objective.data)["relu2_1"]

    Args:
      style: the exemplar, or a list, or None.
      content: as for `transfer`.
      **choices: fields of `jaxtex.Config`; those of the loop (`num_steps`, `optimizer`, ...) have
        no effect.

    Raises:
      UserError: as `transfer`; or the statistic has a critic, which learns during a synthesis.
    """
    settings = _parse(content, {**choices, "scales": 1})
    inputs = _build_inputs(style, content, settings)
    spec, problem, start = planning.build_functional(inputs, settings)

    def loss(image: jax.Array, data: Any) -> jax.Array:
        _require_image(image, start.shape[2])
        value, _ = problem.loss_fn(image, data, ())
        return value

    def terms(image: jax.Array, data: Any) -> dict[str, jax.Array]:
        _require_image(image, start.shape[2])
        _, (values, _) = problem.loss_fn(image, data, ())
        return values

    def features(image: jax.Array, data: Any) -> networks.Features:
        _require_image(image, start.shape[2])
        image = losses.compose(image, data)
        return spec.network.apply(data["variables"], image)

    return Objective(loss, terms, features, jax.device_put(problem.data(0)), start)


def _require_image(image: Any, channels: int) -> None:
    """Raises `UserError` unless an array, which may be traced, has floats `[H, W, channels]`."""
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", None)
    if shape is None or dtype is None:
        found = type(image).__name__
    elif len(shape) == 3 and shape[2] == channels and jnp.issubdtype(dtype, jnp.floating):
        return
    else:
        found = f"{dtype} of shape {list(shape)}"
    raise errors.UserError(
        f"image: must be floats of shape [H, W, {channels}], got {found}; jax.vmap takes batches"
    )
