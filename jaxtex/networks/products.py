"""Products of matrices in full float32 on every device."""

import jax
import jax.numpy as jnp
from jax import lax


def contract(left: jax.Array, right: jax.Array, axis: int, other: int, batch: int = 0) -> jax.Array:
    """Returns a product over one axis of each factor.

    Args:
      left: first factor.
      right: second factor.
      axis: of `left`.
      other: axis of `right`.
      batch: number of leading axes of both that are not summed over.
    """
    leading = tuple(range(batch))
    dimensions = (((axis,), (other,)), (leading, leading))
    return lax.dot_general(left, right, dimensions, lax.Precision.HIGHEST)


def matmul(left: jax.Array, right: jax.Array) -> jax.Array:
    """Returns `left @ right`, multiplied in full float32 on every device.

    Args:
      left: `[..., N, K]`.
      right: `[..., K, M]`.
    """
    return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)
