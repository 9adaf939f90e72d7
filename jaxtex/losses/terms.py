"""Terms of the loss that are no statistics: content, spectrum, total variation, the excitement of a feature map."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import errors, networks, statistics
from jaxtex.losses import base


def content(weights: dict[str, float], share: float, norm: str = "relative") -> base.Term:
    """1/2 of the squared difference of the features, position by position, as a weighted mean over layers.

    Args:
      weights: layer -> weight.
      share: of the whole loss.
      norm: "relative": in units of the content's own energy; "plain": the sum itself, as in the source.

    References:
      Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style", 2015, https://arxiv.org/abs/1508.06576.
    """
    whole = sum(weights.values())

    def evaluate(
        image: jax.Array, features: networks.Features, target: networks.Features
    ) -> jax.Array:
        del image
        exact = lambda x: x.astype(statistics.accumulation_dtype(x))
        difference = lambda layer: statistics.NORMS[norm](
            exact(target[layer]), exact(features[layer]), target[layer].shape[-1]
        )
        return sum(weight / whole * 0.5 * difference(layer) for layer, weight in weights.items())

    def aim(pictures: base.TargetImages) -> networks.Features:
        features = pictures.features(pad_to(pictures.content, pictures.height, pictures.width))
        return {layer: features[layer] for layer in weights}

    return base.Term(evaluate, share, aim)


def pad_to(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """`[H, W, 3]` -> `[height, width, 3]`, which is no smaller: the last row and column are repeated."""
    return np.pad(
        image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)), "edge"
    )


def activation(layer: str, channel: int, share: float) -> base.Term:
    """Minus the mean of a feature map, in units of the largest value that it has in the styles and the content.

    References:
      Erhan, Bengio, Courville and Vincent, "Visualizing Higher-Layer Features of a Deep Network", 2009; Mahendran and
      Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015, https://arxiv.org/abs/1412.0035,
      who add the total variation. Departs from both: the mean of the whole map, not one position of it.
    """

    def evaluate(image: jax.Array, features: networks.Features, target: jax.Array) -> jax.Array:
        del image
        return -jnp.mean(features[layer][..., channel], dtype=jnp.float32) / target

    def aim(pictures: base.TargetImages) -> jax.Array:
        given = [*pictures.styles, *([] if pictures.content is None else [pictures.content])]
        maps = [pictures.features(picture)[layer] for picture in given]
        if channel >= maps[0].shape[-1]:
            raise errors.UserError(
                f"--excite={layer}:{channel}: '{layer}' has the channels 0 to {maps[0].shape[-1] - 1}"
            )
        largest = jnp.stack([each[..., channel].max() for each in maps]).max().astype(jnp.float32)
        return jnp.where(largest > 0, largest, 1.0)

    return base.Term(evaluate, share, aim)


def total_variation(share: float, tile: str = "") -> base.Term:
    """The mean squared difference of neighbouring pixels; of those at opposite borders too, along the axes of `tile`."""

    def evaluate(image: jax.Array, features: networks.Features, target: None) -> jax.Array:
        del features, target
        down = jnp.diff(image, axis=0, append=image[:1] if "y" in tile else None)
        right = jnp.diff(image, axis=1, append=image[:, :1] if "x" in tile else None)
        return jnp.mean(down**2) + jnp.mean(right**2)

    return base.Term(evaluate, share)


def spectrum(share: float) -> base.Term:
    """The moduli of the image's Fourier coefficients against the exemplar's, in units of the exemplar's energy.

    Those of several exemplars are averaged.

    References:
      Liu, Gousseau and Xia, "Texture Synthesis Through Convolutional Neural Networks and Spectrum Constraints", ICPR 2016,
      https://arxiv.org/abs/1605.01141. Departs from it: each colour has its own phase.
    """

    def evaluate(image: jax.Array, features: networks.Features, target: jax.Array) -> jax.Array:
        del features
        return statistics.relative(target, moduli(image), image.shape[-1])

    def aim(pictures: base.TargetImages) -> jax.Array:
        each = [moduli_at(style, pictures.height, pictures.width) for style in pictures.styles]
        return base.blend_summaries(
            each, [weight / sum(pictures.weights) for weight in pictures.weights]
        )

    return base.Term(evaluate, share, aim)


def moduli(image: jax.Array) -> jax.Array:
    """`[H, W, C]` -> `[H, W, C]`: the square roots of the power spectrum less the mean, comparable between sizes."""
    centred = image - image.mean((0, 1))
    power = jnp.abs(jnp.fft.fft2(centred, axes=(0, 1))) ** 2
    return jnp.sqrt(power / image[..., 0].size + statistics.TINY)


def moduli_at(exemplar: jax.Array, height: int, width: int) -> jax.Array:
    """The exemplar's moduli for an image of another size: the same frequencies in cycles per pixel, interpolated."""
    shifted = jnp.fft.fftshift(moduli(exemplar), (0, 1))
    return jnp.fft.ifftshift(
        jax.image.resize(shifted, (height, width, shifted.shape[-1]), "linear"), (0, 1)
    )
