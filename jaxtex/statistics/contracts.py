"""Contracts: what the functions of a `Statistic` owe, checked where they are called.

They may be a user's own, and they run deep inside traced programs. The checks run while JAX traces,
so compiled programs are the same with and without them.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxtex import errors
from jaxtex.statistics import base

FUNCTIONS = (
    "summarize",
    "distance",
    "make_target",
    "blend",
    "average",
    "from_averages",
    "statistic_size",
)
OPTIONAL = ("blend", "average")  # may be None
# Field -> least value.
COUNTS = {"samples": 0, "directions": 0, "patch": 1, "spacing": 1, "min_side": 1}
MAX_MESSAGE = 160  # characters of the message of an exception
# Not mistakes in a statistic: memory, a failing device, and `jax.debug_nans`.
PASSED_ON = (errors.UserError, MemoryError, FloatingPointError, jax.errors.JaxRuntimeError)


def build(name: str, make: Any, options: Mapping[str, Any]) -> base.Statistic:
    """Calls a row of the table and enforces the contract of what it returns.

    Args:
      name: key of the row.
      make: the row.
      options: its arguments.

    Raises:
      UserError: the row is not a function, fails, or returns no valid `Statistic`.
    """
    validate_factory(name, make)
    try:
        statistic = make(**options)
    except PASSED_ON:
        raise
    except Exception as error:
        raise _failure(name, "its function", error) from error
    return enforce(name, statistic)


def validate_factory(name: str, make: Any) -> None:
    """Validates that a row of the table is a function.

    Args:
      name: of the statistic.
      make: the row.

    Raises:
      UserError: it is not.
    """
    if isinstance(make, base.Statistic):
        raise errors.UserError(
            f"statistic '{name}': the table holds functions that return a Statistic, got a "
            f"Statistic: STATISTICS['{name}'] = lambda: ..."
        )
    if not callable(make):
        raise errors.UserError(
            f"statistic '{name}': must be a function that returns a Statistic, got {_kind(make)}"
        )


def parameters(name: str, make: Any) -> dict[str, inspect.Parameter]:
    """Returns the options of a statistic; annotations that are texts are evaluated if possible.

    Args:
      name: of the statistic.
      make: its function.

    Raises:
      UserError: the row is not a function.
    """
    validate_factory(name, make)
    try:
        return dict(inspect.signature(make, eval_str=True).parameters)
    except NameError:
        return dict(inspect.signature(make).parameters)


def enforce(name: str, statistic: base.Statistic) -> base.Statistic:
    """Returns the statistic with functions that check what they return.

    Args:
      name: of the statistic, for messages.
      statistic: any object; one whose contract is enforced already is returned unchanged.

    Raises:
      UserError: it is no `Statistic`, or a field has the wrong type; or, later, in a call of a
        function: it fails, or returns what the loss cannot use. The message names the statistic.
    """
    if not isinstance(statistic, base.Statistic):
        raise errors.UserError(
            f"statistic '{name}': must be a Statistic, got {_kind(statistic)}: its function must "
            "return one"
        )
    checked: dict[str, Any] = {}
    for field in FUNCTIONS:
        function = getattr(statistic, field)
        if (field in OPTIONAL and function is None) or hasattr(function, "enforced"):
            continue
        if not callable(function):
            raise errors.UserError(
                f"statistic '{name}': '{field}' must be a function, got {_kind(function)}"
            )
        if function is not base.Statistic._field_defaults.get(field):
            checked[field] = _checked(name, field, function)

    for field, least in COUNTS.items():
        value = getattr(statistic, field)
        if not isinstance(value, int) or value < least:
            raise errors.UserError(
                f"statistic '{name}': '{field}' must be a whole number from {least} on, got "
                f"{value!r}"
            )
    if statistic.patch > 1 and statistic.shifts:
        raise errors.UserError(
            f"statistic '{name}': patch={statistic.patch} and shifts={statistic.shifts}: only one "
            "of them joins positions"
        )
    return statistic._replace(**checked)


def _checked(name: str, field: str, function: Callable) -> Callable:
    """Wraps a function of a statistic: its exceptions and its result are checked."""

    # Without `wraps`: a `custom_jvp` has attributes of its own.
    def call(*arguments: Any) -> Any:
        try:
            result = function(*arguments)
        except PASSED_ON:
            raise
        except Exception as error:
            raise _failure(name, f"'{field}'", error) from error
        reason = RESULTS[field](result)
        if reason:
            raise errors.UserError(f"statistic '{name}': '{field}' {reason}")
        return result

    call.enforced = True  # type: ignore[attr-defined]
    return call


def _failure(name: str, what: str, error: Exception) -> errors.UserError:
    """Builds the error for an exception in a function of a statistic."""
    lines = str(error).strip().splitlines()
    message = lines[0][:MAX_MESSAGE] if lines else ""
    if isinstance(error, KeyError):
        message = f"there is no key {message}"
    return errors.UserError(f"statistic '{name}': {what} failed: {type(error).__name__}: {message}")


def _kind(value: Any) -> str:
    """Returns the type of a value, for messages."""
    return type(value).__name__


def _arrays_reason(tree: Any, floating: bool) -> str:
    """Returns what is wrong with a tree of arrays; empty if nothing is."""
    leaves = jax.tree.leaves(tree)
    if not leaves:
        return f"must return arrays, got {tree!r}"[:MAX_MESSAGE]
    for leaf in leaves:
        if not (hasattr(leaf, "dtype") or isinstance(leaf, (int, float, complex))):
            return f"must return arrays, got {_kind(leaf)}"
        dtype = jnp.result_type(leaf)
        if floating and not jnp.issubdtype(dtype, jnp.floating):
            return f"must return numbers of a floating type, which have a gradient, got {dtype}"
    return ""


def _distance_reason(result: Any) -> str:
    """Returns what is wrong with a distance; empty if nothing is."""
    if jax.tree.structure(result) != jax.tree.structure(0):
        return f"must return a scalar, got {_kind(result)}"
    reason = _arrays_reason(result, floating=True)
    if not reason and jnp.ndim(result):
        reason = f"must return a scalar, got the shape {list(jnp.shape(result))}"
    return reason


def _size_reason(result: Any) -> str:
    """Returns what is wrong with a `statistic_size`; empty if nothing is."""
    return "" if isinstance(result, int) else f"must return a whole number, got {_kind(result)}"


# Function of a statistic -> what is wrong with its result; empty if nothing is.
RESULTS: Mapping[str, Callable[[Any], str]] = {
    "summarize": functools.partial(_arrays_reason, floating=True),
    "distance": _distance_reason,
    "make_target": functools.partial(_arrays_reason, floating=False),
    "blend": functools.partial(_arrays_reason, floating=True),
    "average": functools.partial(_arrays_reason, floating=True),
    "from_averages": functools.partial(_arrays_reason, floating=True),
    "statistic_size": _size_reason,
}
