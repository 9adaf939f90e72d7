"""Reader of PyTorch's `.pth` files without PyTorch. Nothing is unpickled.

`opcodes.parse` reads the pickle of a file as data and records the calls that the pickle asks for. A
recorded call of PyTorch's tensor constructor describes a tensor; any other call is rejected.

There are two layouts: a zip archive since PyTorch 1.6, and before that five pickles followed by the
values of all tensors.
"""

import io
import math
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxtex import errors
from jaxtex.weights.convert.opcodes import Call, parse
from jaxtex.weights.convert.tensors import Tensor

MAX_PICKLE = 1 << 22  # bytes; the pickle of a VGG takes about ten thousand
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the first pickle of the older layout
DTYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8"}
TENSORS = ("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2")
PARAMETER = "torch._utils _rebuild_parameter"  # wraps a tensor

Slice = Callable[[int, int], np.ndarray]  # start, stop -> values

# Key, dtype and number of values of a storage -> function that reads a slice of it.
OpenStorage = Callable[[str, np.dtype, int], Slice]


def read(path: str) -> dict[str, Tensor]:
    """Reads the tensors of a state dict.

    Returns:
      Name -> tensor, `[D, C, 3, 3]` or `[D]`; values stay in the file until they are needed.

    Raises:
      UserError: the file holds no state dict, or contradicts itself.
    """
    return _read_zip(path) if zipfile.is_zipfile(path) else _read_older(path)


def lazy_tensor(name: str, call: Call, open_storage: OpenStorage) -> Tensor:
    """Returns the tensor that a recorded call describes.

    Args:
      name: name of the tensor, for messages.
      call: call of a row of `TENSORS` with the arguments storage, offset, shape and strides, in
        numbers of values.
      open_storage: reads storages.

    Raises:
      UserError: the shape and the strides reach beyond the storage, or its type is unknown.
    """
    stored, offset, shape, strides = call.arguments[:4]
    dtype, count = np.dtype(_dtype(stored.reference)), stored.reference[4]
    if len(shape) != len(strides) or min((offset, *shape, *strides), default=0) < 0:
        raise errors.UserError(
            f"tensor '{name}': shape {shape}, strides {strides} and offset {offset} are not valid"
        )
    extent = 0
    if math.prod(shape):
        extent = 1 + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > count or offset + extent > count:
        raise errors.UserError(f"tensor '{name}' reaches beyond the {count} values of its storage")
    read_slice = open_storage(stored.reference[2], dtype, count)

    def values() -> np.ndarray:
        flat = read_slice(offset, offset + extent)
        byte_strides = [stride * dtype.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(flat, shape, byte_strides)

    return Tensor(tuple(shape), values)


def _read_zip(path: str) -> dict[str, Tensor]:
    with zipfile.ZipFile(path) as archive:
        (member,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if archive.getinfo(member).file_size > MAX_PICKLE:
            raise errors.UserError(f"the pickle of a state dict has at most {MAX_PICKLE} bytes")
        root = member.removesuffix("data.pkl")
        order = b"little"
        if f"{root}byteorder" in archive.namelist():
            order = archive.read(f"{root}byteorder")
        state = parse(io.BytesIO(archive.read(member)))
        sizes = {
            info.filename: info.file_size
            for info in archive.infolist()
            if info.compress_type == zipfile.ZIP_STORED
        }
    _require_little_endian(order == b"little")

    def open_storage(key: str, dtype: np.dtype, count: int) -> Slice:
        data, size = f"{root}data/{key}", count * dtype.itemsize
        if sizes.get(data, -1) != size:
            raise errors.UserError(
                f"storage '{key}': expected {size} uncompressed bytes, got {sizes.get(data, 0)}"
            )
        return lambda start, stop: _read_member(path, data, dtype)[start:stop]

    return _tensors(state, open_storage)


def _read_member(path: str, member: str, dtype: np.dtype) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        return np.frombuffer(archive.read(member), dtype)


def _read_older(path: str) -> dict[str, Tensor]:
    with open(path, "rb") as file:
        head = io.BytesIO(file.read(MAX_PICKLE))
        size = file.seek(0, io.SEEK_END)
        if not head.getvalue().startswith(MAGIC):
            raise errors.UserError("not a PyTorch file of either layout")
        _magic, _protocol, system, state, keys = (parse(head) for _ in range(5))
        _require_little_endian(system["little_endian"])

        itemsizes = {
            reference[2]: np.dtype(_dtype(reference)).itemsize for reference in _references(state)
        }
        storages: dict[str, tuple[int, int]] = {}  # key -> where its values begin, their number
        place = head.tell()
        for key in keys:
            file.seek(place)
            count = int.from_bytes(file.read(8), "little")
            storages[key] = (place + 8, count)
            place += 8 + count * itemsizes[key]
    if place > size:
        raise errors.UserError(f"the file has {size} bytes; its storages need {place}")

    def open_storage(key: str, dtype: np.dtype, count: int) -> Slice:
        begin, stored = storages[key]
        if stored != count:
            raise errors.UserError(f"storage '{key}': expected {count} values, got {stored}")
        return lambda start, stop: np.fromfile(
            path, dtype, stop - start, offset=begin + start * dtype.itemsize
        )

    return _tensors(state, open_storage)


def _require_little_endian(little: bool) -> None:
    if not little:
        raise errors.UserError("values are big-endian; save the file on a little-endian machine")


def _tensors(state: Any, open_storage: OpenStorage) -> dict[str, Tensor]:
    return {
        str(name): lazy_tensor(str(name), call, open_storage)
        for name, call in _tensor_calls(state).items()
    }


def _references(state: Any) -> list[tuple]:
    return [call.arguments[0].reference for call in _tensor_calls(state).values()]


def _tensor_calls(state: Any) -> dict[str, Call]:
    """Returns the tensors of a state dict, which may lie one level down, under "state_dict"."""
    if isinstance(state, Call):
        raise errors.UserError(f"holds a '{state.name}', not a state dict; save its state_dict()")
    if not isinstance(state, dict):
        raise errors.UserError("holds no state dict")
    if isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]

    calls: dict[str, Call] = {}
    for name, value in state.items():
        if not isinstance(value, Call):
            continue
        call = value.arguments[0] if value.name == PARAMETER else value
        if call.name not in TENSORS:
            raise errors.UserError(
                f"'{name}' is a call of '{call.name}', not a tensor; nothing in the file was run"
            )
        calls[name] = call
    return calls


def _dtype(reference: tuple) -> str:
    kind = reference[1].name.removeprefix("torch ")
    if kind not in DTYPES:
        raise errors.UserError(f"values are of type '{kind}'; expected one of {', '.join(DTYPES)}")
    return DTYPES[kind]
