"""Small features, and the distance of two of them, for tests of statistics of samples."""

import functools

import jax
import jax.numpy as jnp
import numpy as np


@functools.cache
def features(seed, shape=(6, 5, 4)):
    """Returns features as after a ReLU, `shape`; the same ones for the same seed."""
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return jnp.asarray(np.maximum(noise + np.float32(0.3), 0))


@functools.partial(jax.jit, static_argnums=0)
def distance(statistic, target, image):
    """Returns the distance of an image's features from those of an exemplar."""
    target = statistic.make_target(statistic.summarize(target))
    return statistic.distance(target, statistic.summarize(image))
