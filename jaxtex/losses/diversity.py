"""Diversity: the images of a batch keep away from each other.

Each image is compared with the others as they were a few steps ago. So every image keeps a loss,
and a line search, of its own.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxtex import networks, statistics
from jaxtex.losses import base

NAME = "diversity"  # of the term, and of its state among the critics
State = Mapping[str, jax.Array]


def diversity(layer: str, share: float) -> base.Term:
    """Returns how alike the features of an image and those of the others are, position by position.

    It is 1 plus the mean correlation of the centered features of one layer: 2 where all images are
    equal, 1 where they are as unlike as independent ones. Its target is the `State`.

    Args:
      layer: name of the layer.
      share: weight in the loss.

    References:
      Li, Fang, Yang, Wang, Lu and Yang, "Diversified Texture Synthesis with Feed-forward Networks",
      CVPR 2017, https://arxiv.org/abs/1703.01664. Departures: images are optimized, not made by a
      network; each is compared with all others, which is the paper's shuffled other on average; and
      correlations in place of distances, which would grow with the contrast.
    """

    def extract(features: networks.Features, target: State) -> jax.Array:
        del target
        centered = features[layer].astype(jnp.float32)
        centered = centered - centered.mean((0, 1), keepdims=True)
        return centered / jnp.sqrt(jnp.sum(centered**2) + statistics.TINY)

    def evaluate(image: jax.Array, own: jax.Array, target: State) -> jax.Array:
        del image
        return 1 + jnp.sum(own * target["others"])

    return base.Term(evaluate, share, extract=extract)


def init(shape: tuple[int, ...]) -> State:
    """Returns the state of an image that does not know the others yet.

    Args:
      shape: of the features that are compared, `(H, W, C)`.

    Returns:
      `own`, the features that were evaluated last, centered and of norm 1; and `others`, the mean
      of the other images' ones when they met last. Both are 0.
    """
    return {"own": jnp.zeros(shape, jnp.float32), "others": jnp.zeros(shape, jnp.float32)}


def meet(state: State) -> State:
    """Shows the images of a batch to each other.

    Args:
      state: of all images, `[B, H, W, C]`, at least two.
    """
    own = state["own"]
    return {"own": own, "others": (own.sum(0) - own) / (len(own) - 1)}
