"""PyTorch's `.pth` without PyTorch: the pickle is read as data, by a machine that knows no calls.

A pickle is a program, and `pickle.load` runs it. `parse` knows the operations that make tuples, lists and dicts; what
stands for a call becomes a `Call`, a record of the name and the arguments, which `tensors` takes for a tensor or
refuses. So no name in the file is ever looked up, let alone called.

Both layouts are read: the zip of PyTorch 1.6 and later, and the older one of five pickles and then the numbers.
"""

import io
import math
import pickletools
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxtex import errors
from jaxtex.weights.convert.tensors import Tensor

LARGEST = 1 << 22  # bytes of pickle: a VGG's takes ten thousand
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the first pickle of the older layout
DTYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINFLOAT")


class Name(NamedTuple):
    """A thing of some module, such as `torch._utils _rebuild_tensor_v2`: only the name."""

    name: str


class Call(NamedTuple):
    """What would have been a call."""

    name: str
    arguments: tuple


class Stored(NamedTuple):
    """A reference to a storage: `("storage", type, key, device, count)`."""

    reference: tuple


class Mark:
    """Where a tuple, list or dict begins on the stack."""


def parse(stream: io.BytesIO) -> Any:
    """The next pickle of a stream as plain data; the stream then stands behind it.

    Raises:
      UserError: it holds operations that no state dict needs.
    """
    stack: list = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "STOP":
            return stack.pop()
        _operate(opcode.name, argument, stack, memo)
    raise ValueError("the pickle does not end")


def _operate(operation: str, argument: Any, stack: list, memo: dict[int, Any]) -> None:
    """One operation. Names and semantics are those of `pickletools`."""
    if operation in VALUES or operation in CONSTANTS:
        stack.append(CONSTANTS.get(operation, argument))
    elif operation == "GLOBAL":
        stack.append(Name(argument))
    elif operation in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
        memo[len(memo) if argument is None else argument] = stack[-1]
    elif operation in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif operation in MAKERS:
        MAKERS[operation](stack)
    elif operation not in ("PROTO", "FRAME"):
        raise errors.UserError(
            f"its pickle uses {operation}, which no state dict needs; nothing of it was run"
        )


def _since_mark(stack: list) -> list:
    start = max(index for index, value in enumerate(stack) if value is Mark)
    values = stack[start + 1 :]
    del stack[start:]
    return values


def _last(stack: list, count: int) -> tuple:
    values = tuple(stack[-count:])
    del stack[-count:]
    return values


def _call(stack: list) -> None:
    name, arguments = _last(stack, 2)
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        raise ValueError("a call of what is no name")
    stack.append({} if name.name == "collections OrderedDict" else Call(name.name, arguments))


def _set_items(stack: list) -> None:
    items = _since_mark(stack)
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


MAKERS: dict[str, Callable[[list], Any]] = {
    "MARK": lambda stack: stack.append(Mark),
    "EMPTY_TUPLE": lambda stack: stack.append(()),
    "EMPTY_LIST": lambda stack: stack.append([]),
    "EMPTY_DICT": lambda stack: stack.append({}),
    "TUPLE": lambda stack: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": lambda stack: stack.append(_last(stack, 1)),
    "TUPLE2": lambda stack: stack.append(_last(stack, 2)),
    "TUPLE3": lambda stack: stack.append(_last(stack, 3)),
    "APPEND": lambda stack: (lambda value: stack[-1].append(value))(stack.pop()),
    "APPENDS": lambda stack: (lambda values: stack[-1].extend(values))(_since_mark(stack)),
    "SETITEM": lambda stack: (lambda pair: stack[-1].update([pair]))(_last(stack, 2)),
    "SETITEMS": _set_items,
    "STACK_GLOBAL": lambda stack: stack.append(Name(" ".join(_last(stack, 2)))),
    "REDUCE": _call,
    "BUILD": lambda stack: (
        stack.pop()
    ),  # attributes of a state dict: its version, which nobody needs
    "BINPERSID": lambda stack: stack.append(Stored(stack.pop())),
}


def read(path: str) -> dict[str, Tensor]:
    """The tensors of a state dict by name, `[D, C, 3, 3]` or `[D]`; their numbers are read when asked for.

    Raises:
      UserError: no state dict, or a file that contradicts itself.
    """
    return _read_zip(path) if zipfile.is_zipfile(path) else _read_older(path)


def _read_zip(path: str) -> dict[str, Tensor]:
    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if archive.getinfo(name).file_size > LARGEST:
            raise errors.UserError("its pickle is too large for a state dict")
        root = name.removesuffix("data.pkl")
        order = (
            archive.read(root + "byteorder")
            if root + "byteorder" in archive.namelist()
            else b"little"
        )
        state = parse(io.BytesIO(archive.read(name)))
        sizes = {
            info.filename: info.file_size
            for info in archive.infolist()
            if info.compress_type == zipfile.ZIP_STORED
        }
    if order != b"little":
        raise errors.UserError("its numbers are big-endian; save it anew")

    def storage(key: str, dtype: np.dtype, count: int) -> Callable[[int, int], np.ndarray]:
        if sizes.get(f"{root}data/{key}", -1) != count * dtype.itemsize:
            raise errors.UserError(
                f"its storage '{key}' has not the {count} numbers that were announced"
            )
        return lambda start, stop: _zipped(path, f"{root}data/{key}", dtype)[start:stop]

    return _tensors(state, storage)


def _zipped(path: str, member: str, dtype: np.dtype) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        return np.frombuffer(archive.read(member), dtype)


def _read_older(path: str) -> dict[str, Tensor]:
    with open(path, "rb") as file:
        head, size = io.BytesIO(file.read(LARGEST)), file.seek(0, io.SEEK_END)
        if not head.getvalue().startswith(MAGIC):
            raise errors.UserError("neither layout of PyTorch's files")
        _, _, about, state, keys = (parse(head) for _ in range(5))
        if not about["little_endian"]:
            raise errors.UserError("its numbers are big-endian; save it anew")
        places, place = {}, head.tell()
        widths = {
            reference[2]: np.dtype(_dtype(reference)).itemsize for reference in _references(state)
        }
        for key in keys:
            file.seek(place)
            count = int.from_bytes(file.read(8), "little")
            places[key] = (place + 8, count)
            place += 8 + count * widths[key]
    if place > size:
        raise errors.UserError(f"it ends after {size} bytes; {place} were announced")

    def storage(key: str, dtype: np.dtype, count: int) -> Callable[[int, int], np.ndarray]:
        start, stored = places[key]
        if stored != count:
            raise errors.UserError(
                f"its storage '{key}' has not the {count} numbers that were announced"
            )
        return lambda first, last: np.fromfile(
            path, dtype, last - first, offset=start + first * dtype.itemsize
        )

    return _tensors(state, storage)


def _entries(state: Any) -> dict[str, Call]:
    """The tensors of a state dict, which may lie one level down under "state_dict"."""
    if isinstance(state, Call):
        raise errors.UserError(
            f"holds a '{state.name}', a thing of a program; save its state_dict()"
        )
    if not isinstance(state, dict):
        raise errors.UserError("holds no state dict")
    state = state["state_dict"] if isinstance(state.get("state_dict"), dict) else state
    unwrap = lambda call: (
        call.arguments[0] if call.name == "torch._utils _rebuild_parameter" else call
    )
    found = {name: unwrap(call) for name, call in state.items() if isinstance(call, Call)}
    for name, call in found.items():
        if call.name not in ("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2"):
            raise errors.UserError(
                f"'{name}' is a call of '{call.name}', not a tensor; nothing of it was run"
            )
    return found


def _references(state: Any) -> list[tuple]:
    return [call.arguments[0].reference for call in _entries(state).values()]


def _dtype(reference: tuple) -> str:
    kind = reference[1].name.removeprefix("torch ")
    if kind not in DTYPES:
        raise errors.UserError(f"its numbers are of '{kind}'; there are: {', '.join(DTYPES)}")
    return DTYPES[kind]


def _tensors(state: Any, storage: Callable) -> dict[str, Tensor]:
    return {str(name): _tensor(str(name), call, storage) for name, call in _entries(state).items()}


def _tensor(name: str, call: Call, storage: Callable) -> Tensor:
    stored, offset, shape, strides = call.arguments[:4]
    dtype, count = np.dtype(_dtype(stored.reference)), stored.reference[4]
    if len(shape) != len(strides) or min((offset, *shape, *strides), default=0) < 0:
        raise errors.UserError(f"tensor '{name}' has a shape or stride that makes no sense")
    extent = (
        1 + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
        if math.prod(shape)
        else 0
    )
    if math.prod(shape) > count or offset + extent > count:
        raise errors.UserError(f"tensor '{name}' reaches beyond its {count} numbers")
    get = storage(stored.reference[2], dtype, count)

    def numbers() -> np.ndarray:
        flat = get(offset, offset + extent)
        return np.lib.stride_tricks.as_strided(
            flat, shape, [stride * dtype.itemsize for stride in strides]
        )

    return Tensor(tuple(shape), numbers)
