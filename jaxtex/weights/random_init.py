"""Weights that nobody trained: what a network is before it has seen an image, to tell what training adds."""

import numpy as np

from jaxtex.weights import hdf5

PREPROCESSING = {
    "mean": np.full(3, 0.5, np.float32),
    "deviation": np.full(3, 0.25, np.float32),
}  # centres an image


def random_weights(
    network: str, shapes: dict[str, tuple[int, ...]], pooling: str, seed: int = 0
) -> hdf5.Weights:
    """He's normal kernels, no biases, norms that change nothing, the image centred.

    Args:
      network: the row of `NETWORKS`.
      shapes: of its tensors by their names in a weight file; nothing is drawn if there are none.
      pooling: that of the row.
      seed: of the kernels alone; the image has its own.

    Returns:
      The weights, as float32.

    References:
      He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, https://arxiv.org/abs/1502.01852: each layer keeps
      the mean square of its input.
    """
    rng = np.random.default_rng(seed)
    tensors = {name: _draw(name.partition("/")[2], shape, rng) for name, shape in shapes.items()}
    variables = hdf5.unflatten(tensors) | {"preprocessing": dict(PREPROCESSING)}
    return hdf5.Weights(variables, network, pooling, {"source": f"drawn with seed {seed}"})


def _draw(leaf: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if leaf == "kernel":
        return rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[:3])))
    return np.full(shape, float(leaf in ("scale", "var")), np.float32)
