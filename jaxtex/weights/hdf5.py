"""Weight files: one HDF5 file holds the variables of one network, and everything in it is checked.

Schema, version 1:

    /                          attributes
        format                 "jaxtex-weights"
        version                1
        network                row of `networks.NETWORKS`, such as "vgg16_bn"
        pooling                pooling that the network was trained with: "max" or "avg"
        mean, deviation        [3] each, RGB: the network's input is (image - mean) / deviation
                               for an image in [0, 1]
        source, source_sha256  name and hash of the published file
        licence                license of the weights
        numbers                publisher whose training it was, or "unknown"
        norm                   "folded" where the published file has its batch norms merged into the
                               convolutions; otherwise absent
        sha256                 hash of these and of any further attributes
    /convB_I/kernel            [3, 3, C_in, C_out]; the first layer's input channels are R, G, B
    /convB_I/bias              [C_out]
    /bnB_I/scale, bias         [C_out] each, where the network has batch norm
    /bnB_I/mean, var           [C_out] each, running statistics

B counts the blocks and I the convolutions of a block, from 1. Datasets are float32 or float16, with
the filter fletcher32 and the attribute `sha256`, the hash of their values. A file may end early,
after a complete layer. `load` reads compressed datasets; `save` does not compress, which would make
reading slower (see docs/development/performance.md).
"""

import hashlib
import pathlib
from concurrent import futures
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from jaxtex import errors
from jaxtex.runtime import files

FORMAT = "jaxtex-weights"
VERSION = 1
LEAVES = {"conv": ("kernel", "bias"), "bn": ("scale", "bias", "mean", "var")}
MAX_WIDTH = 4096  # channels; larger datasets are rejected before anything is allocated


class Weights(NamedTuple):
    """Contents of a weight file.

    Attributes:
      variables: `{"params", "batch_stats", "preprocessing"}`, NumPy arrays, float32.
      network: a row of `networks.NETWORKS`.
      pooling: the pooling that the network was trained with, "max" or "avg".
      about: the file's other attributes: source, license, hashes.
    """

    variables: dict[str, Any]
    network: str
    pooling: str
    about: dict[str, Any]


def save(path: str | pathlib.Path, weights: Weights, dtype: npt.DTypeLike = np.float32) -> None:
    """Writes a weight file.

    Args:
      path: the file, replaced if it exists.
      weights: variables and their origin; the values of `about` are strings and numbers.
      dtype: `np.float32` or `np.float16`.

    Raises:
      UserError: the variables lack a collection.
    """
    for name in ("params", "preprocessing"):
        if name not in weights.variables:
            raise errors.UserError(f"weights '{path}': the variables must have '{name}'")
    with files.atomic(path) as part, h5py.File(part, "w") as file:
        file.attrs.update(weights.about | {"format": FORMAT, "version": VERSION})
        file.attrs.update({"network": weights.network, "pooling": weights.pooling})
        for name, value in weights.variables["preprocessing"].items():
            file.attrs[name] = np.asarray(value, np.float64)
        file.attrs["sha256"] = attributes_hash(file)

        for name, value in _flatten(weights.variables).items():
            tensor = np.asarray(value, dtype)
            dataset = file.create_dataset(name, data=tensor, chunks=tensor.shape, fletcher32=True)
            dataset.attrs["sha256"] = tensor_hash(tensor)


def load(path: str | pathlib.Path) -> Weights:
    """Reads and checks a weight file.

    Args:
      path: an HDF5 file in the schema above.

    Returns:
      The weights, as float32.

    Raises:
      UserError: the file does not exist, has another format, is damaged, or violates the schema.
    """
    if reason := files.refuse_irregular(path):
        raise errors.UserError(
            f"weights '{path}': {reason}; 'jaxtex-weights list' shows the available weights"
        )
    if not h5py.is_hdf5(path):
        raise errors.UserError(
            f"weights '{path}': not an HDF5 file; 'jaxtex-weights convert' reads other formats"
        )
    try:
        with h5py.File(path, "r") as file:
            return _read(file)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise errors.UserError(f"weights '{path}': {text}") from error


def check_shapes(weights: Weights, expected: dict[str, tuple[int, ...]]) -> None:
    """Validates the tensors of a weight file against a network.

    Args:
      weights: the weights; they may end early.
      expected: name of a tensor in the file -> its shape, as the network's `shapes()` returns it.

    Raises:
      UserError: a tensor has another shape, or the network has no tensor of that name.
    """
    for name, tensor in _flatten(weights.variables).items():
        if name not in expected:
            raise errors.UserError(f"the weights have '{name}', which the network does not have")
        if tensor.shape != expected[name]:
            raise errors.UserError(
                f"weight '{name}': expected the shape {expected[name]}, got {tensor.shape}"
            )


def unflatten(tensors: dict[str, np.ndarray]) -> dict[str, dict]:
    """Sorts tensors into the collections "params" and "batch_stats" of variables.

    Args:
      tensors: name in the file, such as `"conv1_1/kernel"` -> tensor.
    """
    variables: dict[str, dict] = {"params": {}, "batch_stats": {}}
    for name, tensor in tensors.items():
        layer, leaf = name.split("/")
        collection = variables["batch_stats" if leaf in ("mean", "var") else "params"]
        collection.setdefault(layer, {})[leaf] = tensor
    return variables


def tensor_hash(tensor: np.ndarray) -> str:
    """Returns the value of the attribute `sha256` of a dataset."""
    return hashlib.sha256(np.ascontiguousarray(tensor).data).hexdigest()


def attributes_hash(file: h5py.File) -> str:
    """Returns the value of the attribute `sha256` of a file."""
    rows = [
        f"{name}={np.asarray(value).tolist()!r}"
        for name, value in sorted(file.attrs.items())
        if name != "sha256"
    ]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _read(file: h5py.File) -> Weights:
    about = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in file.attrs.items()
    }
    if about.pop("format", None) != FORMAT:
        raise errors.UserError(f"not a jaxtex weight file: attribute 'format' is not '{FORMAT}'")
    if (version := about.pop("version")) != VERSION:
        raise errors.UserError(f"expected version {VERSION} of the format, got {version}")
    if about.pop("sha256", None) != attributes_hash(file):
        raise errors.UserError("damaged: the attributes do not match their hash")
    preprocessing = {name: _channel_values(name, about.pop(name)) for name in ("mean", "deviation")}

    # A second thread hashes one dataset while the next one is read.
    with futures.ThreadPoolExecutor(1) as executor:
        checks = {
            name: executor.submit(_check_tensor, name, *_read_dataset(file, name))
            for name in _dataset_names(file)
        }
    tensors = {name: check.result() for name, check in checks.items()}
    variables = unflatten(tensors) | {"preprocessing": preprocessing}
    return Weights(variables, about.pop("network"), about.pop("pooling"), about)


def _dataset_names(file: h5py.File) -> list[str]:
    """Returns the names that the schema requires of the layers in the file."""
    names: list[str] = []
    for layer in file:
        kind = layer.rstrip("0123456789_")
        if kind not in LEAVES or not _is_own(file, layer):
            raise errors.UserError(f"'{layer}' is not a layer")
        if set(file[layer]) != set(LEAVES[kind]):
            raise errors.UserError(
                f"layer '{layer}': expected {', '.join(LEAVES[kind])}, got {', '.join(file[layer])}"
            )
        names += [f"{layer}/{leaf}" for leaf in LEAVES[kind]]
    return names


def _read_dataset(file: h5py.File, name: str) -> tuple[np.ndarray, str]:
    """Returns a tensor and the hash that was written with it."""
    # Links, virtual and external datasets could make this process read any file of the user.
    dataset = file[name] if _is_own(file, name) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise errors.UserError(f"'{name}' is not stored in the file itself")
    if dataset.dtype not in (np.float32, np.float16) or max(dataset.shape, default=0) > MAX_WIDTH:
        raise errors.UserError(
            f"'{name}': expected float32 or float16 with at most {MAX_WIDTH} channels, "
            f"got {dataset.dtype} {dataset.shape}"
        )
    return dataset[()], dataset.attrs["sha256"]


def _is_own(file: h5py.File, name: str) -> bool:
    """True if an object is stored in the file, not linked from elsewhere."""
    return isinstance(file.get(name, getlink=True), h5py.HardLink)


def _check_tensor(name: str, tensor: np.ndarray, sha256: str) -> np.ndarray:
    """Returns the tensor as float32; raises `UserError` if it is damaged or not usable."""
    if tensor_hash(tensor) != sha256:
        raise errors.UserError(f"'{name}' is damaged: its values do not match their hash")
    if not np.isfinite(tensor).all():
        raise errors.UserError(f"'{name}' has values that are not finite")
    if name.endswith("/var") and (tensor < 0).any():
        raise errors.UserError(f"'{name}' has negative variances")
    return np.asarray(tensor, np.float32)


def _channel_values(name: str, value: Any) -> np.ndarray:
    """Returns an attribute of the preprocessing, one value for each color channel, as float32."""
    valid = np.shape(value) == (3,) and np.isfinite(value).all()
    if not valid or (name == "deviation" and min(value) <= 0):
        kind = "positive" if name == "deviation" else "finite"
        raise errors.UserError(f"attribute '{name}' must be three {kind} numbers, not {value}")
    return np.asarray(value, np.float32)


def _flatten(variables: dict[str, Any]) -> dict[str, Any]:
    """Returns name in the file -> tensor; the preprocessing is left out."""
    layers = [*variables["params"].items(), *variables.get("batch_stats", {}).items()]
    return {f"{layer}/{leaf}": value for layer, leaves in layers for leaf, value in leaves.items()}
