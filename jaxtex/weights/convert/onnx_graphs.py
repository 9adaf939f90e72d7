"""ONNX files: layers by walking the graph, names being different in every exporter.

The onnx library reads a whole file into memory, half a gigabyte of it a classifier's. So `skeleton` copies the file
without the long runs of numbers and notes where each lies; onnx parses the copy, and the kept tensors are read by place.
"""

import io
import os
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from jaxtex import errors
from jaxtex.weights.convert.tensors import Checkpoint, Layer, Tensor

LARGEST = 1 << 24  # bytes without the tensors: a VGG's take a hundred thousand
GRAPH, INITIALIZER, NAME, NUMBERS = (
    7,
    5,
    8,
    (4, 9),
)  # fields of ModelProto, GraphProto, TensorProto (float_data, raw_data)
BYTES = 2  # the wire type of what has a length
SHORT = 1024  # bytes of numbers that stay in the copy
CONVOLUTION = {
    "kernel_shape": [3, 3],
    "strides": [1, 1],
    "pads": [1, 1, 1, 1],
    "dilations": [1, 1],
    "group": 1,
}

Places = dict[
    str, tuple[int, int]
]  # a tensor's name -> where its numbers lie, and how many bytes they take


def read(path: str) -> Checkpoint:
    """The convolutions of a graph, each with the batch norm that follows it.

    Raises:
      UserError: onnx is not installed, or the graph is none of a VGG.
    """
    try:
        import onnx
    except ImportError as error:
        raise errors.UserError(
            "an ONNX file needs the extra 'convert': pip install 'jaxtex[convert]'"
        ) from error
    with open(path, "rb") as file:
        copy, places = skeleton(file, os.path.getsize(path))
    graph = onnx.load_model_from_string(copy).graph
    tensors = {tensor.name: _tensor(path, tensor, places) for tensor in graph.initializer}
    followers = {node.input[0]: node for node in graph.node if node.input}
    convolutions = [
        node for node in graph.node if node.op_type == "Conv" and _is_3x3(node, tensors)
    ]
    layers = [_layer(node, followers.get(node.output[0]), tensors) for node in convolutions]
    return Checkpoint(
        layers, False, "torchvision", any(_had_norm(node, followers) for node in convolutions)
    )


def _layer(node, follower, tensors: dict[str, Tensor]) -> Layer:
    """`spatial=0` in old norms (outside the specification) is taken as what it was: one number for each channel."""
    attributes = {
        attribute.name: list(attribute.ints) or attribute.i for attribute in node.attribute
    }
    wrong = {
        name: value for name, value in CONVOLUTION.items() if attributes.get(name, value) != value
    }
    if wrong:
        raise errors.UserError(
            f"convolution '{node.name}' is none of VGG's: {', '.join(wrong)} of {attributes}"
        )
    kernel, *bias = [_find(tensors, name) for name in node.input[1:]]
    bias = bias[0] if bias else None
    if follower is None or follower.op_type != "BatchNormalization":
        return Layer(node.input[1], kernel, bias)
    norm = dict(
        zip(
            ("scale", "bias", "mean", "var"),
            (_find(tensors, n) for n in follower.input[1:]),
            strict=True,
        )
    )
    epsilon = next(
        (attribute.f for attribute in follower.attribute if attribute.name == "epsilon"), 1e-5
    )
    return Layer(node.input[1], kernel, bias, norm, epsilon)


def _is_3x3(node, tensors: dict[str, Tensor]) -> bool:
    """Some exporters write the classifier as convolutions too, of other sizes."""
    return _find(tensors, node.input[1]).shape[2:] == (3, 3)


def _had_norm(node, followers: dict) -> bool:
    """Exporters number the modules; one that folded a norm left a gap: `features.0` is followed by ReLU `features.2`."""
    follower = followers.get(node.output[0])
    numbers = [
        re.findall(r"features[./](?:features\.)?(\d+)", each.name)
        for each in (node, follower)
        if each
    ]
    return len(numbers) == 2 and all(numbers) and int(numbers[1][-1]) - int(numbers[0][-1]) == 2


def _find(tensors: dict[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise errors.UserError(f"'{name}' is computed in the graph, not stored")
    return tensors[name]


def _tensor(path: str, tensor, places: Places) -> Tensor:
    import onnx

    shape, name = tuple(tensor.dims), tensor.name

    def numbers() -> np.ndarray:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise errors.UserError(
                f"tensor '{name}' lies in another file, which is not opened; save one file"
            )
        if name not in places:
            return onnx.numpy_helper.to_array(tensor)
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).newbyteorder("<")
        if places[name][1] != np.prod(shape, dtype=object) * dtype.itemsize:
            raise errors.UserError(f"tensor '{name}' of shape {shape} has {places[name][1]} bytes")
        return np.fromfile(
            path, dtype, places[name][1] // dtype.itemsize, offset=places[name][0]
        ).reshape(shape)

    return Tensor(shape, numbers)


def skeleton(file: BinaryIO, size: int) -> tuple[bytes, Places]:
    """An ONNX file without its long runs of numbers, and where they lie.

    Raises:
      UserError: the file contradicts itself, or is too large without them.
    """
    copy, places = io.BytesIO(), {}
    for number, start, begin, end in _fields(file, 0, size):
        if number == GRAPH:
            graph = io.BytesIO()
            for inner, inner_start, inner_begin, inner_end in _fields(file, begin, end):
                if inner == INITIALIZER:
                    _write(
                        graph, INITIALIZER, _without_numbers(file, inner_begin, inner_end, places)
                    )
                else:
                    _copy(file, inner_start, inner_end, graph)
            _write(copy, GRAPH, graph.getvalue())
        else:
            _copy(file, start, end, copy)
    return copy.getvalue(), places


def _without_numbers(file: BinaryIO, begin: int, end: int, places: Places) -> bytes:
    copy, place, name = io.BytesIO(), None, ""
    for number, start, inner, stop in _fields(file, begin, end):
        if number in NUMBERS and stop - inner > SHORT:
            place = (inner, stop - inner)
            continue
        _copy(file, start, stop, copy)
        if number == NAME:
            file.seek(inner)
            name = file.read(stop - inner).decode()
    if place:
        places[name] = place
    return copy.getvalue()


def _fields(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field of a message: number, where its tag starts, where its contents begin, where they end."""
    while begin < end:
        file.seek(begin)
        tag = _varint(file)
        length = {
            0: lambda: _varint(file) and 0,
            1: lambda: 8,
            BYTES: lambda: _varint(file),
            5: lambda: 4,
        }.get(tag & 7)
        if length is None:
            raise errors.UserError("not an ONNX file, or damaged")
        count = length()
        contents = file.tell()
        if contents + count > end:
            raise errors.UserError("not an ONNX file, or cut short")
        yield tag >> 3, begin, contents, contents + count
        begin = contents + count


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise errors.UserError("not an ONNX file, or cut short")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise errors.UserError("not an ONNX file, or damaged")


def _write(copy: io.BytesIO, number: int, contents: bytes) -> None:
    for value in (number << 3 | BYTES, len(contents)):
        while value > 127:
            copy.write(bytes([value & 127 | 128]))
            value >>= 7
        copy.write(bytes([value]))
    copy.write(contents)


def _copy(file: BinaryIO, start: int, end: int, copy: io.BytesIO) -> None:
    if copy.tell() + end - start > LARGEST:
        raise errors.UserError(
            "not an ONNX file of a network, or one that hides its numbers elsewhere than in tensors"
        )
    file.seek(start)
    copy.write(file.read(end - start))
