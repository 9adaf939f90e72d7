"""Rows of layers, and the sums over them from which a term follows.

A term that is a function of sums over positions can be evaluated in strips of rows: each strip adds
its part (see `row_strips`). Positions that are drawn at random are such sums, too, with one vector
for each position.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxtex import networks


class Rows(NamedTuple):
    """Successive rows of one layer; features of rows that do not count are 0.

    Attributes:
      indices: index of each row in the layer, `[h]`; outside of the layer for some that do not
        count.
      inside: True for rows that count, bool `[h]`.
      height: rows of the layer.
    """

    indices: jax.Array
    inside: jax.Array
    height: int

    @property
    def share(self) -> float:
        """Ratio of these rows to all rows of the layer."""
        return len(self.indices) / self.height


Places = Mapping[str, Rows]  # layer -> the rows that a strip has of it


class RowSums(NamedTuple):
    """How a term of the loss is evaluated in strips.

    Attributes:
      sum_rows: (layer -> features `[h, W, C]` of some rows, target, which rows) -> layer -> what
        they add to the sums. It leaves out the layers that are not given.
      evaluate: (layer -> sums over all rows, target) -> scalar, the value of the term.
      layers: layers that the target is made from; none for texture terms, whose targets are made
        by `targets`.
    """

    sum_rows: Callable[[networks.Features, Any, Places], dict[str, Any]]
    evaluate: Callable[[dict[str, Any], Any], jax.Array]
    layers: tuple[str, ...] = ()


def take(array: jax.Array, rows: Rows) -> jax.Array:
    """Returns these rows of an array of the whole layer; any others for rows outside of it.

    Args:
      array: `[H, W, C]`.
      rows: which ones.
    """
    return jnp.take(array, rows.indices, axis=0, mode="clip")


def at_positions(features: jax.Array, rows: Rows, positions: jax.Array) -> jax.Array:
    """Returns the features at positions of the layer, `[P, C]`; zeros for those in other rows.

    Args:
      features: `[h, W, C]`.
      rows: which rows these are.
      positions: indices of rows and columns, row after row, `[P]`.
    """
    vectors = features.reshape(-1, features.shape[-1])
    local = positions - rows.indices[0] * features.shape[1]
    found = jnp.take(vectors, local, axis=0, mode="clip")
    is_here = (local >= 0) & (local < len(vectors))
    return jnp.where(is_here[:, None], found, 0)


def mask_positions(features: jax.Array, rows: Rows, positions: jax.Array) -> jax.Array:
    """Returns the features with zeros at all but some positions.

    Args:
      features: `[h, W, C]`.
      rows: which rows these are.
      positions: as for `at_positions`, in ascending order.
    """
    height, width, _ = features.shape
    count = height * width
    first = rows.indices[0] * width

    # No more than `count` of them are here, one after the other.
    start = jnp.searchsorted(positions, first)
    here = jnp.take(positions, start + jnp.arange(count), mode="fill", fill_value=-1)
    local = jnp.where(here >= first, here - first, count)
    mask = jnp.zeros(count, bool).at[local].set(True, mode="drop")
    return jnp.where(mask.reshape(height, width, 1), features, 0)
