"""Reader of ONNX files, which finds the layers in the graph: names differ between exporters.

The onnx library reads a whole file into memory, and half a gigabyte of it is the classifier. So
`without_tensors` copies the file without the values of large tensors and records where these lie.
onnx parses the copy, and only the tensors of convolutions are read, from those places.
"""

import functools
import io
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jaxtex import errors
from jaxtex.weights.convert.tensors import Checkpoint, Layer, Tensor

MAX_COPY = 1 << 24  # bytes without the values of tensors; a VGG has a hundred thousand
MIN_TENSOR = 1024  # bytes; the values of smaller tensors stay in the copy

# Numbers of fields in onnx.proto.
GRAPH = 7  # of ModelProto
INITIALIZER = 5  # of GraphProto
NAME = 8  # of TensorProto
VALUES = (4, 9)  # of TensorProto: float_data, raw_data

# Wire types of protocol buffers.
VARINT = 0
FIXED64 = 1
LENGTH_DELIMITED = 2
FIXED32 = 5

CONVOLUTION = {  # attributes of every convolution of a VGG
    "kernel_shape": [3, 3],
    "strides": [1, 1],
    "pads": [1, 1, 1, 1],
    "dilations": [1, 1],
    "group": 1,
}

Places = dict[str, tuple[int, int]]  # name of a tensor -> where its values begin, and their bytes
Node = Any  # onnx.NodeProto; onnx is optional


class Field(NamedTuple):
    """A field of a message: its number, and where its tag and its contents lie in the file."""

    number: int
    start: int  # of the tag
    begin: int  # of the contents
    end: int  # of the contents


def read(path: str) -> Checkpoint:
    """Reads the convolutions of a graph, each with the batch norm that follows it.

    Raises:
      UserError: onnx is not installed, or the file is damaged or has other convolutions than a VGG.
    """
    try:
        import onnx
    except ImportError as error:
        raise errors.UserError(
            "an ONNX file needs the extra 'convert': pip install 'jaxtex[convert]'"
        ) from error
    with open(path, "rb") as file:
        copy, places = without_tensors(file, os.path.getsize(path))
    graph = onnx.load_model_from_string(copy).graph
    tensors = {tensor.name: _tensor(path, tensor, places) for tensor in graph.initializer}

    followers = {node.input[0]: node for node in graph.node if node.input}
    convolutions = [
        node for node in graph.node if node.op_type == "Conv" and _is_3x3(node, tensors)
    ]
    layers = [_layer(node, followers.get(node.output[0]), tensors) for node in convolutions]
    folded = any(_had_norm(node, followers) for node in convolutions)
    return Checkpoint(layers, False, "torchvision", folded)


def without_tensors(file: BinaryIO, size: int) -> tuple[bytes, Places]:
    """Copies an ONNX file without the values of large tensors.

    Args:
      file: the file, open for reading.
      size: its length in bytes.

    Returns:
      The copy, a valid ONNX file, and the places of the values in the original.

    Raises:
      UserError: the file contradicts itself, or the copy would be too large.
    """
    copy = io.BytesIO()
    places: Places = {}
    for field in _fields(file, 0, size):
        if field.number == GRAPH:
            graph = _graph_without_tensors(file, field, places)
            _write(copy, GRAPH, graph)
        else:
            _copy(file, field, copy)
    return copy.getvalue(), places


def _layer(node: Node, follower: Node | None, tensors: dict[str, Tensor]) -> Layer:
    """Returns a convolution with its batch norm.

    The attribute `spatial=0` of old batch norms is ignored: although the ONNX specification says
    otherwise, their statistics have one value for each channel.
    """
    attributes = {
        attribute.name: list(attribute.ints) or attribute.i for attribute in node.attribute
    }
    for name, value in CONVOLUTION.items():
        if attributes.get(name, value) != value:
            raise errors.UserError(
                f"convolution '{node.name}': expected {name} {value}, got {attributes[name]}"
            )

    kernel, *biases = [_find(tensors, name) for name in node.input[1:]]
    bias = biases[0] if biases else None
    if follower is None or follower.op_type != "BatchNormalization":
        return Layer(node.input[1], kernel, bias)

    leaves = [_find(tensors, name) for name in follower.input[1:]]
    norm = dict(zip(("scale", "bias", "mean", "var"), leaves, strict=True))
    epsilons = [attribute.f for attribute in follower.attribute if attribute.name == "epsilon"]
    epsilon = epsilons[0] if epsilons else 1e-5  # the default of the ONNX specification
    return Layer(node.input[1], kernel, bias, norm, epsilon)


def _is_3x3(node: Node, tensors: dict[str, Tensor]) -> bool:
    """True for the convolutions of a VGG; some exporters write its classifier as larger ones."""
    return _find(tensors, node.input[1]).shape[2:] == (3, 3)


def _had_norm(node: Node, followers: dict[str, Node]) -> bool:
    """True if the exporter has merged a batch norm into this convolution.

    Exporters number the modules, and a merged one leaves a gap: `features.0` is followed by the
    ReLU `features.2`.
    """
    numbers = []
    for each in (node, followers.get(node.output[0])):
        names = re.findall(r"features[./](?:features\.)?(\d+)", each.name) if each else []
        if not names:
            return False
        numbers.append(int(names[-1]))
    return numbers[1] - numbers[0] == 2


def _find(tensors: dict[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise errors.UserError(f"'{name}' is computed in the graph; expected a stored tensor")
    return tensors[name]


def _tensor(path: str, tensor: Any, places: Places) -> Tensor:
    return Tensor(tuple(tensor.dims), functools.partial(_read_tensor, path, tensor, places))


def _read_tensor(path: str, tensor: Any, places: Places) -> np.ndarray:
    """Returns the values of an `onnx.TensorProto`, from its place in the file if it has one."""
    import onnx

    name, shape = tensor.name, tuple(tensor.dims)
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise errors.UserError(
            f"tensor '{name}' lies in another file, which is not opened; save the model as one file"
        )
    if name not in places:
        return onnx.numpy_helper.to_array(tensor)

    begin, size = places[name]
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).newbyteorder("<")
    expected = np.prod(shape, dtype=object) * dtype.itemsize
    if size != expected:
        raise errors.UserError(f"tensor '{name}' {shape}: expected {expected} bytes, got {size}")
    return np.fromfile(path, dtype, size // dtype.itemsize, offset=begin).reshape(shape)


def _graph_without_tensors(file: BinaryIO, graph: Field, places: Places) -> bytes:
    copy = io.BytesIO()
    for field in _fields(file, graph.begin, graph.end):
        if field.number == INITIALIZER:
            _write(copy, INITIALIZER, _tensor_without_values(file, field, places))
        else:
            _copy(file, field, copy)
    return copy.getvalue()


def _tensor_without_values(file: BinaryIO, tensor: Field, places: Places) -> bytes:
    copy = io.BytesIO()
    place, name = None, ""
    for field in _fields(file, tensor.begin, tensor.end):
        size = field.end - field.begin
        if field.number in VALUES and size > MIN_TENSOR:
            place = (field.begin, size)
            continue
        _copy(file, field, copy)
        if field.number == NAME:
            file.seek(field.begin)
            name = file.read(size).decode()
    if place:
        places[name] = place
    return copy.getvalue()


def _fields(file: BinaryIO, begin: int, end: int) -> Iterator[Field]:
    """Yields the fields of a message that lies between two places in a file."""
    while begin < end:
        file.seek(begin)
        tag = _read_varint(file)
        size = _contents_size(file, tag & 7)
        contents = file.tell()
        if contents + size > end:
            raise errors.UserError("not an ONNX file, or cut short")
        yield Field(tag >> 3, begin, contents, contents + size)
        begin = contents + size


def _contents_size(file: BinaryIO, wire_type: int) -> int:
    """Returns the bytes of a field's contents after its tag; reads a varint to its end."""
    if wire_type == VARINT:
        _read_varint(file)
        return 0
    if wire_type == LENGTH_DELIMITED:
        return _read_varint(file)
    if wire_type == FIXED64:
        return 8
    if wire_type == FIXED32:
        return 4
    raise errors.UserError("not an ONNX file, or damaged")


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):  # at most ten bytes of seven bits
        byte = file.read(1)
        if not byte:
            raise errors.UserError("not an ONNX file, or cut short")
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise errors.UserError("not an ONNX file, or damaged")


def _write(copy: io.BytesIO, number: int, contents: bytes) -> None:
    """Appends a field with these contents."""
    for value in (number << 3 | LENGTH_DELIMITED, len(contents)):
        while value > 127:
            copy.write(bytes([value & 127 | 128]))
            value >>= 7
        copy.write(bytes([value]))
    copy.write(contents)


def _copy(file: BinaryIO, field: Field, copy: io.BytesIO) -> None:
    """Appends a field of the file."""
    size = field.end - field.start
    if copy.tell() + size > MAX_COPY:
        raise errors.UserError(
            f"not an ONNX file of a network: more than {MAX_COPY} bytes lie outside of tensors"
        )
    file.seek(field.start)
    copy.write(file.read(size))
