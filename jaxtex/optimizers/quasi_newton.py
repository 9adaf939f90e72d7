"""Limited-memory BFGS with bounds and one evaluation per update.

The line search is spread over the updates. Each update receives loss and gradient at the trial
point. It accepts the trial, stores the pair (step, change of the gradient) and tries a full
quasi-Newton step next; or it refuses the trial and tries a shorter step. After repeated refusals it
forgets all pairs and descends along the gradient. There is no loop and no branch, so an update can
run inside a loop of the device, and under `jax.vmap` each image of a batch has its own search.

References:
  Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
  Programming 45, 1989.
  Byrd, Nocedal and Schnabel, "Representations of quasi-Newton matrices and their use in limited
  memory methods", Mathematical Programming 63, 1994: equation 3.1 reads the pairs twice per step,
  the two-loop recursion four times.
  Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM J.
  Control and Optimization 20, 1982: parameters at a bound that the gradient pushes outward are
  excluded from the direction.
  Departures: only sufficient decrease is required, no curvature condition (pairs without curvature
  are not stored); the largest change of a parameter per step is bounded.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

DEFAULT_HISTORY = 10  # stored pairs
SUFFICIENT_DECREASE = 1e-4  # share of the predicted decrease; Nocedal and Wright 2006, chapter 3.1
MAX_REFUSALS = 4  # consecutive refusals that clear the memory
MIN_CURVATURE = 1e-10  # smallest cosine between a step and its change of the gradient
MIN_SHRINKAGE, MAX_SHRINKAGE = 0.1, 0.5  # range of the next step's length after a refusal
TINY = 1e-30  # added to divisors


class Limits(NamedTuple):
    """Bounds of the parameters and of their steps, in the unit of the parameters."""

    lower: jax.Array | float
    upper: jax.Array | float
    first_step: float  # largest change of a parameter in a step along the gradient
    max_step: float  # largest change of a parameter in any step


class Memory(NamedTuple):
    """Curvature known so far, and the state of the line search, with `m` pairs of P parameters."""

    gradient: jax.Array  # [P] or any other shape, at the accepted point
    pairs: jax.Array  # [2 m + 2, P]: a ring of m + 1 steps, then a ring of changes of the gradient
    products: jax.Array  # [2 m + 2, 2 m + 2]: inner products of the rows of `pairs`
    count: jax.Array  # pairs stored since the memory was last cleared
    size: jax.Array  # length of the step under trial; 1 is the full quasi-Newton step
    refusals: jax.Array  # consecutive refusals


class Search(NamedTuple):
    """State of the search for a minimum."""

    point: jax.Array  # the accepted point: the best so far
    loss: jax.Array  # at `point`; see `unknown_loss`
    trial: jax.Array  # the point to evaluate next
    memory: Memory


def unknown_loss(dtype: Any) -> jax.Array:
    """Returns the loss before the first evaluation: the largest number, so that any is as good.

    It is not infinite, since `jax.debug_infs` raises on arrays with infinities.

    Args:
      dtype: of the parameters.
    """
    return jnp.full((), jnp.finfo(dtype).max, dtype)


def init(point: jax.Array, length: int = DEFAULT_HISTORY) -> Memory:
    """Returns an empty memory. The first trial is accepted if its loss is finite.

    Args:
      point: parameters of any shape.
      length: number of pairs to store.
    """
    zero = jnp.zeros((), jnp.int32)
    rows = 2 * (length + 1)  # one slot more than pairs; see `store_pair`
    return Memory(
        gradient=jnp.zeros_like(point),
        pairs=jnp.zeros((rows, point.size), point.dtype),
        products=jnp.zeros((rows, rows), point.dtype),
        count=zero,
        size=jnp.ones((), point.dtype),
        refusals=zero,
    )


def advance(search: Search, loss: jax.Array, gradient: jax.Array, limits: Limits) -> Search:
    """Accepts or refuses the trial, and chooses the next one.

    Args:
      search: the current state.
      loss: at `search.trial`.
      gradient: at `search.trial`, in its shape.
      limits: bounds of parameters and steps.

    Returns:
      The next state. Its `loss` never increases; a loss or gradient that is not finite is a
      refusal.
    """
    memory = search.memory
    step = search.trial - search.point
    slope = jnp.minimum(jnp.sum(memory.gradient * step), 0.0)
    # A sum is finite only if all terms are.
    finite = jnp.isfinite(loss) & jnp.isfinite(jnp.sum(gradient))
    accepted = finite & (loss <= search.loss + SUFFICIENT_DECREASE * slope)

    change = jnp.where(accepted, gradient - memory.gradient, 0.0)
    point = jnp.where(accepted, search.trial, search.point)
    memory = memory._replace(gradient=jnp.where(accepted, gradient, memory.gradient))

    free = _free_gradient(memory.gradient, point, limits)
    memory, inner = store_pair(memory, jnp.where(accepted, step, 0.0), change, free)
    memory = _update_step_size(memory, accepted, _shrinkage(search.loss, loss, slope))
    trial = next_trial(memory, point, free, inner, limits)
    return Search(point, jnp.where(accepted, loss, search.loss), trial, memory)


def _free_gradient(gradient: jax.Array, point: jax.Array, limits: Limits) -> jax.Array:
    """Returns the gradient, with zeros where descent would leave the bounds."""
    below = (point <= limits.lower) & (gradient > 0)
    above = (point >= limits.upper) & (gradient < 0)
    return jnp.where(below | above, 0.0, gradient)


def store_pair(
    memory: Memory, step: jax.Array, change: jax.Array, free: jax.Array
) -> tuple[Memory, jax.Array]:
    """Stores a pair if it has curvature, and multiplies all pairs by a vector in the same pass.

    The pair is always written, into the slot that holds no pair, and then counted or not. Memory
    that is read before it is written would be copied as a whole by XLA.

    Args:
      memory: the current memory.
      step: change of the point; zeros if the trial was refused.
      change: change of the gradient; zeros if the trial was refused.
      free: the vector of `multiply_inverse_hessian`.

    Returns:
      The memory, and the inner products of all rows of `pairs` with `free`, `[2 m + 2]`.
    """
    ring = len(memory.pairs) // 2
    slot = memory.count % ring
    rows = (slot, slot + ring)

    # Written in place; `.at[].set` would copy all pairs on CPU.
    pairs = memory.pairs
    for vector, row in zip((step, change), rows, strict=True):
        pairs = lax.dynamic_update_index_in_dim(pairs, vector.ravel(), row, 0)

    vectors = jnp.stack([step.ravel(), change.ravel(), free.ravel()], 1)
    inner = _product(pairs, vectors)  # [2 m + 2, 3]

    products = memory.products
    for column, row in zip(inner.T, rows, strict=False):  # the third column is not stored
        replaced = jnp.arange(2 * ring, dtype=jnp.int32) == row
        columns = jnp.where(replaced[:, None], column[None], products)
        products = jnp.where(replaced[None], column[:, None], columns)

    (steps, mixed), (_, changes) = inner[jnp.stack(rows), :2]
    curved = mixed > MIN_CURVATURE * jnp.sqrt(steps) * jnp.sqrt(changes)
    count = memory.count + curved.astype(memory.count.dtype)
    return memory._replace(pairs=pairs, products=products, count=count), inner[:, 2]


def _update_step_size(memory: Memory, accepted: jax.Array, factor: jax.Array) -> Memory:
    """Resets the length of the next step, or shortens it after a refusal; clears old memory."""
    refusals = jnp.where(accepted, 0, memory.refusals + 1)
    clear = (refusals >= MAX_REFUSALS) & (memory.count > 0)
    size = jnp.where(accepted | clear, 1.0, memory.size * factor)
    return memory._replace(
        size=size,
        refusals=jnp.where(clear, 0, refusals),
        count=jnp.where(clear, 0, memory.count),
    )


def _shrinkage(loss: jax.Array, trial_loss: jax.Array, slope: jax.Array) -> jax.Array:
    """Returns the minimum of the parabola through both losses and the slope, in a safe range."""
    curvature = trial_loss - loss - slope
    upward = curvature > 0  # false if it is not a number; only then is there a minimum
    factor = -0.5 * slope / jnp.where(upward, curvature, 1.0)
    return jnp.where(upward, jnp.clip(factor, MIN_SHRINKAGE, MAX_SHRINKAGE), MIN_SHRINKAGE)


def next_trial(
    memory: Memory, point: jax.Array, free: jax.Array, inner: jax.Array, limits: Limits
) -> jax.Array:
    """Returns the point to evaluate next, within the bounds.

    Args:
      memory: pairs and length of the step.
      point: the accepted point.
      free: its gradient, with zeros where descent would leave the bounds.
      inner: inner products of all rows of `memory.pairs` with `free`.
      limits: bounds of parameters and steps.
    """
    blocked = free != memory.gradient
    newton = jnp.where(blocked, 0.0, -multiply_inverse_hessian(memory, free, inner))

    # The slope is 0 without pairs, and not finite if any entry of `newton` is not.
    slope = jnp.sum(newton * free)
    useful = jnp.isfinite(slope) & (slope < 0)
    direction = jnp.where(useful, newton, -free)

    largest = jnp.max(jnp.abs(direction)) + TINY
    newton_length = memory.size
    if limits.max_step < math.inf:
        newton_length = jnp.minimum(memory.size, limits.max_step / largest)
    gradient_length = memory.size * limits.first_step / largest
    length = jnp.where(useful, newton_length, gradient_length)
    return jnp.clip(point + length * direction, limits.lower, limits.upper)


def multiply_inverse_hessian(memory: Memory, vector: jax.Array, inner: jax.Array) -> jax.Array:
    """Multiplies the approximate inverse Hessian by a vector, in its compact representation.

    Args:
      memory: the pairs and their inner products.
      vector: in the shape of the parameters.
      inner: its inner products with all rows of `memory.pairs`, `[2 m + 2]`.
    """
    # From here on by age: the slot without a pair, then empty slots, then pairs, oldest first.
    ring = len(memory.pairs) // 2
    ages = jnp.arange(ring, dtype=jnp.int32)
    order = (memory.count + ages) % ring
    filled = ages >= jnp.maximum(ring - memory.count, 1)

    products = memory.products.reshape(2, ring, 2, ring)[:, order][..., order]
    both_filled = filled[:, None, None] & filled[None, None, :]
    products = jnp.where(both_filled, products, 0.0)
    inner = jnp.where(filled[None], inner.reshape(2, ring)[:, order], 0.0)

    scale, weights = _compact_weights(products, inner, filled)
    by_slot = weights[:, (ages - memory.count) % ring]
    combined = _product(by_slot.ravel(), memory.pairs)
    return scale * vector + combined.reshape(vector.shape)


def _compact_weights(
    products: jax.Array, inner: jax.Array, filled: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Computes equation 3.1 of Byrd, Nocedal and Schnabel, except for the sum over pairs.

    With steps S, changes Y, `R = triu(S^T Y)`, `D = diag(S^T Y)` and a scale c, the product of the
    matrix with a vector v is

        c v + S R^-T ((D + c Y^T Y) R^-1 S^T v - c Y^T v) - c Y R^-1 S^T v

    Args:
      products: of steps and changes, oldest first, `[2, m + 1, 2, m + 1]`; 0 where no pair is.
      inner: `S^T v` and `Y^T v`, `[2, m + 1]`; 0 where no pair is.
      filled: True where a pair is, `[m + 1]`.

    Returns:
      The scale c, and the weights of steps and of changes, `[2, m + 1]`.
    """
    mixed = products[0, :, 1]  # S^T Y
    changes = products[1, :, 1]  # Y^T Y
    diagonal = jnp.eye(len(filled), dtype=bool)

    # The scale of the latest pair; Liu and Nocedal, section 4.
    scale = mixed[-1, -1] / jnp.maximum(changes[-1, -1], TINY)
    inverse = _invert_upper(jnp.where(diagonal & ~filled[None], 1.0, jnp.triu(mixed)))

    solved = _product(inverse, inner[0])  # R^-1 S^T v
    middle = jnp.where(diagonal, mixed, 0.0) + scale * changes
    bracket = _product(middle, solved) - scale * inner[1]
    return scale, jnp.stack([_product(bracket, inverse), -scale * solved])


def _invert_upper(upper: jax.Array) -> jax.Array:
    """Inverts an upper triangular matrix, by diagonal blocks that double in size.

    The block B of `[[A, B], [0, C]]` becomes `-A^-1 B C^-1`. On CPU, JAX would solve the system
    with LAPACK, and import SciPy for it, which delays the first step.
    """
    diagonal = jnp.eye(len(upper), dtype=bool)
    inverse = jnp.where(diagonal, 1 / jnp.where(diagonal, upper, 1.0), 0.0)
    for level in range((len(upper) - 1).bit_length()):
        block = np.arange(len(upper)) >> level
        right_of_diagonal = (block[:, None] + 1 == block) & (block % 2 == 1)
        coupling = jnp.where(right_of_diagonal, upper, 0.0)
        inverse = inverse - _product(_product(inverse, coupling), inverse)
    return inverse


_product = functools.partial(jnp.matmul, precision="highest")
