"""Parser of pickles that runs nothing.

A pickle is a program, and `pickle.load` runs it. `parse` reads its opcodes as data instead: it
builds tuples, lists and dicts, and where the program would look up a name or call something it
records the name or the call. No name in the file is imported, and nothing is called.
"""

import functools
import io
import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtex import errors

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT")


class Name(NamedTuple):
    """Name of a module's attribute, such as `torch._utils _rebuild_tensor_v2`; never imported."""

    name: str


class Call(NamedTuple):
    """Record of a call that the pickle asks for; never made."""

    name: str
    arguments: tuple


class Stored(NamedTuple):
    """Reference to a storage: `("storage", type, key, device, count)`."""

    reference: tuple


class Mark:
    """Start of a tuple, list or dict on the stack."""


def parse(stream: io.BytesIO) -> Any:
    """Reads the next pickle of a stream as plain data, up to and including its last opcode.

    Raises:
      UserError: the pickle has opcodes that no state dict needs.
    """
    stack: list = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "STOP":
            return stack.pop()
        _operate(opcode.name, argument, stack, memo)
    raise ValueError("the pickle does not end")


def _operate(operation: str, argument: Any, stack: list, memo: dict[int, Any]) -> None:
    """Applies one opcode to the stack; names and semantics are those of `pickletools`."""
    if operation in VALUES or operation in CONSTANTS:
        stack.append(CONSTANTS.get(operation, argument))
    elif operation == "GLOBAL":
        stack.append(Name(argument))
    elif operation in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
        memo[len(memo) if argument is None else argument] = stack[-1]
    elif operation in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif operation in BUILDERS:
        BUILDERS[operation](stack)
    elif operation not in ("PROTO", "FRAME"):
        raise errors.UserError(
            f"the pickle has the opcode {operation}, which no state dict needs; nothing was run"
        )


def _pop_to_mark(stack: list) -> list:
    start = max(index for index, value in enumerate(stack) if value is Mark)
    values = stack[start + 1 :]
    del stack[start:]
    return values


def _pop(stack: list, count: int) -> tuple:
    values = tuple(stack[-count:])
    del stack[-count:]
    return values


def _push_tuple(count: int, stack: list) -> None:
    stack.append(_pop(stack, count))


def _append(stack: list) -> None:
    value = stack.pop()
    stack[-1].append(value)


def _extend(stack: list) -> None:
    values = _pop_to_mark(stack)
    stack[-1].extend(values)


def _set_item(stack: list) -> None:
    key, value = _pop(stack, 2)
    stack[-1].update([(key, value)])


def _set_items(stack: list) -> None:
    items = _pop_to_mark(stack)
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _record_call(stack: list) -> None:
    name, arguments = _pop(stack, 2)
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        raise ValueError("the pickle calls something that is not a name")
    ordered_dict = name.name == "collections OrderedDict"
    stack.append({} if ordered_dict else Call(name.name, arguments))


BUILDERS: dict[str, Callable[[list], Any]] = {
    "MARK": lambda stack: stack.append(Mark),
    "EMPTY_TUPLE": lambda stack: stack.append(()),
    "EMPTY_LIST": lambda stack: stack.append([]),
    "EMPTY_DICT": lambda stack: stack.append({}),
    "TUPLE": lambda stack: stack.append(tuple(_pop_to_mark(stack))),
    "TUPLE1": functools.partial(_push_tuple, 1),
    "TUPLE2": functools.partial(_push_tuple, 2),
    "TUPLE3": functools.partial(_push_tuple, 3),
    "APPEND": _append,
    "APPENDS": _extend,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "STACK_GLOBAL": lambda stack: stack.append(Name(" ".join(_pop(stack, 2)))),
    "REDUCE": _record_call,
    "BUILD": lambda stack: stack.pop(),  # attributes of a state dict, such as its version
    "BINPERSID": lambda stack: stack.append(Stored(stack.pop())),
}
