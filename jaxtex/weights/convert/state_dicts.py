"""Readers of state dicts, PyTorch's tensors by name, in `.pth`, `.safetensors` and `.npz` files."""

import functools
import re
import zipfile

import numpy as np

from jaxtex import errors
from jaxtex.weights.convert import pickles
from jaxtex.weights.convert.tensors import Checkpoint, Layer, Tensor

NORM_LEAVES = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}

# "features.0" of torchvision and timm, "conv1_1" of Gatys, or "0": the module before ".weight".
MODULE = re.compile(r"(^|\.)(features\.\d+|conv\d_\d)$|^\d+$")


def read_pickle(path: str) -> Checkpoint:
    """Reads a `.pth` of PyTorch, without running its pickle."""
    return build_checkpoint(pickles.read(path))


def read_safetensors(path: str) -> Checkpoint:
    """Reads a `.safetensors`, which is mapped into memory, one tensor at a time.

    Raises:
      UserError: safetensors is not installed, or the file is damaged.
    """
    try:
        import safetensors
    except ImportError as error:
        raise errors.UserError(
            "a safetensors file needs the extra 'convert': pip install 'jaxtex[convert]'"
        ) from error

    def read(name: str) -> np.ndarray:
        with safetensors.safe_open(path, framework="numpy") as file:
            return file.get_tensor(name)

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    except safetensors.SafetensorError as error:
        raise errors.UserError(f"not a safetensors file, or damaged ({error})") from error
    return build_checkpoint(
        {name: Tensor(shape, functools.partial(read, name)) for name, shape in shapes.items()}
    )


def read_arrays(path: str) -> Checkpoint:
    """Reads an `.npz`.

    Its names are those of a state dict, or `conv1_1/kernel` `[3, 3, C, D]` and `conv1_1/bias` with
    the values and the preprocessing of Keras.
    """

    def read(name: str) -> np.ndarray:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[name]

    tensors = {
        name: Tensor(shape, functools.partial(read, name))
        for name, shape in _array_shapes(path).items()
    }
    kernels = sorted((name for name in tensors if name.endswith("/kernel")), key=natural_key)
    if not kernels:
        return build_checkpoint(tensors)
    layers = [
        Layer(name, tensors[name], tensors.get(name.replace("/kernel", "/bias")))
        for name in kernels
    ]
    return Checkpoint(layers, True, "keras")


def build_checkpoint(tensors: dict[str, Tensor]) -> Checkpoint:
    """Finds the convolutions and batch norms in a state dict; the classifier is left out.

    A one-dimensional weight belongs to a batch norm, which follows the convolution before it.

    Args:
      tensors: `features.0.weight` of torchvision and timm, or `conv1_1.weight` of Gatys, with any
        prefix, -> tensor.

    Raises:
      UserError: a module is neither a convolution nor a batch norm.
    """
    modules: dict[str, dict[str, Tensor]] = {}
    for name in sorted(tensors, key=natural_key):
        module, _, leaf = name.rpartition(".")
        if MODULE.search(module) and leaf in NORM_LEAVES:
            modules.setdefault(module, {})[leaf] = tensors[name]

    layers: list[Layer] = []
    for module, leaves in modules.items():
        if "weight" in leaves and len(leaves["weight"].shape) == 4:
            layers.append(Layer(module, leaves["weight"], leaves.get("bias")))
        elif set(leaves) == set(NORM_LEAVES) and layers:
            norm = {NORM_LEAVES[leaf]: tensor for leaf, tensor in leaves.items()}
            layers[-1] = layers[-1]._replace(norm=norm)
        else:
            raise errors.UserError(f"'{module}' is neither a convolution nor a batch norm")

    gatys = any("conv1_1" in layer.name for layer in layers)
    return Checkpoint(layers, False, "gatys" if gatys else "torchvision")


def natural_key(name: str) -> list[tuple[int, str]]:
    """Returns the key that sorts `features.10` after `features.9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _array_shapes(path: str) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays in an `.npz` from their headers, without reading values."""
    shapes = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as file:
                if np.lib.format.read_magic(file) == (1, 0):
                    header = np.lib.format.read_array_header_1_0(file)
                else:
                    header = np.lib.format.read_array_header_2_0(file)
                shapes[member.removesuffix(".npy")] = header[0]
    return shapes
