"""Keras' files: legacy `.h5` with and without the top, whole models, and `.weights.h5`."""

from collections.abc import Iterator

import h5py
import numpy as np

from jaxtex import errors
from jaxtex.weights.convert.state_dicts import natural
from jaxtex.weights.convert.tensors import Checkpoint, Layer, Tensor

MOST = 2000  # things in a file; VGG-19 has a hundred
DEEPEST = 8  # groups within groups


def read(path: str) -> Checkpoint:
    """The 3x3 kernels in the order of their names, each with the bias beside it: names differ from version to version.

    Raises:
      UserError: what is to be read is not stored in the file itself.
    """
    with h5py.File(path, "r") as file:
        found = sorted(_datasets(file, "", 0), key=lambda item: natural(item[0]))
    if len(found) > MOST:
        raise errors.UserError(f"more than {MOST} datasets are in it")
    layers = []
    for name, shape in found:
        if len(shape) == 4 and "optimizer" not in name:
            folder = name.rpartition("/")[0]
            biases = [
                other
                for other, size in found
                if other.rpartition("/")[0] == folder and size == shape[3:]
            ]
            bias = _tensor(path, biases[0], shape[3:]) if biases else None
            layers.append(Layer(name, _tensor(path, name, shape), bias))
    return Checkpoint(layers, True, "keras")


def _datasets(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Paths and shapes; only hard links are followed."""
    if depth > DEEPEST or len(group) > MOST:
        raise errors.UserError("its groups are nested too deep, or too many")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise errors.UserError(
                f"'{prefix}{name}' is a link; weights are stored in the file itself"
            )
        if isinstance(group[name], h5py.Group):
            yield from _datasets(group[name], f"{prefix}{name}/", depth + 1)
        elif isinstance(group[name], h5py.Dataset):
            yield f"{prefix}{name}", group[name].shape or ()


def _tensor(path: str, name: str, shape: tuple[int, ...]) -> Tensor:
    def numbers() -> np.ndarray:
        with h5py.File(path, "r") as file:
            dataset = file[name]
            if dataset.external or dataset.is_virtual:
                raise errors.UserError(f"'{name}' is not stored in the file itself")
            if dataset.id.get_storage_size() == 0:
                raise errors.UserError(f"'{name}' has a shape, but no numbers")
            return dataset[()]

    return Tensor(shape, numbers)
