"""Untrained weights, which show what training adds to a network."""

import numpy as np

from jaxtex.weights import hdf5

PREPROCESSING = {  # centers an image in [0, 1]
    "mean": np.full(3, 0.5, np.float32),
    "deviation": np.full(3, 0.25, np.float32),
}


def random_weights(
    network: str, shapes: dict[str, tuple[int, ...]], pooling: str, seed: int = 0
) -> hdf5.Weights:
    """Draws He's normal kernels; biases are zero, batch norms are the identity.

    Args:
      network: a row of `networks.NETWORKS`.
      shapes: name in a weight file -> shape of the tensor, as the network's `shapes()` returns it;
        empty for a network without weights.
      pooling: the network's default pooling.
      seed: seed of the kernels; independent of the seed of the image.

    Returns:
      The weights, as float32.

    References:
      He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015,
      https://arxiv.org/abs/1502.01852: each layer keeps the mean square of its input.
    """
    rng = np.random.default_rng(seed)
    tensors = {name: _draw(name.partition("/")[2], shape, rng) for name, shape in shapes.items()}
    variables = hdf5.unflatten(tensors) | {"preprocessing": dict(PREPROCESSING)}
    return hdf5.Weights(variables, network, pooling, {"source": f"drawn with seed {seed}"})


def _draw(leaf: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if leaf == "kernel":
        fan_in = np.prod(shape[:3])
        return rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / fan_in))
    return np.full(shape, float(leaf in ("scale", "var")), np.float32)
