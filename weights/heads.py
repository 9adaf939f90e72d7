"""Linear heads that predict the teacher's features from the student's, by least squares."""

from collections.abc import Callable

import crops
import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import networks

RIDGE = 1e-5  # of the mean energy of the inputs, in the regressions
MEASURED = 10**9  # number of the first batch that serves measurements; no training step has it
MEASURED_BATCHES = 8
FITS = 100  # batches that the final heads are fitted to


def measured(batches: Callable[[int], np.ndarray]) -> np.ndarray:
    """Returns images to measure on, `[N, H, W, 3]`: batches that no training step uses."""
    return np.concatenate([batches(MEASURED + i) for i in range(MEASURED_BATCHES)])


def second_moments(inputs: jax.Array, outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Averages `x x^T` and `x y^T` over all positions.

    Args:
      inputs: `x`, `[..., C]`.
      outputs: `y`, `[..., D]`.

    Returns:
      The means of `x x^T`, `[C, C]`, and of `x y^T`, `[C, D]`.
    """
    x = inputs.reshape(-1, inputs.shape[-1])
    y = outputs.reshape(-1, outputs.shape[-1])
    return x.T @ x / len(x), x.T @ y / len(x)


def regression(gram: jax.Array, mixed: jax.Array) -> jax.Array:
    """Solves for the matrix `[C, D]` that predicts `y` from `x` with the least squared error.

    Args:
      gram: mean of `x x^T`, `[C, C]`.
      mixed: mean of `x y^T`, `[C, D]`.
    """
    ridge = RIDGE * jnp.trace(gram) / len(gram) * jnp.eye(len(gram))
    return jax.scipy.linalg.solve(gram + ridge, mixed, assume_a="pos")


def refit(
    teacher: Callable, student: networks.VGG, variables: dict, batches: Callable[[int], np.ndarray]
) -> dict[str, jax.Array]:
    """Fits the heads of all layers to training images by least squares.

    Args:
      teacher: images -> features, as `students.Teacher`.
      student: the student.
      variables: its variables.
      batches: number of a batch -> images, `[N, H, W, 3]`.

    Returns:
      Layer -> matrix, `[student's C, teacher's C]`.
    """

    @jax.jit
    def moments(images):
        target = teacher(images)
        own = jax.vmap(student.apply, (None, 0))(variables, images)
        return {name: second_moments(own[name], target[name]) for name in student.layers}

    parts = [moments(batches(MEASURED + i)) for i in range(FITS)]
    means = jax.tree.map(lambda *leaves: sum(leaves) / len(leaves), *parts)
    return {name: regression(*means[name]) for name in student.layers}


def residuals(
    teacher: Callable,
    student: networks.VGG,
    variables: dict,
    heads: dict[str, jax.Array],
    folder: str,
) -> dict[str, float]:
    """Measures the share of the teacher's energy that the heads leave unexplained.

    Args:
      teacher: images -> features, as `students.Teacher`.
      student: the student.
      variables: its variables.
      heads: layer -> matrix, as `refit` returns them.
      folder: images to measure on, at full size.

    Returns:
      Layer -> share, 0 to 1.
    """

    @jax.jit
    def sums(image):
        target = teacher(image[None])
        own = student.apply(variables, image)
        return {
            n: (jnp.sum((target[n][0] - own[n] @ heads[n]) ** 2), jnp.sum(target[n] ** 2))
            for n in student.layers
        }

    unexplained = dict.fromkeys(student.layers, 0.0)
    energy = dict.fromkeys(student.layers, 0.0)
    for image in crops.load_images([folder]):
        for name, (error, total) in sums(np.asarray(image, np.float32) / 255).items():
            unexplained[name] += float(error)
            energy[name] += float(total)
    return {name: unexplained[name] / energy[name] for name in student.layers}
