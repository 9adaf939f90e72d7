"""L-BFGS as an optax gradient transformation, with one evaluation per update."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import flatten_util

from jaxtex.optimizers import quasi_newton


class LBFGSState(NamedTuple):
    """State of `lbfgs`."""

    best_params: optax.Params  # the accepted parameters with the lowest loss
    best_loss: jax.Array  # the largest number of its type before the first finite evaluation
    memory: quasi_newton.Memory  # of the parameters as one vector


def lbfgs(
    history: int = quasi_newton.DEFAULT_HISTORY,
    *,
    lower: optax.Params | float = -math.inf,
    upper: optax.Params | float = math.inf,
    first_step: float = 0.1,
    max_step: float = math.inf,
) -> optax.GradientTransformationExtraArgs:
    r"""L-BFGS whose line search is spread over the updates: one evaluation of the loss for each.

    The next trial is

    .. math::

      x_{k+1} = x_k - t H_k g_k, \qquad
      H_k = \gamma I + \begin{bmatrix} S & \gamma Y \end{bmatrix}
      \begin{bmatrix} R^{-T} (D + \gamma Y^T Y) R^{-1} & -R^{-T} \\ -R^{-1} & 0 \end{bmatrix}
      \begin{bmatrix} S^T \\ \gamma Y^T \end{bmatrix}

    where the columns of :math:`S` and :math:`Y` are the last steps and changes of the gradient,
    :math:`R` and :math:`D` are the upper triangle and the diagonal of :math:`S^T Y`, and
    :math:`\gamma = s^T y / y^T y` for the latest pair. The step :math:`t` is 1 first. If the loss
    at the trial is not below :math:`f(x_k) + 10^{-4} g_k^T (x_{k+1} - x_k)`, the trial is refused,
    and the next update moves back to a shorter step along the same direction. After four refusals
    all pairs are forgotten.

    `optax.lbfgs` with its zoom line search evaluates the loss several times inside each update, in
    a `while_loop`. Here `update` evaluates nothing: call it with the value and gradient at
    `params`, as for a first-order method. The parameters after an update are a trial that may be
    refused later; take the result from `best_params`. A loss that is not finite is a refusal, so
    the loss at the initial parameters must be finite. The loss must not change between updates, as
    it would with minibatches.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from jaxtex import optimizers
      >>> def loss(params):
      ...     return jnp.sum((params["x"] - 3.0) ** 2) + (params["y"] + 1.0) ** 4
      >>> solver = optimizers.lbfgs()
      >>> params = {"x": jnp.zeros(2), "y": jnp.zeros(())}
      >>> state = solver.init(params)
      >>> @jax.jit
      ... def step(params, state):
      ...     value, grads = jax.value_and_grad(loss)(params)
      ...     updates, state = solver.update(grads, state, params, value=value)
      ...     return optax.apply_updates(params, updates), state
      >>> for _ in range(40):
      ...     params, state = step(params, state)
      >>> best = optimizers.best_params(state)
      >>> print(f"{best['x'][0]:.2f} {best['x'][1]:.2f} {best['y']:.1f}")
      3.00 3.00 -1.0

    Args:
      history: number of stored pairs. Memory is `2 history + 2` times that of the parameters.
      lower: lower bounds: a number, or a pytree like the parameters. Initial parameters must be
        within the bounds; later ones are, up to rounding.
      upper: upper bounds: a number, or a pytree like the parameters.
      first_step: largest change of a parameter in a step along the gradient: the first one, and the
        one after pairs were forgotten.
      max_step: largest change of a parameter in any other step.

    Returns:
      A transformation for any pytree of real parameters, computed in their dtype (float32 if that
      is narrower). `update(grads, state, params, *, value)` needs the parameters and the loss; it
      can be the last part of an `optax.chain`, and can be used inside `jax.jit`.

    References:
      Liu and Nocedal, "On the limited memory BFGS method for large scale optimization",
      Mathematical Programming 45, 1989. Departures: backtracking to sufficient decrease, without
      the curvature condition of Wolfe (pairs without curvature are not stored).
      Byrd, Nocedal and Schnabel, "Representations of quasi-Newton matrices and their use in limited
      memory methods", Mathematical Programming 63, 1994, equation 3.1.
      Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM
      J. Control and Optimization 20, 1982.
    """
    history = _check_history(history)
    _check_limits(first_step=first_step, max_step=max_step)
    _check_bounds(lower, upper)

    def init(params: optax.Params) -> LBFGSState:
        point = _flatten(params)
        best = jax.tree.map(jnp.array, params)  # a copy: `params` may be donated
        loss = quasi_newton.unknown_loss(point.dtype)
        return LBFGSState(best, loss, quasi_newton.init(point, history))

    def update(
        grads: optax.Updates,
        state: LBFGSState,
        params: optax.Params | None = None,
        *,
        value: jax.Array | float,
        **extra: Any,
    ) -> tuple[optax.Updates, LBFGSState]:
        del extra
        if params is None:
            raise ValueError("lbfgs needs the parameters: update(grads, state, params, value=loss)")

        # The parameters are the trial, even if another transformation has changed the last update.
        trial = _flatten(params)
        search = quasi_newton.Search(
            _flatten(state.best_params), state.best_loss, trial, state.memory
        )
        limits = quasi_newton.Limits(
            _flatten_bound(lower, params), _flatten_bound(upper, params), first_step, max_step
        )
        loss = jnp.asarray(value, trial.dtype)
        gradient = _flatten(grads).astype(trial.dtype)
        search = quasi_newton.advance(search, loss, gradient, limits)

        best = _unflatten(search.point, params)
        updates = _unflatten(search.trial - trial, params)
        return updates, LBFGSState(best, search.loss, search.memory)

    return optax.GradientTransformationExtraArgs(init, update)


def _check_history(history: Any) -> int:
    """Returns the number of pairs as an int, or raises `ValueError`."""
    try:
        whole = int(history)
        is_whole = whole == history and not isinstance(history, str | bool)
    except (TypeError, ValueError, OverflowError):
        is_whole = False
    if not is_whole:
        raise ValueError(f"history must be a whole number, got {history!r}")
    if whole < 1:
        raise ValueError(f"history must be at least 1, got {whole}")
    return whole


def _check_limits(**limits: Any) -> None:
    """Raises `ValueError` unless each limit is a positive number."""
    for name, limit in limits.items():
        is_number = isinstance(limit, int | float) or getattr(limit, "ndim", None) == 0
        if not is_number or isinstance(limit, bool) or not limit > 0:
            raise ValueError(f"{name} must be a positive number, got {limit!r}")


def _check_bounds(lower: optax.Params | float, upper: optax.Params | float) -> None:
    """Raises `ValueError` if bounds are NaN, or a lower one is above its upper one."""
    leaves = jax.tree.leaves((lower, upper))
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return
    if any(np.isnan(leaf).any() for leaf in leaves):
        raise ValueError(f"lower and upper must be numbers, got {lower!r} and {upper!r}")
    if len(leaves) == 2 and np.any(np.asarray(leaves[0]) > np.asarray(leaves[1])):
        raise ValueError(f"lower must be at most upper, got {lower!r} and {upper!r}")


def best_params(state: optax.OptState) -> optax.Params:
    """Returns the accepted parameters with the lowest loss.

    Args:
      state: of `lbfgs`, or of a chain that contains it once.
    """
    return optax.tree_utils.tree_get(state, "best_params")


def _flatten(tree: optax.Params) -> jax.Array:
    """Returns all values of a pytree as one vector, in float32 or wider."""
    with jax.numpy_dtype_promotion("standard"):  # of leaves that differ in their dtypes
        vector, _ = flatten_util.ravel_pytree(tree)
        return vector.astype(jnp.promote_types(vector.dtype, jnp.float32))


def _flatten_bound(bound: optax.Params | float, params: optax.Params) -> jax.Array | float:
    """Returns a bound as a number, or as a vector in the order of the parameters."""
    if isinstance(bound, (int, float)) or getattr(bound, "ndim", None) == 0:
        return bound
    full = jax.tree.map(
        lambda leaf, one: jnp.broadcast_to(leaf, jnp.shape(one)).astype(jnp.result_type(one)),
        bound,
        params,
    )
    return _flatten(full)


def _unflatten(vector: jax.Array, like: optax.Params) -> optax.Params:
    """Inverts `_flatten`, with the shapes and dtypes of another pytree."""
    with jax.numpy_dtype_promotion("standard"):
        flat, unravel = flatten_util.ravel_pytree(like)
        return unravel(vector.astype(flat.dtype))
