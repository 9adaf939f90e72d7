"""Linear heads, by which the teacher's features follow from the student's: least squares from second moments."""

from collections.abc import Callable

import crops
import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks

RIDGE = 1e-5  # of the mean energy of the inputs, in the regressions
CALIBRATION = 10**9  # number of the first batch that serves measurements, not steps
FITS = 100  # batches that the last heads are fitted to


def measured(batches: Callable) -> np.ndarray:
    """Images to measure on, `[N, H, W, 3]`: batches that no step sees."""
    return np.concatenate([batches(CALIBRATION + i) for i in range(8)])


def second_moments(inputs: jax.Array, outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The means of `x x^T` `[C, C]` and `x y^T` `[C, D]` over all positions of `[..., C]` and `[..., D]`."""
    x, y = inputs.reshape(-1, inputs.shape[-1]), outputs.reshape(-1, outputs.shape[-1])
    return x.T @ x / len(x), x.T @ y / len(x)


def regression(gram: jax.Array, mixed: jax.Array) -> jax.Array:
    """The matrix `[C, D]` that predicts `y` from `x` with the least squares, from their second moments."""
    ridge = RIDGE * jnp.trace(gram) / len(gram) * jnp.eye(len(gram))
    return jax.scipy.linalg.solve(gram + ridge, mixed, assume_a="pos")


def refit(
    teacher: Callable, student: networks.VGG, variables: dict, batches
) -> dict[str, jax.Array]:
    """Heads by least squares on training images."""

    @jax.jit
    def moments(images):
        target, own = teacher(images), jax.vmap(student.apply, (None, 0))(variables, images)
        return {name: second_moments(own[name], target[name]) for name in student.layers}

    parts = [moments(batches(CALIBRATION + i)) for i in range(FITS)]
    means = jax.tree.map(lambda *leaves: sum(leaves) / len(leaves), *parts)
    return {name: regression(*means[name]) for name in student.layers}


def residuals(
    teacher: Callable, student: networks.VGG, variables: dict, heads: dict, folder: str
) -> dict[str, float]:
    """The share of the teacher's energy that is left unexplained on whole images of a folder."""
    left, energy = dict.fromkeys(student.layers, 0.0), dict.fromkeys(student.layers, 0.0)

    @jax.jit
    def sums(image):
        target, own = teacher(image[None]), student.apply(variables, image)
        return {
            n: (jnp.sum((target[n][0] - own[n] @ heads[n]) ** 2), jnp.sum(target[n] ** 2))
            for n in student.layers
        }

    for image in crops.load_images([folder]):
        for name, (a, b) in sums(np.asarray(image, np.float32) / 255).items():
            left[name], energy[name] = left[name] + float(a), energy[name] + float(b)
    return {name: left[name] / energy[name] for name in student.layers}
