"""Terms of the image itself, and of one feature map: neither statistics nor content."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxtex import networks, statistics
from jaxtex.losses import base, rows, summaries
from jaxtex.networks import steerable_pyramid

DETAIL_SIZES = 3  # of the image, each half of the one before
DEFICIT = 0.002  # what too little fine detail counts, relative to too much
HOLE = 10  # times the difference in a hole, whose few pixels the statistics hold less
ROUNDING = 255.0**-2  # energy that 8 bits cannot represent


def activation(layer: str, channel: int, share: float) -> base.Term:
    """Returns minus the mean of a feature map, for activation maximization.

    It is in units of the largest value of the map in the styles and the content.

    Args:
      layer: name of the layer.
      channel: index of the feature map, less than the number of the layer's channels.
      share: weight in the loss.

    References:
      Erhan, Bengio, Courville and Vincent, "Visualizing Higher-Layer Features of a Deep Network",
      2009; Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them",
      CVPR 2015, https://arxiv.org/abs/1412.0035, who add the total variation. Departure from both:
      the mean of the whole map is maximized, not one position.
    """

    def evaluate(image: jax.Array, features: networks.Features, target: jax.Array) -> jax.Array:
        del image
        return -jnp.mean(features[layer][..., channel], dtype=jnp.float32) / target

    def make_target(images: base.TargetImages) -> jax.Array:
        given = [*images.styles]
        if images.content is not None:
            given.append(images.content)

        features = [images.features(image)[layer] for image in given]
        maxima = jnp.stack([values[..., channel].max() for values in features])
        largest = maxima.max().astype(jnp.float32)
        return jnp.where(largest > 0, largest, 1.0)

    def sum_rows(
        features: networks.Features, target: jax.Array, places: rows.Places
    ) -> dict[str, jax.Array]:
        del target
        if layer not in features:
            return {}
        mean = jnp.mean(features[layer][..., channel], dtype=jnp.float32)
        return {layer: mean * places[layer].share}

    def evaluate_sums(sums: dict[str, jax.Array], target: jax.Array) -> jax.Array:
        return -sums[layer] / target

    row_sums = rows.RowSums(sum_rows, evaluate_sums, layers=(layer,))
    return base.Term(evaluate, share, make_target, row_sums=row_sums)


def total_variation(share: float, tile: str = "") -> base.Term:
    """Returns the mean squared difference of neighboring pixels.

    Args:
      share: weight in the loss.
      tile: axes along which the image is periodic: "", "x", "y" or "xy". Pixels at opposite borders
        are neighbors there.
    """

    def evaluate(image: jax.Array, features: networks.Features, target: None) -> jax.Array:
        del features, target
        down = jnp.diff(image, axis=0, append=image[:1] if "y" in tile else None)
        right = jnp.diff(image, axis=1, append=image[:, :1] if "x" in tile else None)
        return jnp.mean(down**2) + jnp.mean(right**2)

    return base.Term(evaluate, share)


def detail(share: float, tile: str = "") -> base.Term:
    """Returns the mean squared excess of the logarithms of energies of fine differences.

    Too little energy counts `DEFICIT` times as much: at full weight it would add noise to busy
    textures. The energies are those of differences between neighboring pixels: along rows, columns
    and both diagonals, and along rows and columns at once; in brightness and two opponent colors,
    at three sizes of the image. They are compared as ratios, so waves that are faint in the
    exemplar stay faint in the result; networks hardly see them. Those of several exemplars are
    averaged.

    Args:
      share: weight in the loss.
      tile: axes along which the image is periodic: "", "x", "y" or "xy". Exemplars are not.
    """

    def evaluate(image: jax.Array, features: networks.Features, target: jax.Array) -> jax.Array:
        del features
        excess = detail_levels(image, tile) - target.astype(image.dtype)
        return jnp.mean(jnp.where(excess > 0, excess**2, DEFICIT * excess**2))

    def make_target(images: base.TargetImages) -> jax.Array:
        levels = [jax.jit(detail_levels)(style) for style in images.styles]
        return jnp.average(jnp.stack(levels), 0, jnp.asarray(images.weights, jnp.float32))

    return base.Term(evaluate, share, make_target)


def detail_in_hole(share: float, tile: str = "") -> base.Term:
    """Returns ten times the difference of energies of `detail`, in a hole and along its outline.

    Both count alike, so that the outline of a hole that is filled is no edge. The expected energies
    are those of the exemplars where they are used.

    Args:
      share: weight in the loss.
      tile: as for `detail`.
    """

    def evaluate(
        image: jax.Array, features: networks.Features, target: dict[str, Any]
    ) -> jax.Array:
        del features
        found = jnp.stack([detail_levels(image, tile, region) for region in target["regions"]])
        return HOLE * jnp.mean((found - target["levels"].astype(image.dtype)) ** 2)

    def make_target(images: base.TargetImages) -> dict[str, Any]:
        levels = [
            detail_levels(jnp.asarray(style), region=used)
            for style, used in zip(images.styles, images.used, strict=True)
        ]
        mean = jnp.average(jnp.stack(levels), 0, jnp.asarray(images.weights, jnp.float32))
        return {"levels": mean, "regions": [jnp.asarray(each) for each in images.compared]}

    return base.Term(evaluate, share, make_target)


def shapes_in_hole(share: float) -> base.Term:
    """Returns the mean squared difference from what filled a hole, in units of the variance.

    Statistics alone would give a small hole the colors and shapes of all that is around it.

    Args:
      share: weight in the loss.
    """

    def evaluate(
        image: jax.Array, features: networks.Features, target: dict[str, Any]
    ) -> jax.Array:
        del features
        squares = jnp.mean((image - target["picture"]) ** 2, -1, keepdims=True)
        return _mean(squares, target["hole"])[0] / target["variance"]

    def make_target(images: base.TargetImages) -> dict[str, Any]:
        picture = jnp.asarray(images.filled)
        variance = jnp.mean(jnp.var(picture, (0, 1))) + ROUNDING
        hole = jnp.asarray(images.compared[0])[..., None]
        return {"picture": picture, "hole": hole, "variance": variance}

    return base.Term(evaluate, share, make_target)


def detail_levels(image: jax.Array, tile: str = "", region: Any = None) -> jax.Array:
    """Returns the logarithms of the mean squared differences that `detail` compares.

    Args:
      image: `[H, W, 3 k]` of k maps, in [0, 1].
      tile: axes along which pixels at opposite borders are neighbors.
      region: how much each pixel counts, `[H, W]` in [0, 1]; None: all alike.

    Returns:
      `[DETAIL_SIZES, 5, 3 k]`.
    """
    colors = [image[..., color::3] for color in range(3)]  # of all maps
    opponents = [
        sum(share * color for share, color in zip(shares, colors, strict=True))
        for shares in steerable_pyramid.COLORS.tolist()
    ]
    plane = jnp.stack(opponents, -1).reshape(image.shape)
    counts = None if region is None else jnp.asarray(region, image.dtype)[..., None]

    levels = []
    for size in range(DETAIL_SIZES):
        if size:
            plane = _halved(plane)
            counts = None if counts is None else _halved(counts)
        around = _with_next(_with_next(plane, 0, "y" in tile), 1, "x" in tile)
        down = around[1:] - around[:-1]
        right = around[:, 1:] - around[:, :-1]
        differences = [
            down[:, :-1] if "x" in tile else down,
            right[:-1] if "y" in tile else right,
            around[1:, 1:] - around[:-1, :-1],
            around[1:, :-1] - around[:-1, 1:],
            down[:, 1:] - down[:, :-1],
        ]
        levels.append(jnp.stack([_mean(each**2, counts) for each in differences]))
    return jnp.log(jnp.stack(levels) + ROUNDING)


def _halved(plane: jax.Array) -> jax.Array:
    """Returns the means of 2 x 2 pixels; a last odd row or column is left out."""
    height, width = (side // 2 for side in plane.shape[:2])
    return plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).mean((1, 3))


def _mean(plane: jax.Array, counts: jax.Array | None) -> jax.Array:
    """Returns the mean over positions, `[C]`; each counts as much as the pixel where it begins."""
    if counts is None:
        return jnp.mean(plane, (0, 1))
    counts = counts[: plane.shape[0], : plane.shape[1]]
    return jnp.sum(plane * counts, (0, 1)) / (jnp.sum(counts) + statistics.TINY)


def _with_next(plane: jax.Array, axis: int, periodic: bool) -> jax.Array:
    """Appends the first row or column to a periodic plane."""
    if not periodic:
        return plane
    return jnp.concatenate([plane, jax.lax.slice_in_dim(plane, 0, 1, axis=axis)], axis)


def spectrum(share: float) -> base.Term:
    """Returns the relative squared difference of Fourier moduli.

    The moduli of several exemplars are averaged.

    Args:
      share: weight in the loss.

    References:
      Liu, Gousseau and Xia, "Texture Synthesis Through Convolutional Neural Networks and Spectrum
      Constraints", ICPR 2016, https://arxiv.org/abs/1605.01141. Departure: each color
      has its own phase.
    """

    def evaluate(image: jax.Array, features: networks.Features, target: jax.Array) -> jax.Array:
        del features
        target = target.astype(image.dtype)
        return statistics.relative(target, moduli(image), image.shape[-1])

    def make_target(images: base.TargetImages) -> jax.Array:
        of_styles = [moduli_at(style, images.height, images.width) for style in images.styles]
        total_weight = sum(images.weights)
        shares = [weight / total_weight for weight in images.weights]
        return summaries.blend_summaries(of_styles, shares)

    return base.Term(evaluate, share, make_target)


def moduli(image: jax.Array) -> jax.Array:
    """Returns the square root of the power spectrum, without the mean of the image.

    Args:
      image: `[H, W, C]`.

    Returns:
      `[H, W, C]`, per pixel: comparable between images of different sizes.
    """
    centered = image - image.mean((0, 1), keepdims=True)
    power = jnp.abs(jnp.fft.fft2(centered, axes=(0, 1))) ** 2
    # TINY keeps the gradient finite at frequencies without power.
    return jnp.sqrt(power / image[..., 0].size + statistics.TINY)


def moduli_at(exemplar: jax.Array, height: int, width: int) -> jax.Array:
    """Interpolates the exemplar's moduli to another image size, at equal cycles per pixel.

    Args:
      exemplar: `[H, W, C]`.
      height: of the result in pixels.
      width: of the result in pixels.

    Returns:
      `[height, width, C]`.
    """
    shifted = jnp.fft.fftshift(moduli(exemplar), (0, 1))
    resized = jax.image.resize(shifted, (height, width, shifted.shape[-1]), "linear")
    return jnp.fft.ifftshift(resized, (0, 1))
