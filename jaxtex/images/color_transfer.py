"""Color: whether an image has any, and the colors of one image in another.

Images are `[H, W, 3]` in [0, 1] unless a function says otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxtex.images import arrays, io

GRAY = 2.5 / 255  # channels of a gray image may differ by rounding in the file, two levels,
GRAY_SHARE = 0.05  # and by this part of its contrast at most
MEAN = (1, 1, 1)  # weights of red, green and blue
LUMINANCE = (0.299, 0.587, 0.114)  # Y of YIQ, the color space of NTSC
FIRST = (1, 0, 0)
PALE = 1e-3  # variance of the colors of a pale photograph
TINY = 1e-5  # added to variances, so that flat images have an invertible covariance


def is_gray(image: np.ndarray) -> bool:
    """Returns True if the channels of an image are equal, but for rounding in its file."""
    image = arrays.check(image)
    difference = np.ptp(image, -1).max()
    return bool(difference <= min(GRAY, GRAY_SHARE * np.ptp(image)))


def to_gray(image: np.ndarray) -> np.ndarray:
    """Returns the luminance of an image in all three channels, `[H, W, 3]`."""
    everywhere = np.ones((1, 1, 1), np.float32)
    gray = blend_gray(arrays.check(image), everywhere, LUMINANCE)
    return np.clip(gray, 0, 1).astype(np.float32)


def snap_gray(image: np.ndarray) -> np.ndarray:
    """Returns an image, with equal channels if it is gray."""
    image = arrays.check(image)
    return to_gray(image) if is_gray(image) else image


def gray_share(
    sources: Sequence[np.ndarray],
    masks: Sequence[np.ndarray] | None = None,
    gray_maps: Sequence[bool] = (),
) -> np.ndarray | None:
    """Returns where a result of some images must be gray: what is gray stays gray.

    Args:
      sources: the images whose colors the result takes, `[H, W, 3 k]`.
      masks: for each source where the result follows it, `[H, W]`; None: everywhere.
      gray_maps: whether the maps beyond the first, of a single source, are gray.

    Returns:
      The share of `blend_gray`, `[H or 1, W or 1, k]`; None: nowhere.
    """
    are_gray = [is_gray(source[..., :3]) for source in sources]
    by_map = [all(are_gray), *gray_maps]
    if any(by_map):
        return np.array(by_map, np.float32)[None, None]
    if masks is None or not any(are_gray):
        return None

    # Where masks overlap, a source with colors prevails.
    size = masks[0].shape
    planes = [io.resize(mask[..., None], *size) for mask in masks]
    gray = np.max([plane for plane, one in zip(planes, are_gray, strict=True) if one], 0)
    colored = np.max([plane for plane, one in zip(planes, are_gray, strict=True) if not one], 0)
    return np.minimum(gray, 1 - colored)


def blend_gray(image: Any, share: Any, weights: tuple[float, float, float] = MEAN) -> Any:
    """Blends an image, or each of several maps, with gray. For NumPy and JAX.

    Args:
      image: k maps, `[..., H, W, 3 k]`.
      share: of the gray, `[..., H or 1, W or 1, k]` in [0, 1]: where it is 1 the channels become
        equal, where it is 0 they keep their values. None returns the image unchanged.
      weights: of the channels in the gray.
    """
    if share is None:
        return image
    maps = image.reshape(*image.shape[:-1], -1, 3)
    total = sum(weight * maps[..., channel] for channel, weight in enumerate(weights))
    gray = total / sum(weights)  # the mean of ones is exactly 1
    share = share.astype(image.dtype)[..., None]
    return ((1 - share) * maps + share * gray[..., None]).reshape(image.shape)


def split_color(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits an image into its luminance and its color.

    Adding the color to another luminance keeps I and Q of YIQ, as all channels change alike.

    Returns:
      The luminance as a gray image, and what the image differs from it; both `[H, W, 3]`.
    """
    image = arrays.check(image)
    gray = to_gray(image)
    return gray, image - gray


def match_luminance(style: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Makes a style gray, with the mean and standard deviation of the luminance of a content.

    Args:
      style: `[H, W, 3]` in [0, 1].
      content: `[H', W', 3]` in [0, 1].

    Returns:
      `[H, W, 3]` with equal channels, float32, clipped to [0, 1].

    References:
      Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic Style Transfer",
      2016, https://arxiv.org/abs/1606.05897, section 2: luminance-only transfer.
    """
    style, target = to_gray(style), to_gray(content)
    gain = target.std() / max(style.std(), TINY)
    return np.clip((style - style.mean()) * gain + target.mean(), 0, 1).astype(np.float32)


def match_color(style: np.ndarray, content: np.ndarray, added: float = TINY) -> np.ndarray:
    """Gives a style the mean and covariance of the colors of a content.

    Of all linear maps that do so, this one moves the colors least. A gray content, whose covariance
    has rank one, makes the style gray.

    Args:
      style: image to recolor, `[H, W, 3]` in [0, 1].
      content: gives the colors, `[H', W', 3]` in [0, 1].
      added: to the variances of both. A larger value keeps the noise of a pale style pale.

    Returns:
      `[H, W, 3]`, float32, clipped to [0, 1].

    References:
      Gatys et al. (2016), as in `match_luminance`, section 3: color transfer for image analogies.
      The paper maps by a product of two matrix roots; here the map is symmetric.
    """
    style, content = arrays.check(style), arrays.check(content)
    if is_gray(content):
        return match_luminance(style, content)
    mean, covariance = _moments(style, added)
    target_mean, target = _moments(content, added)
    root = _power(covariance, 0.5)
    inverse = _power(covariance, -0.5)
    linear = inverse @ _power(root @ target @ root, 0.5) @ inverse
    return np.clip((style - mean) @ linear + target_mean, 0, 1).astype(np.float32)


def recolor(content: np.ndarray, styles: Sequence[np.ndarray], shares: np.ndarray) -> np.ndarray:
    """Gives a content the mean and covariance of its styles' colors, but no colors to its noise.

    Args:
      content: `[H, W, 3]` in [0, 1].
      styles: each `[H', W', 3]` in [0, 1].
      shares: how much each style counts in each pixel, `[K, H, W, 1]`.

    Returns:
      `[H, W, 3]`, float32, clipped to [0, 1].
    """
    recolored = [match_color(content, style, PALE) for style in styles]
    blend = sum(share * image for share, image in zip(shares, recolored, strict=True))
    return np.clip(blend / shares.sum(0), 0, 1).astype(np.float32)


def _moments(image: np.ndarray, added: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean, `[3]`, and the covariance, `[3, 3]`, of the colors."""
    pixels = image.reshape(-1, 3).astype(np.float64)
    return pixels.mean(0), np.cov(pixels.T) + added * np.eye(3)


def _power(matrix: np.ndarray, power: float) -> np.ndarray:
    """Returns a real power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, TINY**2) ** power) @ vectors.T


def _make_gray(image: np.ndarray, *others: object) -> np.ndarray:
    """Returns the image without its colors."""
    del others
    return to_gray(image)


def _keep(image: np.ndarray, *others: object) -> np.ndarray:
    """Returns the image unchanged."""
    del others
    return image


# --preserve_color -> what to do to each style before the transfer.
PRESERVE_COLOR: Mapping[str, Callable[..., np.ndarray]] = {
    "none": _keep,
    "match": match_color,
    "luminance": match_luminance,
    "gray": _make_gray,
}

# --content_color -> what to do to the content before the transfer.
CONTENT_COLORS: Mapping[str, Callable[..., np.ndarray]] = {"style": recolor, "own": _keep}
