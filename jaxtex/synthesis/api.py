"""All that the command does, from Python: arrays in, arrays out."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxtex.synthesis import config as configs
from jaxtex.synthesis import loop, planning

Style = np.ndarray | Sequence[np.ndarray]


def synthesize(
    style: Style, *, observe: loop.Observer = lambda progress: None, **choices: Any
) -> np.ndarray:
    """Makes a texture like an exemplar, or like several (`style_weights`, `masks`).

    >>> result = jaxtex.synthesize(jaxtex.load_image("images/pebbles.png"), size=128, num_steps=100)

    Args:
      style: the exemplar, `[H, W, 3]`, sRGB in [0, 1], at least 32 pixels on each side; or a list of them. With
        transparency it is `[H, W, 4]`; k maps of one material are `[H, W, 3 k]`, see `materials`.
      observe: is shown a `synthesis.Progress` every `save_every` steps.
      **choices: fields of `jaxtex.Config`, which are also the command's flags.

    Returns:
      The texture, `[height, width, C]` with as many channels as the exemplar, float32 in [0, 1].

    Raises:
      UserError: a choice or the exemplar cannot be used; the text says why.

    References:
      Gatys, Ecker and Bethge, "Texture Synthesis Using Convolutional Neural Networks", NeurIPS 2015,
      https://arxiv.org/abs/1505.07376. The defaults depart from it: the network, its octaves, mean and covariance in
      place of the Gram matrix, each layer's loss in units of the exemplar's energy, a start near the mean colour, and
      coarse to fine; docs/defaults.md says why.
    """
    return transfer(None, style, observe=observe, **choices)


def transfer(
    content: np.ndarray | None,
    style: Style | None,
    *,
    observe: loop.Observer = lambda progress: None,
    **choices: Any,
) -> np.ndarray:
    """Makes a picture with the content of one image and the style of another.

    >>> result = jaxtex.transfer(photograph, painting, size=384, preserve_color="luminance")

    Args:
      content: `[H, W, 3]`, sRGB in [0, 1]: what is shown; with transparency, which is kept, `[H, W, 4]`; None: a texture is
        made.
      style: likewise: how; a list blends; None reconstructs the content from its features.
      observe: is shown a `synthesis.Progress` every `save_every` steps.
      **choices: fields of `jaxtex.Config`: `content_layers`, `content_weight`, `init`, ...

    Returns:
      The picture, `[height, width, 3]`, float32 in [0, 1].

    Raises:
      UserError: a choice or an image cannot be used; the text says why.

    References:
      Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016.
    """
    return loop.run(planning.build_plan(style, configs.Config(**choices), content), observe)


def iterate(
    style: Style | None, *, content: np.ndarray | None = None, **choices: Any
) -> Iterator[loop.Progress]:
    """`transfer` as a loop of one's own, which may look at every image and leave at any time.

    >>> for progress in jaxtex.iterate(pebbles, num_steps=500, save_every=5):
    ...     show(progress.image)

    Args:
      style: the exemplar, or a list, or None.
      content: as for `transfer`.
      **choices: fields of `jaxtex.Config`.

    Yields:
      Every `save_every` steps a `synthesis.Progress`: `step`, `image` (`[H, W, 3]`, at the scale of the moment; the last
      one is the result), `infos` (losses of the steps since the last one).

    Raises:
      UserError: as `transfer`.
    """
    yield from loop.iterate(planning.build_plan(style, configs.Config(**choices), content))
