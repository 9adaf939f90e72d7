"""State dicts: tensors by name, as PyTorch's users keep them, in any container."""

import re

import numpy as np

from jaxtex import errors
from jaxtex.weights.convert import pickles
from jaxtex.weights.convert.tensors import Checkpoint, Layer, Tensor

NORMS = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}


def read_pickle(path: str) -> Checkpoint:
    """A `.pth` of PyTorch."""
    return layers(pickles.read(path))


def read_safetensors(path: str) -> Checkpoint:
    """A `.safetensors`, whose numbers are mapped into memory and read one tensor at a time."""
    try:
        import safetensors
    except ImportError as error:
        raise errors.UserError(
            "a safetensors file needs the extra 'convert': pip install 'jaxtex[convert]'"
        ) from error

    def reader(name: str):
        with safetensors.safe_open(path, framework="numpy") as file:
            return file.get_tensor(name)

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    except safetensors.SafetensorError as error:
        raise errors.UserError(f"not a safetensors file, or damaged ({error})") from error
    return layers(
        {name: Tensor(shape, lambda name=name: reader(name)) for name, shape in shapes.items()}
    )


def read_arrays(path: str) -> Checkpoint:
    """An `.npz`: `conv1_1/kernel` [3, 3, C, D] and `conv1_1/bias` with Keras' numbers, or the names of a state dict."""

    def reader(name: str) -> np.ndarray:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[name]

    shapes = _shapes(path)
    tensors = {
        name: Tensor(shape, lambda name=name: reader(name)) for name, shape in shapes.items()
    }
    if not any(name.endswith("/kernel") for name in tensors):
        return layers(tensors)
    kernels = sorted((name for name in tensors if name.endswith("/kernel")), key=natural)
    found = [
        Layer(name, tensors[name], tensors.get(name.replace("/kernel", "/bias")))
        for name in kernels
    ]
    return Checkpoint(found, True, "keras")


def _shapes(path: str) -> dict[str, tuple[int, ...]]:
    """Shapes from the heads of the arrays, without their numbers."""
    import zipfile

    shapes = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shapes[member.removesuffix(".npy")] = read(file)[0]
    return shapes


def layers(tensors: dict[str, Tensor]) -> Checkpoint:
    """torchvision's and timm's `features.0.weight` or Gatys' `conv1_1.weight`, whatever stands before; heads are left out.

    A one-dimensional weight is a batch norm's, and belongs to the convolution before it.
    """
    modules: dict[str, dict[str, Tensor]] = {}
    for name in sorted(tensors, key=natural):
        module, _, leaf = name.rpartition(".")
        if re.search(r"(^|\.)(features\.\d+|conv\d_\d)$|^\d+$", module) and leaf in NORMS:
            modules.setdefault(module, {})[leaf] = tensors[name]
    found: list[Layer] = []
    for module, leaves in modules.items():
        if "weight" in leaves and len(leaves["weight"].shape) == 4:
            found.append(Layer(module, leaves["weight"], leaves.get("bias")))
        elif set(leaves) == set(NORMS) and found:
            found[-1] = found[-1]._replace(
                norm={NORMS[leaf]: tensor for leaf, tensor in leaves.items()}
            )
        else:
            raise errors.UserError(f"'{module}' is neither a convolution nor a batch norm")
    return Checkpoint(
        found, False, "gatys" if any("conv1_1" in layer.name for layer in found) else "torchvision"
    )


def natural(name: str) -> list:
    """The key that sorts `features.10` behind `features.9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
