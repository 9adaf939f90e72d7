"""The arrangement of a texture: what stands where over long distances, and how regular that is.

Statistics of features know what is near to what. Courses of bricks and grids of tiles reach
farther; the coarse scales of a synthesis decide them.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import images, networks, statistics
from jaxtex.images import color_transfer
from jaxtex.losses import base
from jaxtex.statistics import autocovariance

LEAST, MOST = 3 / 64, 7 / 16  # lags that are compared, in shorter sides of the smallest image
EDGE = 0.05  # brightness per pixel: weaker edges hardly count
ENERGY = 1e-8  # added to the energy of autocovariances: those of a plain image
SHORTER = 256  # pixels of a side: larger images are halved, so that the term costs little


def arrangement(share: float, tile: str = "") -> base.Term:
    """Returns the relative squared difference of long autocovariances.

    They are those of brightness and of the strength of its edges, at all lags of 3/64 to 7/16 of
    the shorter side of the smallest image. Those of several exemplars are averaged. Images are
    halved while the shortest side among them has twice `SHORTER` pixels or more.

    Args:
      share: weight in the loss.
      tile: axes along which the image is periodic: "", "x", "y" or "xy". Exemplars are not.

    References:
      Gonthier, Gousseau and Ladjal, "High-Resolution Neural Texture Synthesis with Long-Range
      Constraints", JMIV 2022, https://arxiv.org/abs/2008.01808, for autocorrelations of features.
      Departures: the autocovariances of the image instead of features, and pairs that wrap around
      only where the image is periodic. Their Fourier moduli are left out: those of a small exemplar
      are too smooth for a larger image, whose rows they break.
    """

    def evaluate(
        image: jax.Array, features: networks.Features, target: dict[str, jax.Array]
    ) -> jax.Array:
        del features
        ((name, expected),) = target.items()
        expected = expected.astype(image.dtype)
        for _ in range(networks.octave_of(name)):
            image = _halve(image)
        found = _autocovariances(image, len(expected) - 1, tile)
        inside = _ring(len(expected) - 1)[..., None]
        squares = jnp.sum(jnp.where(inside, found - expected, 0) ** 2, (0, 1))
        energy = jnp.sum(jnp.where(inside, expected, 0) ** 2, (0, 1)) + ENERGY
        return jnp.mean(squares / energy)

    def make_target(images: base.TargetImages) -> dict[str, jax.Array]:
        styles = list(map(jnp.asarray, images.styles))
        sides = [side for style in styles for side in style.shape[:2]]
        shortest, halvings = min(images.height, images.width, *sides), 0
        while shortest >= 2 * SHORTER:
            styles = [_halve(style) for style in styles]
            shortest, halvings = shortest // 2, halvings + 1
        extract = jax.jit(_autocovariances, static_argnums=1)
        found = jnp.stack([extract(style, int(MOST * shortest)) for style in styles])
        mean = jnp.average(found, 0, jnp.asarray(images.weights, jnp.float32))
        return {networks.octave_name("autocovariances", halvings): mean}

    return base.Term(evaluate, share, make_target)


def _halve(image: jax.Array) -> jax.Array:
    """Returns the means of blocks of 2 x 2 pixels; an odd row or column is left out."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    blocks = image[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    return blocks.mean((1, 3))


def regularity(exemplar: np.ndarray) -> float:
    """Returns how alike the long autocovariances of the exemplar's halves are.

    Those of a regular texture are the same in both halves: they are of the texture. Those of an
    irregular one are of chance.

    Args:
      exemplar: `[H, W, C]`, the first three channels sRGB in [0, 1].

    Returns:
      The correlation of the autocovariances of left and right half, and of upper and lower half, on
      average; the smaller one of brightness and of edges. At most 1, about 0 for noise.
    """
    shorter = min(exemplar.shape[:2])
    picture = np.asarray(exemplar[..., :3], np.float32)
    if shorter > SHORTER:
        picture = images.resize_shorter_side(picture, SHORTER)
    signals = _signals(picture.astype(np.float64))
    height, width = signals.shape[:2]
    found = [
        _correlation(signals[:, : width // 2], signals[:, -(width // 2) :]),
        _correlation(signals[: height // 2], signals[-(height // 2) :]),
    ]
    return float(np.mean(found, 0).min())


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the correlation of the autocovariances of two images of equal shapes, `[C]`."""
    height, width = one.shape[:2]
    down, right = int(MOST * height), int(MOST * width)
    lengths = np.hypot(np.arange(down + 1)[:, None], np.arange(-right, right + 1))
    far = (lengths >= LEAST * max(height, width))[..., None]
    first, second = (
        far * autocovariance.at_lags(each - each.mean((0, 1)), down, right) for each in (one, other)
    )
    energies = np.sum(first**2, (0, 1)) * np.sum(second**2, (0, 1))
    return np.sum(first * second, (0, 1)) / np.sqrt(energies + statistics.TINY**2)


def _signals(image: Any, tile: str = "") -> Any:
    """Returns brightness and the strength of its edges, `[H, W, 2]`, of NumPy or of JAX."""
    library = np if isinstance(image, np.ndarray) else jnp
    shares = enumerate(color_transfer.LUMINANCE)
    brightness = sum(share * image[..., channel] for channel, share in shares)
    widths = [(int("y" in tile),) * 2, (int("x" in tile),) * 2]
    down, right = (
        each[widths[0][0] : len(each) - widths[0][1], widths[1][0] : each.shape[1] - widths[1][1]]
        for each in library.gradient(library.pad(brightness, widths, "wrap"))
    )
    # The root is smooth where there are no edges.
    edges = library.sqrt(down**2 + right**2 + EDGE**2)
    return library.stack([brightness, edges], -1)


def _autocovariances(image: jax.Array, reach: int, tile: str = "") -> jax.Array:
    """Returns the autocovariances of an image's signals up to a lag, `[reach + 1, ..., 2]`."""
    signals = _signals(image, tile)
    centered = signals - signals.mean((0, 1), keepdims=True)
    return autocovariance.at_lags(centered, reach, reach, tile)


def _ring(reach: int) -> jax.Array:
    """Returns the lags that are compared, of those of `autocovariance.at_lags`; bool."""
    down, right = jnp.arange(reach + 1)[:, None], jnp.arange(-reach, reach + 1)[None]
    squares = down**2 + right**2  # whole numbers
    return (squares >= math.ceil((LEAST / MOST * reach) ** 2)) & (squares <= reach**2)
