"""Recognition of checkpoints: the format by the first bytes, the network by the kernels' shapes."""

import itertools
import zipfile
from collections.abc import Callable

from jaxtex import errors, networks
from jaxtex.weights.convert import keras, onnx_graphs, pickles, state_dicts
from jaxtex.weights.convert.tensors import Checkpoint, Layer

HEAD = 512  # bytes that tell the format
ZIP_MAGIC = b"PK"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
PICKLE_MAGIC = b"\x80"
TAR_MAGIC = b"ustar"  # at byte 257
ONNX_MAGIC = b"\x08"  # the tag of ModelProto's first field, ir_version

FORMATS: dict[str, Callable[[str], Checkpoint]] = {
    "pth": state_dicts.read_pickle,
    "safetensors": state_dicts.read_safetensors,
    "onnx": onnx_graphs.read,
    "keras": keras.read,
    "npz": state_dicts.read_arrays,
}

Channels = tuple[int, int]  # of a convolution: input, output


def recognize_format(path: str) -> str:
    """Returns the format of a file, a key of `FORMATS`, whatever its name is.

    Raises:
      UserError: the file has another format; the message names it if it is a usual mistake.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD)
    if head.startswith(ZIP_MAGIC):
        with zipfile.ZipFile(path) as archive:
            return "npz" if all(name.endswith(".npy") for name in archive.namelist()) else "pth"
    if head.startswith(HDF5_MAGIC):
        return "keras"
    if head.startswith(pickles.MAGIC):
        return "pth"
    if head[8:9] == b"{":  # after eight bytes of length
        return "safetensors"
    if head[257:262] == TAR_MAGIC:
        raise errors.UserError(
            "is a tar, PyTorch's oldest layout, which is not supported; load and save it in PyTorch"
        )
    if head.lstrip().startswith(b"<"):
        raise errors.UserError("is a web page, not weights; did the server refuse the download?")
    if head.startswith(PICKLE_MAGIC):
        raise errors.UserError(
            "is a bare pickle, which is a program, not weights; nothing in the file was run"
        )
    if head.startswith(ONNX_MAGIC):
        return "onnx"
    raise errors.UserError(f"unknown format; expected one of {', '.join(FORMATS)}")


def recognize_network(checkpoint: Checkpoint, requested: str = "") -> str:
    """Returns the network whose first convolutions a checkpoint holds, a row of `networks.TRAINED`.

    Args:
      checkpoint: the layers of a file; they may end early.
      requested: the network that the user named; empty: any.

    Raises:
      UserError: no network fits, or several do.
    """
    if not checkpoint.layers:
        raise errors.UserError("has no convolutions")
    channels = [_channels(layer, checkpoint.hwio) for layer in checkpoint.layers]
    has_norm = {layer.norm is not None for layer in checkpoint.layers}
    if len(has_norm) > 1:
        raise errors.UserError("only some of its convolutions have a batch norm")
    if requested:
        errors.choose("network", requested, networks.TRAINED)

    batch_norm = checkpoint.folded or has_norm == {True}
    rows = {
        name: _network_channels(network)
        for name, network in networks.TRAINED.items()
        if network.batch_norm == batch_norm
    }
    fitting = [
        name
        for name, row in rows.items()
        if row[: len(channels)] == channels and requested in ("", name)
    ]
    complete = [name for name in fitting if len(rows[name]) == len(channels)]
    candidates = complete or fitting
    if len(candidates) == 1:
        return candidates[0]
    if fitting:
        raise errors.UserError(
            f"ends early, and could be {' or '.join(fitting)}: say --network={fitting[0]}"
        )
    if requested in rows:
        rows = {requested: rows[requested]}
    raise errors.UserError(_first_difference(checkpoint, channels, rows))


def _first_difference(
    checkpoint: Checkpoint, channels: list[Channels], rows: dict[str, list[Channels]]
) -> str:
    """Describes where a checkpoint differs from the network that agrees with most of its layers."""
    common = {name: _common_length(channels, row) for name, row in rows.items()}
    nearest = max(common, key=lambda name: common[name])
    place = common[nearest]
    if place == len(rows[nearest]):
        return f"has {len(channels)} convolutions; {nearest}, the nearest network, has {place}"
    got, expected = channels[place], rows[nearest][place]
    return (
        f"'{checkpoint.layers[place].name}' has {got[0]} -> {got[1]} channels; "
        f"{nearest}, the nearest network, has {expected[0]} -> {expected[1]}"
    )


def _common_length(channels: list[Channels], row: list[Channels]) -> int:
    """Returns the number of layers after which a checkpoint and a network first differ."""
    for place, (got, expected) in enumerate(zip(channels, row, strict=False)):
        if got != expected:
            return place
    return len(row)


def _channels(layer: Layer, hwio: bool) -> Channels:
    shape = layer.kernel.shape
    order = (0, 1, 2, 3) if hwio else (2, 3, 1, 0)
    if len(shape) != 4 or tuple(shape[axis] for axis in order[:2]) != (3, 3):
        expected = "(3, 3, C, D)" if hwio else "(D, C, 3, 3)"
        raise errors.UserError(f"kernel '{layer.name}': expected {expected}, got {shape}")
    return shape[order[2]], shape[order[3]]


def _network_channels(network: networks.VGG) -> list[Channels]:
    widths = [3, *(width for block in network.widths for width in block)]
    return list(itertools.pairwise(widths))
