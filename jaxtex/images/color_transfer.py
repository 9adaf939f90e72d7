"""Color transfer: the colors of one image in another. Images are `[H, W, 3]` in [0, 1]."""

import numpy as np

# RGB -> YIQ, the color space of NTSC: luma, then two channels of chroma.
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
TINY = 1e-5  # added to variances, so that flat images have an invertible covariance


def match_luminance(result: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Combines the luminance of one image with the colors of another.

    Args:
      result: gives the luminance, `[H, W, 3]` in [0, 1].
      content: gives the colors, of the same shape.

    Returns:
      `[H, W, 3]`, float32, clipped to [0, 1].

    References:
      Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic Style Transfer",
      2016, https://arxiv.org/abs/1606.05897, section 2. The paper also transfers style on luminance
      alone; here the transfer uses all colors.
    """
    luminance = (result @ TO_YIQ.T)[..., :1]
    chroma = (content @ TO_YIQ.T)[..., 1:]
    mixed = np.concatenate([luminance, chroma], -1)
    return np.clip(mixed @ np.linalg.inv(TO_YIQ).T, 0, 1).astype(np.float32)


def match_color(style: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Gives a style the mean and covariance of the colors of a content.

    Of all linear maps that do so, this one moves the colors least.

    Args:
      style: image to recolor, `[H, W, 3]` in [0, 1].
      content: gives the colors, `[H', W', 3]` in [0, 1].

    Returns:
      `[H, W, 3]`, float32, clipped to [0, 1].

    References:
      Gatys et al. (2016), as in `match_luminance`, section 3: color transfer for image analogies.
      The paper maps by a product of two matrix roots; here the map is symmetric.
    """
    mean, covariance = _moments(style)
    target_mean, target = _moments(content)
    root = _power(covariance, 0.5)
    inverse = _power(covariance, -0.5)
    linear = inverse @ _power(root @ target @ root, 0.5) @ inverse
    return np.clip((style - mean) @ linear + target_mean, 0, 1).astype(np.float32)


def _moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean, `[3]`, and the covariance, `[3, 3]`, of the colors."""
    pixels = image.reshape(-1, 3).astype(np.float64)
    return pixels.mean(0), np.cov(pixels.T) + TINY * np.eye(3)


def _power(matrix: np.ndarray, power: float) -> np.ndarray:
    """Returns a real power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, TINY**2) ** power) @ vectors.T


def _keep(image: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Returns the image unchanged."""
    del content
    return image


# --preserve_color -> what to do to each style before the transfer, and to the result after it.
PRESERVE_COLOR = {
    "none": (_keep, _keep),
    "match": (match_color, _keep),
    "luminance": (_keep, match_luminance),
}
