"""Limited-memory BFGS within the unit box, one evaluation a step: the line search is spread over the steps.

Each update is told loss and gradient at the trial image. It accepts the trial, stores the pair (step, change of the
gradient) and tries a full quasi-Newton step next; or it refuses the trial and tries a shorter step; after repeated
refusals it forgets its memory and descends along the gradient. There is no loop and no branch in it, so it can run in
a loop of the device's own, and under `jax.vmap` with every image of a batch at its own point of its own search.

References:
  Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45, 1989.
  Byrd, Nocedal and Schnabel, "Representations of quasi-Newton matrices and their use in limited memory methods",
  Mathematical Programming 63, 1994 (equation 3.1: a step takes two passes over the memory, not the two loops' four).
  Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM J. Control and
  Optimization 20, 1982 (pixels that sit at a bound and are pushed against it take no part in the direction).
  Departures: sufficient decrease alone, without a curvature condition (pairs without curvature are not stored); no step
  moves a pixel by more than `LARGEST`.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

DEFAULT_HISTORY = 10  # pairs remembered, where nothing else is said
FIRST_STEP = 0.1  # largest change of a pixel in a step along the gradient, in [0, 1]
MAX_STEP = 0.5  # and in any step
SUFFICIENT_DECREASE = 1e-4  # of what the slope promises must be got: Nocedal and Wright, "Numerical Optimization", 3.1
MAX_REFUSALS = 4  # refusals before the memory is forgotten
MIN_CURVATURE = 1e-10  # least cosine between a step and its change of the gradient


class Memory(NamedTuple):
    """What is known of the curvature, and where the line search stands."""

    gradient: jax.Array  # [H, W, 3], at the accepted image
    pairs: jax.Array  # [2 m + 2, 3 H W]: m + 1 steps, then their changes of the gradient; rings, the next slot is no pair
    products: jax.Array  # [2 m + 2, 2 m + 2]: the inner products of the pairs
    count: jax.Array  # pairs stored since the memory was last forgotten
    size: jax.Array  # length of the step under trial, 1 = the full quasi-Newton step
    refusals: jax.Array  # in this search


def init(image: jax.Array, length: int = DEFAULT_HISTORY) -> Memory:
    """No memory, but room for so many pairs; the first image tried, `[H, W, 3]`, will be accepted."""
    zero = jnp.zeros((), jnp.int32)
    rows = 2 * (length + 1)
    products = jnp.zeros((rows, rows))
    return Memory(
        jnp.zeros_like(image), jnp.zeros((rows, image.size)), products, zero, jnp.ones(()), zero
    )


def update(state, loss: jax.Array, gradient: jax.Array):
    """Accepts or refuses the trial, and chooses the next.

    Args:
      state: an `optimizers.State` whose `memory` is a `Memory`.
      loss: at `state.trial`.
      gradient: likewise, `[H, W, 3]`.

    Returns:
      The next state. `state.loss` never rises; a loss or gradient that is not finite is a refusal.
    """
    memory, step = state.memory, state.trial - state.image
    slope = jnp.minimum(jnp.sum(memory.gradient * step), 0.0)
    finite = jnp.isfinite(loss + jnp.sum(gradient))  # a sum is finite only if all that is summed is
    accepted = finite & (loss <= state.loss + SUFFICIENT_DECREASE * slope)
    change = jnp.where(accepted, gradient - memory.gradient, 0.0)
    image = jnp.where(accepted, state.trial, state.image)
    memory = memory._replace(gradient=jnp.where(accepted, gradient, memory.gradient))
    free = _free_gradient(memory.gradient, image)
    memory, along = _store(memory, jnp.where(accepted, step, 0.0), change, free)
    memory = _search(memory, accepted, _shrink(state.loss, loss, slope))
    trial = _trial(memory, image, free, along)
    return state._replace(
        step=state.step + 1,
        image=image,
        loss=jnp.where(accepted, loss, state.loss),
        trial=trial,
        memory=memory,
    )


def _free_gradient(gradient: jax.Array, image: jax.Array) -> jax.Array:
    """The gradient without the pixels that it pushes beyond a bound."""
    outward = ((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0))
    return jnp.where(outward, 0.0, gradient)


def _store(
    memory: Memory, step: jax.Array, change: jax.Array, free: jax.Array
) -> tuple[Memory, jax.Array]:
    """The memory with a pair more, if it is curved; and the inner products of its pairs with `free`, in the same pass.

    It is written in any case, into the slot that is no pair, which is one then if it is counted: whether it is curved its
    products tell, and nothing is read that is written, for which XLA would copy the whole memory.
    """
    ring = len(memory.pairs) // 2
    slot, pairs, products = memory.count % ring, memory.pairs, memory.products
    rows = slot, slot + ring
    for vector, row in zip(
        (step, change), rows, strict=True
    ):  # in place, where `.at[].set` copies all on CPU
        pairs = lax.dynamic_update_index_in_dim(pairs, vector.ravel(), row, 0)
    columns = _product(pairs, jnp.stack([step.ravel(), change.ravel(), free.ravel()], 1))
    for column, row in zip(columns.T, rows, strict=False):
        here = jnp.arange(2 * ring) == row
        products = jnp.where(here, column[:, None], jnp.where(here[:, None], column, products))
    (steps, both), (_, changes) = columns[jnp.stack(rows), :2]
    curved = both > MIN_CURVATURE * jnp.sqrt(steps) * jnp.sqrt(changes)
    return memory._replace(pairs=pairs, products=products, count=memory.count + curved), columns[
        :, 2
    ]


def _search(memory: Memory, accepted: jax.Array, factor: jax.Array) -> Memory:
    refusals = jnp.where(accepted, 0, memory.refusals + 1)
    forget = (refusals >= MAX_REFUSALS) & (memory.count > 0)
    size = jnp.where(accepted | forget, 1.0, memory.size * factor)
    return memory._replace(
        size=size, refusals=jnp.where(forget, 0, refusals), count=jnp.where(forget, 0, memory.count)
    )


def _shrink(loss: jax.Array, trial: jax.Array, slope: jax.Array) -> jax.Array:
    """Where the parabola through both losses and the slope is least, within a tenth and a half of the step."""
    factor = -0.5 * slope / (trial - loss - slope)
    return jnp.where(jnp.isfinite(factor), jnp.clip(factor, 0.1, 0.5), 0.1)


def _trial(memory: Memory, image: jax.Array, free: jax.Array, along: jax.Array) -> jax.Array:
    outward = free != memory.gradient
    newton = jnp.where(outward, 0.0, -_inverse_hessian(memory, free, along))
    slope = jnp.sum(
        newton * free
    )  # 0 where nothing is remembered, not finite where `newton` is not
    useful = jnp.isfinite(slope) & (slope < 0)
    direction = jnp.where(useful, newton, -free)
    largest = jnp.max(jnp.abs(direction)) + TINY
    length = jnp.where(
        useful, jnp.minimum(memory.size, MAX_STEP / largest), memory.size * FIRST_STEP / largest
    )
    return jnp.clip(image + length * direction, 0.0, 1.0)


def _inverse_hessian(memory: Memory, vector: jax.Array, along: jax.Array) -> jax.Array:
    """The quasi-Newton matrix times a vector, by the compact representation.

    Args:
      memory: of m pairs.
      vector: `[H, W, 3]`.
      along: its inner products with what is in the memory, `[2 m + 2]`.
    """
    ring = len(memory.pairs) // 2
    ages = jnp.arange(ring)
    order = (
        memory.count + ages
    ) % ring  # the next slot first, then those not yet filled, then the pairs, oldest first
    filled = ages >= jnp.maximum(ring - memory.count, 1)
    products = memory.products.reshape(2, ring, 2, ring)[:, order][..., order]
    products = jnp.where(filled[:, None, None] & filled, products, 0.0)
    along = jnp.where(filled, along.reshape(2, ring)[:, order], 0.0)
    scale, weights = _compact(products, along, filled)
    combined = _product(weights[:, (ages - memory.count) % ring].ravel(), memory.pairs)
    return scale * vector + combined.reshape(vector.shape)


def _compact(
    products: jax.Array, along: jax.Array, filled: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What the matrix times a vector is: the vector times a scale, and steps and changes times weights, `[2, m + 1]`.

    Args:
      products: of steps and changes, oldest first, `[2, m + 1, 2, m + 1]`; 0 where there is no pair.
      along: theirs with the vector, `[2, m + 1]`; likewise.
      filled: where there is a pair, `[m + 1]`.
    """
    mixed, changes, diagonal = (
        products[0, :, 1],
        products[1, :, 1],
        jnp.eye(len(filled), dtype=bool),
    )
    scale = mixed[-1, -1] / jnp.maximum(changes[-1, -1], TINY)  # of the latest pair
    inverse = _inverse(jnp.where(diagonal & ~filled, 1.0, jnp.triu(mixed)))
    first = _product(inverse, along[0])
    inner = _product(jnp.where(diagonal, mixed, 0.0) + scale * changes, first) - scale * along[1]
    return scale, jnp.stack([_product(inner, inverse), -scale * first])


def _inverse(upper: jax.Array) -> jax.Array:
    """Of an upper triangular matrix, by blocks twice as large each time: for B in [[A, B], [0, C]] it has -A' B C'.

    JAX solves such systems by LAPACK on CPU, for which it loads SciPy: .15 s before the first step.
    """
    inverse = jnp.where(jnp.eye(len(upper), dtype=bool), 1 / upper, 0.0)
    for level in range((len(upper) - 1).bit_length()):
        block = np.arange(len(upper)) >> level
        beside = jnp.where((block[:, None] + 1 == block) & (block % 2 == 1), upper, 0.0)
        inverse = inverse - _product(_product(inverse, beside), inverse)
    return inverse


_product = functools.partial(jnp.matmul, precision="highest")
TINY = 1e-30
