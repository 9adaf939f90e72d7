"""HDF5 files <-> the variables of a network; every name, shape, dtype and hash is checked.

The schema, version 1 (fletcher32 on every dataset, its sha256 in the attribute `sha256`; not compressed: deflate
saves a sixth of VGG-16-BN's 59 MB, and takes 0.16 s more of every start; files that have it are read):

    attributes        format = "jaxtex-weights", version = 1, network, pooling, mean [3], deviation [3],
                      source, source_sha256, licence, and whatever else tells where the numbers come from; numbers (whose
                      training it was); norm = "folded" where batch norms came merged into the convolutions;
                      sha256 of all these attributes
    convB_I/kernel    [3, 3, C_in, C_out], input channels of the first in the order R, G, B
    convB_I/bias      [C_out]
    bnB_I/scale, bnB_I/bias, bnB_I/mean, bnB_I/var    [C_out], where the network has batch norm

float32 or float16; the layers may end early (at a whole layer). An image in [0, 1] enters the network as
`(image - mean) / deviation`: preprocessing is a property of the file, and so is the pooling it was trained with.
"""

import hashlib
import pathlib
from concurrent import futures
from typing import Any, NamedTuple

import h5py
import numpy as np

from jaxtex import errors
from jaxtex.runtime import files

FORMAT, VERSION = "jaxtex-weights", 1
LEAVES = {"conv": ("kernel", "bias"), "bn": ("scale", "bias", "mean", "var")}
MAX_WIDTH = 4096  # channels; wider is refused before anything is read


class Weights(NamedTuple):
    """What a weight file holds."""

    variables: dict[str, Any]  # {"params", "batch_stats", "preprocessing"}, NumPy arrays of float32
    network: str  # the row of `NETWORKS`
    pooling: str  # that it was trained with
    about: dict[str, Any]  # source, licence, hashes: the file's other attributes


def save(path: str | pathlib.Path, weights: Weights, dtype=np.float32) -> None:
    """Writes weights in the schema above.

    Args:
      path: the file, replaced if it is there.
      weights: variables and their provenance; `about` holds plain strings and numbers.
      dtype: `np.float32` or `np.float16`.
    """
    with files.atomic(path) as part, h5py.File(part, "w") as file:
        file.attrs.update(weights.about | {"format": FORMAT, "version": VERSION})
        file.attrs.update({"network": weights.network, "pooling": weights.pooling})
        file.attrs.update(
            {k: np.asarray(v, np.float64) for k, v in weights.variables["preprocessing"].items()}
        )
        file.attrs["sha256"] = _hash_attributes(file)
        for name, tensor in _flatten(weights.variables).items():
            _write(file, name, np.asarray(tensor, dtype))


def load(path: str | pathlib.Path) -> Weights:
    """Reads and checks weights in the schema above.

    Args:
      path: an HDF5 file.

    Returns:
      The weights, as float32.

    Raises:
      UserError: the file is not there, not of this format, damaged, or holds what the schema does not allow.
    """
    if not pathlib.Path(path).is_file():
        raise errors.UserError(
            f"weights '{path}': no such file; jaxtex-weights list tells what is here"
        )
    if not h5py.is_hdf5(path):
        raise errors.UserError(
            f"weights '{path}': no HDF5 file; jaxtex-weights convert makes them of others"
        )
    try:
        with h5py.File(path, "r") as file:
            return _read(file)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise errors.UserError(f"weights '{path}': {_line(error)}") from error


def check_shapes(weights: Weights, expected: dict[str, tuple[int, ...]]) -> None:
    """Holds the shapes of the weights against those that a network expects: its `shapes()`.

    Raises:
      UserError: a tensor does not fit; the text names it.
    """
    for name, tensor in _flatten(weights.variables).items():
        if name not in expected:
            raise errors.UserError(f"the weights have '{name}', which the network has not")
        if tensor.shape != expected[name]:
            raise errors.UserError(
                f"weight '{name}' is {tensor.shape}; the network wants {expected[name]}"
            )


def _read(file: h5py.File) -> Weights:
    about = {name: _plain(value) for name, value in file.attrs.items()}
    if about.pop("format", None) != FORMAT:
        raise errors.UserError("not a jaxtex weight file (its attribute 'format' says so)")
    if about.pop("version") != VERSION:
        raise errors.UserError(f"written in another version of the format than {VERSION}")
    if about.pop("sha256", None) != _hash_attributes(file):
        raise errors.UserError(
            "its attributes are damaged: they do not have the hash that was written with them"
        )
    preprocessing = {name: _triple(name, about.pop(name)) for name in ("mean", "deviation")}
    with futures.ThreadPoolExecutor(1) as beside:  # while one is checked the next is read
        checked = {
            name: beside.submit(_checked, name, *_read_one(file, name)) for name in _names(file)
        }
    tensors = {name: tensor.result() for name, tensor in checked.items()}
    variables = unflatten(tensors) | {"preprocessing": preprocessing}
    return Weights(variables, about.pop("network"), about.pop("pooling"), about)


def _names(file: h5py.File) -> list[str]:
    names = []
    for group in file:
        kind = group.rstrip("0123456789_")
        if kind not in LEAVES or not isinstance(file.get(group, getlink=True), h5py.HardLink):
            raise errors.UserError(f"'{group}' is not a layer")
        if set(file[group]) != set(LEAVES[kind]):
            raise errors.UserError(
                f"layer '{group}' should hold {', '.join(LEAVES[kind])}, not {', '.join(file[group])}"
            )
        names += [f"{group}/{leaf}" for leaf in LEAVES[kind]]
    return names


def _read_one(file: h5py.File, name: str) -> tuple[np.ndarray, str]:
    """A tensor, and the hash that was written with it."""
    dataset = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise errors.UserError(f"'{name}' is not stored in the file itself")
    if dataset.dtype not in (np.float32, np.float16) or max(dataset.shape, default=0) > MAX_WIDTH:
        raise errors.UserError(
            f"'{name}' is {dataset.dtype} {dataset.shape}; float32 or float16 tensors are expected"
        )
    return dataset[()], dataset.attrs["sha256"]


def _checked(name: str, tensor: np.ndarray, sha256: str) -> np.ndarray:
    if _hash(tensor) != sha256 or not np.isfinite(tensor).all():
        raise errors.UserError(
            f"'{name}' is damaged: its numbers do not have the hash that was written with them"
        )
    if name.endswith("/var") and (tensor < 0).any():
        raise errors.UserError(f"'{name}' has negative variances")
    return np.asarray(tensor, np.float32)


def _write(file: h5py.File, name: str, tensor: np.ndarray) -> None:
    dataset = file.create_dataset(name, data=tensor, chunks=tensor.shape, fletcher32=True)
    dataset.attrs["sha256"] = _hash(tensor)


def _flatten(variables: dict) -> dict[str, Any]:
    layers = [*variables["params"].items(), *variables.get("batch_stats", {}).items()]
    return {f"{layer}/{leaf}": value for layer, leaves in layers for leaf, value in leaves.items()}


def unflatten(tensors: dict[str, np.ndarray]) -> dict[str, dict]:
    """Tensors by their names in the file -> the collections of variables."""
    variables: dict[str, dict] = {"params": {}, "batch_stats": {}}
    for name, tensor in tensors.items():
        layer, leaf = name.split("/")
        variables["batch_stats" if leaf in ("mean", "var") else "params"].setdefault(layer, {})[
            leaf
        ] = tensor
    return variables


def _hash(tensor: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(tensor)).hexdigest()


def _hash_attributes(file: h5py.File) -> str:
    rows = [
        f"{name}={np.asarray(value).tolist()!r}"
        for name, value in sorted(file.attrs.items())
        if name != "sha256"
    ]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _triple(name: str, value) -> np.ndarray:
    if (
        np.shape(value) != (3,)
        or not np.isfinite(value).all()
        or (name == "deviation" and min(value) <= 0)
    ):
        raise errors.UserError(f"attribute '{name}' should be three finite numbers, not {value}")
    return np.asarray(value, np.float32)


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
