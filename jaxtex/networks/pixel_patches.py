"""Patches of pixels: the colors of a neighborhood as features, without any weights.

Images are `[H, W, 3]`, RGB, in [0, 1]. A statistic of these features is one of the patches of an
image: with `sliced_wasserstein` at several octaves it is GPDM.

References:
  Elnekave and Weiss, "Generating Natural Images with Direct Patch Distributions Matching" (GPDM),
  ECCV 2022, https://arxiv.org/abs/2203.11862: patches of 7 x 7 pixels in [-1, 1].
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxtex.networks import padding_pooling

SIDE = 7  # pixels of a patch along each axis
LAYERS = ("patches",)


class PixelPatches(nn.Module):
    """Patches of 7 x 7 pixels, one for each position.

    The only layer is `patches`, `[H - 6, W - 6, 147]`: rows, columns and colors of a patch, in
    [-1, 1], where mid-gray is 0. All patches lie inside the image. Along an axis whose padding is
    "wrap" they go on at the opposite border, and the layer is as long as the image.

    Attributes:
      padding: as for the other networks; values beyond the border are used with "wrap" alone, since
        a mirrored patch is one that an exemplar need not have.
      layers: names of the layers to return.
      pooling: ignored; there is no pooling.
      algorithms: "cpu" or "xla"; see `networks.algorithms_for`.
    """

    padding: str = "zero"
    layers: tuple[str, ...] = ()
    pooling: str = "avg"
    algorithms: str = "xla"

    def __call__(
        self, image: jax.Array, layers: Sequence[str] | None = None
    ) -> dict[str, jax.Array]:
        """Returns the features of the requested layers, or of some of them."""
        layers = self.layers if layers is None else layers
        if not layers:
            return {}
        x = 2 * jnp.asarray(image, jnp.float32) - 1  # as the features of the other networks
        for axis, reach in enumerate(self._reaches()):
            if reach:
                x = padding_pooling.pad_axis(x, axis, "wrap", reach, self.algorithms)

        height, width = x.shape[0] - SIDE + 1, x.shape[1] - SIDE + 1
        shifted = [
            x[row : row + height, column : column + width]
            for row in range(SIDE)
            for column in range(SIDE)
        ]
        return {"patches": jnp.concatenate(shifted, -1)}

    def _reaches(self) -> tuple[int, int]:
        """Returns the pixels beyond the border that patches have, along both axes."""
        rows, columns = padding_pooling.split_padding(self.padding)
        return SIDE // 2 * (rows == "wrap"), SIDE // 2 * (columns == "wrap")

    def names(self) -> tuple[str, ...]:
        """Returns the names of all layers."""
        return LAYERS

    def defaults(self) -> tuple[str, ...]:
        """Returns the layers used by default."""
        return LAYERS

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Returns the shapes of a weight file's tensors; this network has no weights."""
        return {}

    def halvings(self) -> int:
        """Returns 0: there is no pooling."""
        return 0

    def feature_shapes(self, height: int, width: int) -> dict[str, tuple[int, int, int]]:
        """Returns the shape `(H', W', C)` of each requested layer; 0 positions in small images.

        Args:
          height: of the image, in pixels.
          width: of the image, in pixels.
        """
        above, beside = self._reaches()
        rows = max(0, height + 2 * above - SIDE + 1)
        columns = max(0, width + 2 * beside - SIDE + 1)
        return {layer: (rows, columns, 3 * SIDE**2) for layer in self.layers}
