"""Colours kept from one image while the rest comes from another. Images are `[H, W, 3]` in [0, 1]."""

import numpy as np

TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
TINY = 1e-5  # of a variance: what a flat image has


def match_luminance(result: np.ndarray, content: np.ndarray) -> np.ndarray:
    """The brightness of the one with the colours of the other.

    References:
      Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic Style Transfer", 2016,
      https://arxiv.org/abs/1606.05897, section 2; there the transfer itself sees brightness alone.
    """
    mixed = np.concatenate([(result @ TO_YIQ.T)[..., :1], (content @ TO_YIQ.T)[..., 1:]], -1)
    return np.clip(mixed @ np.linalg.inv(TO_YIQ).T, 0, 1).astype(np.float32)


def match_color(style: np.ndarray, content: np.ndarray) -> np.ndarray:
    """The style with the mean and covariance of the content's colours, by the linear map that moves them least.

    References:
      Gatys et al. (2016), section 3: "image analogies" colour transfer, here with the symmetric map.
    """
    mean, covariance = _moments(style)
    wanted_mean, wanted = _moments(content)
    root = _power(covariance, 0.5)
    inverse = _power(covariance, -0.5)
    linear = inverse @ _power(root @ wanted @ root, 0.5) @ inverse
    return np.clip((style - mean) @ linear + wanted_mean, 0, 1).astype(np.float32)


def _moments(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels = image.reshape(-1, 3).astype(np.float64)
    return pixels.mean(0), np.cov(pixels.T) + TINY * np.eye(3)


def _power(matrix: np.ndarray, power: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, TINY**2) ** power) @ vectors.T


def _untouched(image: np.ndarray, content: np.ndarray) -> np.ndarray:
    del content
    return image


PRESERVE_COLOR = {
    "none": (_untouched, _untouched),
    "match": (match_color, _untouched),
    "luminance": (_untouched, match_luminance),
}
