"""Canvas of a scale: the result, and rows and columns beyond it that poolings need.

At each scale the canvas is a few pixels larger than the result. Images are where they are in the
result, and continue beyond its last row and column. They are not stretched to the canvas: a factor
of exactly two leads from each scale to the next, so nothing moves when the image is enlarged.
"""

import math

import numpy as np

from jaxtex.images import io
from jaxtex.losses import content, targets


def factor_of(side: int, canvas: int) -> int:
    """Returns the factor of a scale: the least power of two that makes the result fit its canvas.

    Args:
      side: height of the result, in pixels.
      canvas: height of the canvas of the scale, in pixels.
    """
    return 2 ** max(0, math.ceil(math.log2(side / canvas)))


def extend(
    image: np.ndarray, size: tuple[int, ...], canvas: tuple[int, int], tile: str
) -> np.ndarray:
    """Continues an image of the result beyond its last row and column.

    Args:
      image: `[H, W]` or `[H, W, C]`, of any size; a single pixel stays as it is.
      size: height and width of the result, in pixels.
      canvas: height and width of the canvas of a scale, in pixels.
      tile: axes along which the result is periodic: "", "x", "y" or "xy". The canvas has no further
        pixels there.

    Returns:
      An image that fills the canvas when it is resized.
    """
    if image.shape[:2] == (1, 1):
        return image
    factor = factor_of(size[0], canvas[0])
    further = [(0, 0)] * image.ndim
    for axis, name in enumerate("yx"):
        if name not in tile:
            extended = round(image.shape[axis] * factor * canvas[axis] / size[axis])
            further[axis] = (0, max(0, extended - image.shape[axis]))
    return np.pad(image, further, "edge")


def extend_masks(
    spec: targets.LossSpec, size: tuple[int, int], canvas: tuple[int, int], tile: str
) -> targets.LossSpec:
    """Does the same for the masks of all texture terms."""
    terms = [
        term if term.mask is None else term._replace(mask=extend(term.mask, size, canvas, tile))
        for term in spec.texture_terms
    ]
    return spec._replace(texture_terms=terms)


def fit(image: np.ndarray, canvas: tuple[int, int], tile: str) -> np.ndarray:
    """Cuts or continues the image of a scale so that it becomes the next canvas when it is doubled.

    Args:
      image: `[H, W, C]` in [0, 1].
      canvas: height and width of the next canvas, in pixels.
      tile: axes along which the result is periodic. There the whole image is resized.

    Returns:
      `[canvas height / 2, canvas width / 2, C]`, rounded up.
    """
    height, width = (-(-side // 2) for side in canvas)
    rows = image.shape[0] if "y" in tile else height
    columns = image.shape[1] if "x" in tile else width
    image = image[:rows, :columns]
    padded = content.pad_to(image, max(rows, image.shape[0]), max(columns, image.shape[1]))
    return io.interpolate(padded, height, width, tile)


def double(image: np.ndarray, canvas: tuple[int, int], tile: str) -> np.ndarray:
    """Enlarges the result of `fit` to the canvas.

    Args:
      image: half of the canvas, `[H, W, C]` in [0, 1].
      canvas: height and width of the canvas, in pixels.
      tile: axes along which the result is periodic, as in `images.resize`.

    Returns:
      `[*canvas, C]`.
    """
    rows, columns = (2 * side for side in image.shape[:2])
    return io.interpolate(image, rows, columns, tile)[: canvas[0], : canvas[1]]
