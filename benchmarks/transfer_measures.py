"""Measures of a style transfer, with the real VGG-19 to relu3_4. Lower is better, but for layout.

`measure` is the one place to change when `jaxtex.metrics` has these rows.
"""

import functools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import images, metrics
from jaxtex.images import color_transfer

BLOCKS = ((1, 2), (2, 2), (3, 4))  # block and number of its convolutions
MEAN = (103.939, 116.779, 123.68)  # BGR
STRUCTURE_LAYERS = ("relu2_1", "relu3_1", "relu3_4")
GRAM_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
POSITIONS = 1024  # about; of a layer, whose similarities are compared
BLURRED = 32  # pixels of the longer side, when only light and dark areas are left
EPSILON = 1e-6


def measure(
    result: np.ndarray, content: np.ndarray, style: np.ndarray, weights: pathlib.Path
) -> dict[str, float]:
    """Compares a result with its content and its style.

    Args:
      result: `[H, W, 3]` in [0, 1].
      content: resized to the result's size.
      style: resized to the result's shorter side.
      weights: kernels and biases of VGG-19 to relu3_4, `.npz`.

    Returns:
      `structure`: mean difference of the content's and the result's self-similarity.
      `light`: 1 - rank correlation of their blurred brightness.
      `layout`: correlation of the result's blurred brightness with the style's, stretched to it.
      `gram`: squared distance of Gram matrices over the square of the style's.
      `patches`: as in `jaxtex.metrics`.
    """
    content = images.resize(content, *result.shape[:2])
    style = images.resize_shorter_side(style, min(result.shape[:2]))
    of_result, of_content, of_style = (
        _features(weights)(jnp.asarray(image)) for image in (result, content, style)
    )
    similarities = [
        _similarity(of_result[layer]) - _similarity(of_content[layer]) for layer in STRUCTURE_LAYERS
    ]
    grams = [(_gram(of_result[layer]), _gram(of_style[layer])) for layer in GRAM_LAYERS]
    stretched = images.resize(style, *result.shape[:2])
    return {
        "structure": float(np.mean([np.abs(difference).mean() for difference in similarities])),
        "light": 1 - _correlation(_ranks(_light(result)), _ranks(_light(content))),
        "layout": _correlation(_light(result), _light(stretched)),
        "gram": float(np.mean([((a - b) ** 2).sum() / (b**2).sum() for a, b in grams])),
        "patches": float(metrics.patches(style, result)),
    }


@functools.cache
def _features(path: pathlib.Path):
    """Returns a compiled function: image `[H, W, 3]` -> features of all layers by name."""
    weights = dict(np.load(path))

    @jax.jit
    def features(image: jax.Array) -> dict[str, jax.Array]:
        x = image[..., ::-1] * 255 - jnp.array(MEAN)
        found = {}
        for block, count in BLOCKS:
            for i in range(1, count + 1):
                x = jnp.pad(x, ((1, 1), (1, 1), (0, 0)), "reflect")
                x = jax.lax.conv_general_dilated(
                    x[None],
                    weights[f"conv{block}_{i}/kernel"],
                    (1, 1),
                    "VALID",
                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                )[0]
                x = jax.nn.relu(x + weights[f"conv{block}_{i}/bias"])
                found[f"relu{block}_{i}"] = x
            height, width = x.shape[0] // 2, x.shape[1] // 2
            squares = x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
            x = squares.max((1, 3))
        return found

    return features


def _similarity(features: jax.Array) -> np.ndarray:
    """Returns cosine distances between positions, each column divided by its mean."""
    height, width, channels = features.shape
    step = max(1, int(np.sqrt(height * width / POSITIONS)))
    rows = np.asarray(features)[::step, ::step].reshape(-1, channels)
    rows = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + EPSILON)
    distances = 1 - rows @ rows.T
    return distances / (distances.mean(0, keepdims=True) + EPSILON)


def _gram(features: jax.Array) -> np.ndarray:
    """Returns the Gram matrix of features `[H, W, C]`."""
    rows = np.asarray(features).reshape(-1, features.shape[-1])
    return rows.T @ rows / len(rows)


def _light(image: np.ndarray) -> np.ndarray:
    """Returns the brightness of an image, reduced to `BLURRED` pixels, as a vector."""
    ratio = BLURRED / max(image.shape[:2])
    height, width = (max(1, round(side * ratio)) for side in image.shape[:2])
    return images.resize(image, height, width) @ np.float32(color_transfer.LUMINANCE)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Returns the position of each value in their order."""
    return np.argsort(np.argsort(values.ravel()))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Pearson's correlation."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
