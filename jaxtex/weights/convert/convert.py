"""Any published VGG -> `weights.Weights`: format and network are recognised, and what does not fit is named."""

import itertools
import pathlib
import zipfile

import numpy as np

from jaxtex import errors, networks
from jaxtex.runtime import files
from jaxtex.weights import hdf5
from jaxtex.weights.convert import catalog, keras, onnx_graphs, pickles, state_dicts
from jaxtex.weights.convert.tensors import PREPROCESSINGS, Checkpoint, Layer, Tensor

FORMATS = {
    "pth": state_dicts.read_pickle,
    "safetensors": state_dicts.read_safetensors,
    "onnx": onnx_graphs.read,
    "keras": keras.read,
    "npz": state_dicts.read_arrays,
}
GATYS = "academic, non-commercial (Gatys)"


def convert(path: str, network: str = "", unknown: bool = False) -> hdf5.Weights:
    """Reads the convolutions (and batch norms) of a checkpoint; the classifier is left in the file.

    Args:
      path: a file of one of `FORMATS`.
      network: which it is, where several would fit; empty: as recognised.
      unknown: whether a file is read that is none of `known.PUBLISHED`. Its structure is checked all the same.

    Raises:
      UserError: a file that is not known, no checkpoint of a VGG, or damaged; the text names what does not fit.
    """
    if not pathlib.Path(path).is_file():
        raise errors.UserError(f"checkpoint '{path}': no such file")
    hashes = files.hash_file(path, "sha256", "md5")
    published = catalog.identify(hashes)
    if published is None and not unknown:
        raise errors.UserError(
            f"checkpoint '{path}': none of the published files (sha256 {hashes['sha256']}); "
            "if you trust where it comes from, type --allow_unknown"
        )
    try:
        checkpoint = FORMATS[recognize_format(path)](path)
        name = recognize_network(checkpoint, network)
        variables = _variables(checkpoint, networks.NETWORKS[name])
    except errors.UserError as error:
        raise errors.UserError(f"checkpoint '{path}': {error}") from error
    except Exception as error:  # whatever a parser makes of a stranger's bytes
        text = " ".join(str(error).split()) or type(error).__name__
        raise errors.UserError(f"checkpoint '{path}': damaged ({text})") from error
    return hdf5.Weights(
        variables, name, "max", _about(path, hashes["sha256"], checkpoint, published)
    )


def _about(
    path: str, sha256: str, checkpoint: Checkpoint, published: catalog.Published | None
) -> dict:
    licence = GATYS if checkpoint.preprocessing == "gatys" else "unknown"
    licence, numbers = (published.licence, published.numbers) if published else (licence, "unknown")
    about = {
        "source": pathlib.Path(path).name,
        "source_sha256": sha256,
        "licence": licence,
        "numbers": numbers,
    }
    return about | ({"norm": "folded"} if checkpoint.folded else {})


def recognize_format(path: str) -> str:
    """The format by the first bytes, whatever the name says.

    Raises:
      UserError: what the file is instead.
    """
    with open(path, "rb") as file:
        head = file.read(512)
    if head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            return "npz" if all(name.endswith(".npy") for name in archive.namelist()) else "pth"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "keras"
    if head.startswith(pickles.MAGIC):
        return "pth"
    if head[8:9] == b"{":
        return "safetensors"
    if head[257:262] == b"ustar":
        raise errors.UserError(
            "a tar; PyTorch's oldest layout is not read: load it and save it anew there"
        )
    if head.lstrip().startswith(b"<"):
        raise errors.UserError("a web page, not weights; was the download refused?")
    if head.startswith(b"\x80"):
        raise errors.UserError(
            "a bare pickle, which is a program, not weights; nothing of it was run"
        )
    if head.startswith(b"\x08"):
        return "onnx"
    raise errors.UserError(f"of no format that is known; there are: {', '.join(FORMATS)}")


def recognize_network(checkpoint: Checkpoint, wanted: str = "") -> str:
    """The network whose first convolutions these are.

    Raises:
      UserError: none, or several.
    """
    shapes = [_channels(layer, checkpoint.hwio) for layer in checkpoint.layers]
    norms = {layer.norm is not None for layer in checkpoint.layers}
    if not shapes or len(norms) > 1:
        raise errors.UserError(
            "has no convolutions"
            if not shapes
            else "only some of its convolutions have a batch norm"
        )
    if wanted:
        errors.choose("network", wanted, networks.TRAINED)
    normed = checkpoint.folded or norms == {True}
    rows = {
        name: _expected(network)
        for name, network in networks.TRAINED.items()
        if network.batch_norm == normed
    }
    fitting = [
        name
        for name, expected in rows.items()
        if expected[: len(shapes)] == shapes and wanted in ("", name)
    ]
    whole = [name for name in fitting if len(rows[name]) == len(shapes)]
    if len(whole or fitting) == 1:
        return (whole or fitting)[0]
    if fitting:
        raise errors.UserError(
            f"ends early, and could be {' or '.join(fitting)}: say --network={fitting[0]}"
        )
    raise errors.UserError(
        _misfit(checkpoint, shapes, {wanted: rows[wanted]} if wanted in rows else rows)
    )


def _misfit(checkpoint: Checkpoint, shapes: list, rows: dict[str, list]) -> str:
    agreement = lambda row: next(
        (i for i, pair in enumerate(zip(shapes, row)) if pair[0] != pair[1]), len(row)
    )  # noqa: B905
    nearest = max(rows, key=lambda name: agreement(rows[name]))
    place = agreement(rows[nearest])
    if place == len(rows[nearest]):
        return f"has {len(shapes)} convolutions; {nearest}, which is nearest, has {place}"
    has, wants = ("{} -> {}".format(*pair) for pair in (shapes[place], rows[nearest][place]))
    return f"'{checkpoint.layers[place].name}' takes {has} channels; {nearest}, which is nearest, has {wants}"


def _channels(layer: Layer, hwio: bool) -> tuple[int, int]:
    shape = layer.kernel.shape
    order = (0, 1, 2, 3) if hwio else (2, 3, 1, 0)
    if len(shape) != 4 or tuple(shape[axis] for axis in order[:2]) != (3, 3):
        wanted = "(3, 3, C, D)" if hwio else "(D, C, 3, 3)"
        raise errors.UserError(f"'{layer.name}' has the shape {shape}; a kernel has {wanted}")
    return shape[order[2]], shape[order[3]]


def _expected(network: networks.VGG) -> list[tuple[int, int]]:
    widths = [3, *(width for block in network.widths for width in block)]
    return list(itertools.pairwise(widths))


def _variables(checkpoint: Checkpoint, network: networks.VGG) -> dict:
    preprocessing = PREPROCESSINGS[checkpoint.preprocessing]
    params, stats = {}, {}
    names = [name for name in networks.layer_names(network) if name.startswith("conv")]
    for name, layer in zip(names, checkpoint.layers, strict=False):  # those at hand may end early
        params[name] = _convolution(layer, checkpoint.hwio, preprocessing.bgr and name == names[0])
        if layer.norm:
            width = len(params[name]["bias"])
            norm = {
                leaf: _vector(f"{leaf} of {layer.name}", tensor, width)
                for leaf, tensor in layer.norm.items()
            }
            params[name.replace("conv", "bn")] = {leaf: norm[leaf] for leaf in ("scale", "bias")}
            var = norm["var"] + np.float32(
                layer.epsilon - networks.EPSILON
            )  # as if it had been trained with ours
            stats[name.replace("conv", "bn")] = {"mean": norm["mean"], "var": var}
    values = {"mean": np.array(preprocessing.mean), "deviation": np.array(preprocessing.deviation)}
    return {"params": params, "batch_stats": stats, "preprocessing": values}


def _convolution(layer: Layer, hwio: bool, bgr: bool) -> dict[str, np.ndarray]:
    kernel = _checked(layer.name, layer.kernel.read())
    kernel = kernel if hwio else kernel.transpose(2, 3, 1, 0)
    kernel = np.ascontiguousarray(kernel[:, :, ::-1] if bgr else kernel)
    width = kernel.shape[3]
    bias = (
        _vector(f"bias of {layer.name}", layer.bias, width)
        if layer.bias
        else np.zeros(width, np.float32)
    )
    return {"kernel": kernel, "bias": bias}


def _vector(name: str, tensor: Tensor, width: int) -> np.ndarray:
    if tensor.shape != (width,):
        raise errors.UserError(f"'{name}' has the shape {tensor.shape}, not ({width},)")
    return _checked(name, tensor.read())


def _checked(name: str, tensor: np.ndarray) -> np.ndarray:
    if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
        raise errors.UserError(f"'{name}' holds what are no finite numbers ({tensor.dtype})")
    return np.array(tensor, np.float32)
