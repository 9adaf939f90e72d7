"""Reader of Keras files: `.weights.h5`, and `.h5` of weights or whole models."""

import functools
from collections.abc import Iterator

import h5py
import numpy as np

from jaxtex import errors
from jaxtex.weights.convert.state_dicts import natural_key
from jaxtex.weights.convert.tensors import Checkpoint, Layer, Tensor

MAX_DATASETS = 2000  # VGG-19 has about a hundred
MAX_DEPTH = 8  # groups within groups


def read(path: str) -> Checkpoint:
    """Reads the kernels in the order of their names, each with the bias of the same group.

    Names differ between versions of Keras, so only the shapes and the order of names are used.

    Raises:
      UserError: a dataset is not stored in the file itself, or there are too many.
    """
    with h5py.File(path, "r") as file:
        datasets = sorted(_datasets(file, "", 0), key=lambda item: natural_key(item[0]))
    if len(datasets) > MAX_DATASETS:
        raise errors.UserError(f"expected at most {MAX_DATASETS} datasets, got {len(datasets)}")

    layers = []
    for name, shape in datasets:
        if len(shape) != 4 or "optimizer" in name:
            continue
        group = name.rpartition("/")[0]
        biases = [
            other
            for other, size in datasets
            if other.rpartition("/")[0] == group and size == shape[3:]
        ]
        bias = _tensor(path, biases[0], shape[3:]) if biases else None
        layers.append(Layer(name, _tensor(path, name, shape), bias))
    return Checkpoint(layers, True, "keras")


def _datasets(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yields path and shape of every dataset; links that leave the file are rejected."""
    if depth > MAX_DEPTH or len(group) > MAX_DATASETS:
        raise errors.UserError("the groups are nested too deep, or there are too many")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise errors.UserError(
                f"'{prefix}{name}' is a link; weights must be stored in the file itself"
            )
        if isinstance(group[name], h5py.Group):
            yield from _datasets(group[name], f"{prefix}{name}/", depth + 1)
        elif isinstance(group[name], h5py.Dataset):
            yield f"{prefix}{name}", group[name].shape or ()


def _tensor(path: str, name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(shape, functools.partial(_read_dataset, path, name))


def _read_dataset(path: str, name: str) -> np.ndarray:
    with h5py.File(path, "r") as file:
        dataset = file[name]
        if dataset.external or dataset.is_virtual:
            raise errors.UserError(f"'{name}' is not stored in the file itself")
        if dataset.id.get_storage_size() == 0:
            raise errors.UserError(f"'{name}' has a shape, but no values")
        return dataset[()]
