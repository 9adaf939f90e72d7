"""Table of optimizers: `update(state, loss, gradient) -> state`, one evaluation at a time.

Each optimizer keeps the image in [0, 1] and turns back from a loss that is not finite. A row of
`OPTIMIZERS` is a factory: `(learning_rate, history) -> Optimizer`. A learning rate of 0 selects the
optimizer's default; `history` is the number of pairs of `lbfgs`.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxtex import errors
from jaxtex.optimizers import quasi_newton

DEFAULT_RATE = 0.02  # of adam and gd, in pixel values per step
UNIT_BOX = quasi_newton.Limits(lower=0.0, upper=1.0, first_step=0.1, max_step=0.5)


class State(NamedTuple):
    """State of an optimization, between two evaluations."""

    step: jax.Array  # number of evaluations
    image: jax.Array  # [H, W, 3], the best so far
    loss: jax.Array  # at `image`; `quasi_newton.unknown_loss` before the first evaluation
    trial: jax.Array  # [H, W, 3], the image to evaluate next
    memory: Any  # internal state of the optimizer
    critic: Any = ()  # parameters of critics that learn beside the image


def _keep_state(state: State) -> State:
    return state


class Optimizer(NamedTuple):
    """An optimizer as pure functions."""

    # The first image -> memory.
    init: Callable[[jax.Array], Any]
    # State, loss and gradient at `state.trial` -> the next state.
    update: Callable[..., State]
    # True if losses of different steps are compared, which needs a fixed loss function.
    line_search: bool = False
    # True if `update` takes a fourth argument, the loss as a function of the image.
    takes_function: bool = False
    # Called when the loss function changes.
    restart: Callable[[State], State] = _keep_state


def init_state(optimizer: Optimizer, image: jax.Array, critic: Any = ()) -> State:
    """Returns the state before the first evaluation.

    Args:
      optimizer: built by a row of `OPTIMIZERS`.
      image: the first image to evaluate, `[H, W, 3]`, in [0, 1].
      critic: parameters of critics, if there are any.
    """
    step = jnp.zeros((), jnp.int32)
    loss = quasi_newton.unknown_loss(image.dtype if image.dtype.itemsize > 4 else jnp.float32)
    return State(step, image, loss, image, optimizer.init(image), critic)


def from_optax(transform: optax.GradientTransformation) -> Optimizer:
    """Builds an optimizer from an optax transformation, projected to [0, 1].

    After a loss or gradient that is not finite, it goes half the way back to the last image; an
    update that is not a number counts as 0. State and image keep their dtypes.

    Args:
      transform: any transformation, those with a line search included. Besides gradient, state and
        parameters, its `update` receives those of `value`, `grad`, `value_fn` and `obj_fn` that it
        takes. Each call of a function evaluates the network once more.

    Raises:
      UserError: later, in a call: a function of `transform` fails, or returns other shapes.
    """
    takes = inspect.signature(transform.update).parameters.values()
    names = {parameter.name for parameter in takes}
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes)

    def init(image: jax.Array) -> Any:
        with _named("init"), default_promotion():
            return jax.tree.map(jnp.asarray, transform.init(image))

    def update(
        state: State,
        loss: jax.Array,
        gradient: jax.Array,
        function: Callable[[jax.Array], jax.Array] | None = None,
    ) -> State:
        finite = jnp.isfinite(loss) & jnp.isfinite(gradient).all()
        gradient = jnp.where(finite, gradient, 0.0)

        # A line search of optax requires that `value_fn` takes the arguments meant for others.
        def value_fn(image: jax.Array, obj_fn: Any = None) -> jax.Array:
            del obj_fn
            if function is None:
                raise ValueError("a line search needs the loss as the fourth argument of `update`")
            return function(image)

        extra = {"value": loss, "grad": gradient, "value_fn": value_fn, "obj_fn": value_fn}
        extra = {name: each for name, each in extra.items() if takes_all or name in names}
        with _named("update"), default_promotion():
            updates, memory = transform.update(gradient, state.memory, state.trial, **extra)
            _require_shapes(updates, state.trial, "updates", "the image")
            _require_shapes(memory, state.memory, "the new state", "the state")

        def choose(new: Any, old: jax.Array) -> jax.Array:
            return jnp.where(finite, _in_dtype_of(old, new), old)

        image, loss, memory = jax.tree.map(
            choose, (state.trial, loss, memory), (state.image, state.loss, state.memory)
        )
        forward = jnp.clip(state.trial + _in_dtype_of(state.trial, updates), 0.0, 1.0)
        forward = jnp.where(jnp.isnan(forward), state.trial, forward)
        back = 0.5 * (state.trial + state.image)
        trial = jnp.where(finite, forward, back)
        return State(state.step + 1, image, loss, trial, memory, state.critic)

    return Optimizer(init, update, takes_function=True)


@contextlib.contextmanager
def default_promotion() -> Iterator[None]:
    """Lets code of others, such as optax, promote types and ranks whatever JAX is set to."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Turns errors of a function of a transformation into a `UserError` that names it."""
    try:
        yield
    except (errors.UserError, MemoryError, jax.errors.JaxRuntimeError):
        raise
    except Exception as error:
        if "custom_vjp" in str(error):  # explained where the loss is known
            raise
        text = " ".join(str(error).split())
        raise errors.UserError(
            f"--optimizer: '{name}' failed: {type(error).__name__}: {text}"
        ) from error


def _require_shapes(found: Any, like: Any, what: str, other: str) -> None:
    """Raises `ValueError` unless two pytrees have the same structure and shapes."""
    layouts = [
        (jax.tree.structure(tree), list(map(jnp.shape, jax.tree.leaves(tree))))
        for tree in (found, like)
    ]
    if layouts[0] != layouts[1]:
        raise ValueError(f"{what} must have the structure and the shapes of {other}")


def _in_dtype_of(like: jax.Array, array: Any) -> jax.Array:
    """Returns an array in the dtype of another; with `jax_enable_x64`, optax may widen types."""
    array = jnp.asarray(array)
    return array if array.dtype == like.dtype else array.astype(like.dtype)


def from_object(value: Any) -> Optimizer:
    """Returns an `Optimizer` as it is, and builds one from a transformation of optax.

    Raises:
      UserError: another object, such as `optax.adam` in place of `optax.adam(0.02)`.
    """
    if isinstance(value, Optimizer):
        return value
    if callable(getattr(value, "init", None)) and callable(getattr(value, "update", None)):
        return from_optax(value)
    kind = getattr(value, "__name__", type(value).__name__)
    raise errors.UserError(
        f"--optimizer={kind}: must be one of {', '.join(OPTIMIZERS)}, or a transformation of "
        "optax, such as optax.adam(0.02)"
    )


def lbfgs_in_box(learning_rate: float, history: int = quasi_newton.DEFAULT_HISTORY) -> Optimizer:
    """L-BFGS with pixels in [0, 1] and one evaluation per step. It has no learning rate.

    See `quasi_newton`; `optimizers.lbfgs` is the same method for any parameters.

    Args:
      learning_rate: ignored.
      history: number of stored pairs.
    """
    del learning_rate
    init = functools.partial(quasi_newton.init, length=history)
    return Optimizer(init, _update_in_box, line_search=True, restart=_restart)


def _update_in_box(state: State, loss: jax.Array, gradient: jax.Array) -> State:
    """Advances the search for an image with pixels in [0, 1]."""
    search = quasi_newton.Search(state.image, state.loss, state.trial, state.memory)
    loss, gradient = _in_dtype_of(state.loss, loss), _in_dtype_of(state.image, gradient)
    search = quasi_newton.advance(search, loss, gradient, UNIT_BOX)
    return state._replace(
        step=state.step + 1,
        image=search.point,
        loss=search.loss,
        trial=search.trial,
        memory=search.memory,
    )


def _restart(state: State) -> State:
    """Evaluates the best image again: its loss is not comparable with the new function's."""
    unknown = jnp.full_like(state.loss, jnp.finfo(state.loss.dtype).max)
    return state._replace(loss=unknown, trial=jnp.copy(state.image))


def adam(learning_rate: float, history: int = 0) -> Optimizer:
    """Adam with a short memory of the second moment, which leaves less speckle.

    Args:
      learning_rate: in pixel values per step; 0 uses 0.02.
      history: ignored.

    References:
      Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015,
      https://arxiv.org/abs/1412.6980. Departure: b2 = 0.99 instead of 0.999, as in Crowson's
      style-transfer-pytorch.
    """
    del history
    return from_optax(optax.adam(learning_rate or DEFAULT_RATE, b1=0.9, b2=0.99))


def gd(learning_rate: float, history: int = 0) -> Optimizer:
    """Gradient descent with a constant learning rate.

    Args:
      learning_rate: the largest change of a pixel in the first step, in pixel values; 0 uses 0.02.
      history: ignored.
    """
    del history
    scale = optax.scale(-(learning_rate or DEFAULT_RATE))
    return from_optax(optax.chain(_scale_by_first_gradient(), scale))


def _scale_by_first_gradient() -> optax.GradientTransformation:
    """Divides gradients by the largest entry of the first one that is not zero."""

    def init(image: jax.Array) -> jax.Array:
        return jnp.zeros((), image.dtype)

    def update(
        gradient: jax.Array, largest: jax.Array, params: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array]:
        del params
        largest = jnp.where(largest > 0, largest, jnp.max(jnp.abs(gradient)))
        return gradient / jnp.maximum(largest, quasi_newton.TINY), largest

    return optax.GradientTransformation(init, update)


OPTIMIZERS = {"lbfgs": lbfgs_in_box, "adam": adam, "gd": gd}
