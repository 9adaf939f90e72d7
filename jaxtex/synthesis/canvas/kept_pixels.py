"""Kept pixels of a result: a picture, and the hole in it that a synthesis fills."""

from typing import NamedTuple

import numpy as np

from jaxtex import images
from jaxtex.losses import regions
from jaxtex.synthesis.canvas import extension

OUTLINE = 1  # pixel on each side of the border of a hole, at each scale


class Kept(NamedTuple):
    """A picture and its hole; only the hole changes.

    Attributes:
      picture: `[H, W, 3]` in [0, 1]; what is in the hole is where the synthesis starts.
      hole: bool `[H, W]`.
      tile: axes along which the result is periodic.
    """

    picture: np.ndarray
    hole: np.ndarray
    tile: str = ""

    def extended(self, canvas: tuple[int, int]) -> "Kept":
        """Returns picture and hole, continued to the canvas of a scale; see `extension.extend`."""
        place = self.hole.shape, canvas, self.tile
        picture = extension.extend(self.picture, *place)
        return self._replace(picture=picture, hole=extension.extend(self.hole, *place))

    def at(self, height: int, width: int) -> dict[str, np.ndarray]:
        """Returns `picture` and `hole` at the size of a scale, see `losses.compose`."""
        picture = images.resize(self.picture, height, width, self.tile)
        hole = regions.white_pixels(self.hole.astype(np.float32), height, width)
        return {"picture": picture, "hole": hole[..., None]}

    def regions_at(self, height: int, width: int) -> list[np.ndarray]:
        """Returns the hole at the size of a scale, and a band along its outline, `[H, W]`."""
        hole = self.at(height, width)["hole"][..., 0]
        outline = dilate(hole, OUTLINE) & dilate(~hole, OUTLINE)
        return [hole.astype(np.float32), outline.astype(np.float32)]

    def restore(self, result: np.ndarray) -> np.ndarray:
        """Returns a result `[H, W, 3]` with the kept pixels of the picture, to the bit."""
        return np.where(self.hole[..., None], result, self.picture)


def dilate(region: np.ndarray, radius: int) -> np.ndarray:
    """Returns all pixels within a distance of a region along both axes, bool `[H, W]`.

    Args:
      region: bool `[H, W]`.
      radius: the distance, in pixels.
    """
    for axis in (0, 1):
        counts = np.cumsum(np.moveaxis(region, axis, 0), 0)
        counts = np.pad(counts, ((radius + 1, radius), (0, 0)), "edge")
        counts[: radius + 1] = 0
        rows = region.shape[axis]
        within = counts[2 * radius + 1 :] > counts[:rows]
        region = np.moveaxis(within, 0, axis)
    return region
