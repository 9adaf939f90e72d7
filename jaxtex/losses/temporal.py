"""Temporal term: frames of a sequence do not flicker where their content does not change."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import images, networks
from jaxtex.images import arrays
from jaxtex.losses import base

# A change of the content by this much, of the range from black to white, counts as one: 13 of 255
# levels. The noise of a camera, one or two levels, is far below it.
CHANGE = 0.05
BLUR = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # binomial: levels noise, and widens moving edges


def temporal(share: float) -> base.Term:
    """Returns the mean squared difference to the result of the frame before, where nothing moved.

    Args:
      share: weight in the loss.

    Returns:
      A term whose target has `previous`, the result of the frame before, `[H, W, 3]`, and
      `unchanged`, see `unchanged_share`, `[H, W, 1]`.

    References:
      Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR 2016,
      https://arxiv.org/abs/1604.08610: the short-term temporal loss (eq. 7) and the start from the
      frame before. Departures: there is no optical flow. The paper warps the previous result along
      the flow and leaves out disocclusions and motion boundaries; here nothing is warped, and the
      weight of a pixel is a smooth function of the change of the content there. So what stands
      still is kept, and what moves is made again. There are no long-term weights and no passes
      backwards.
    """

    def evaluate(
        image: jax.Array, features: networks.Features, target: dict[str, jax.Array]
    ) -> jax.Array:
        del features
        change = image - target["previous"].astype(image.dtype)
        return jnp.mean(target["unchanged"].astype(image.dtype) * change**2)

    def make_target(given: base.TargetImages) -> dict[str, jax.Array]:
        assert given.previous is not None and given.unchanged is not None
        height, width = given.unchanged.shape[:2]
        below, right = given.height - height, given.width - width
        unchanged = np.pad(given.unchanged, ((0, below), (0, right), (0, 0)), "edge")
        return {"previous": jnp.asarray(given.previous), "unchanged": jnp.asarray(unchanged)}

    return base.Term(evaluate, share, make_target)


def compare(
    content: np.ndarray, previous: str | np.ndarray, height: int, width: int
) -> np.ndarray | None:
    """Compares a content with that of the frame before, at the size of the result.

    Args:
      content: `[H, W, 3]` in [0, 1], or `[H, W, 4]` with transparency.
      previous: such an image or its path; empty without a frame before.
      height: of the result, in pixels.
      width: of the result, in pixels.

    Returns:
      `[height, width, 1]`, see `unchanged_share`; None without a frame before.

    Raises:
      UserError: the previous content cannot be used.
    """
    if isinstance(previous, str):
        if not previous:
            return None
        previous = images.load(previous)
    previous = images.validate(previous, arrays.RGB_OR_RGBA, "a previous content")
    shown = [images.resize(_over_white(image), height, width) for image in (content, previous)]
    return unchanged_share(*shown)


def _over_white(image: np.ndarray) -> np.ndarray:
    """Shows a transparent image over white."""
    if image.shape[-1] == 3:
        return image
    return image[..., :3] * image[..., 3:] + (1 - image[..., 3:])


def unchanged_share(content: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Returns how much each pixel of a content is that of the frame before.

    Args:
      content: `[H, W, 3]` in [0, 1].
      previous: content of the frame before, `[H, W, 3]` in [0, 1].

    Returns:
      `exp(-d^2 / CHANGE^2)`, `[H, W, 1]`, float32, with d the root mean square of the change over
      the channels and a neighborhood of 5 x 5 pixels: 1 where nothing changes, 0 where something
      moves.
    """
    squares = np.mean((content - previous) ** 2, -1)
    for axis in (0, 1):
        size = squares.shape[axis]
        reach = len(BLUR) // 2
        padded = np.pad(squares, [(reach, reach) if i == axis else (0, 0) for i in (0, 1)], "edge")
        squares = sum(
            weight * padded.take(range(start, start + size), axis)
            for start, weight in enumerate(BLUR)
        )
    return np.exp(-squares / CHANGE**2)[..., None].astype(np.float32)
