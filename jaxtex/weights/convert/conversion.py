"""Conversion of a checkpoint of any supported format to the weights that jaxtex uses."""

import os
import pathlib
from typing import Any

import numpy as np

from jaxtex import errors, networks
from jaxtex.runtime import files
from jaxtex.weights import hdf5
from jaxtex.weights.convert import catalog, recognition
from jaxtex.weights.convert.tensors import PREPROCESSINGS, Checkpoint, Layer, Tensor

GATYS_LICENSE = "academic, non-commercial (Gatys)"
MAX_BYTES = 4_000_000_000  # of a checkpoint; VGG-19 with its classifier in float64 has 1.2 GB
POOLING = "max"  # all published networks were trained with it


def convert(path: str, network: str = "", unknown: bool = False) -> hdf5.Weights:
    """Converts the convolutions and batch norms of a checkpoint; its classifier is not read.

    Args:
      path: a file in one of the formats of `recognition.FORMATS`.
      network: the network, if several fit, a row of `networks.TRAINED`; empty: the one that fits.
      unknown: True accepts files that are not in `catalog.PUBLISHED`; their structure is checked.

    Returns:
      The weights, as float32.

    Raises:
      UserError: the file is not a published one, holds no VGG network, or is damaged; the message
        names the part that does not fit.
    """
    if reason := files.refuse_irregular(path):
        raise errors.UserError(f"checkpoint '{path}': {reason}")
    if (size := os.path.getsize(path)) > MAX_BYTES:
        raise errors.UserError(
            f"checkpoint '{path}': has {size:,} bytes; must be at most {MAX_BYTES:,}"
        )
    hashes = files.hash_file(path, "sha256", "md5")
    published = catalog.identify(hashes)
    if published is None and not unknown:
        raise errors.UserError(
            f"checkpoint '{path}': not one of the published files (sha256 {hashes['sha256']}); "
            "if you trust its origin, add --allow_unknown"
        )

    try:
        checkpoint = recognition.FORMATS[recognition.recognize_format(path)](path)
        name = recognition.recognize_network(checkpoint, network)
        variables = build_variables(checkpoint, networks.TRAINED[name])
    except errors.UserError as error:
        raise errors.UserError(f"checkpoint '{path}': {error}") from error
    except Exception as error:  # parsers raise anything for the bytes of a damaged file
        text = " ".join(str(error).split()) or type(error).__name__
        raise errors.UserError(f"checkpoint '{path}': damaged ({text})") from error
    about = _origin(path, hashes["sha256"], checkpoint, published)
    return hdf5.Weights(variables, name, POOLING, about)


def build_variables(checkpoint: Checkpoint, network: networks.VGG) -> dict[str, Any]:
    """Reads the tensors of a checkpoint into the variables of a network.

    Args:
      checkpoint: layers whose shapes fit the network; they may end early.
      network: the network.

    Returns:
      `{"params", "batch_stats", "preprocessing"}`, NumPy arrays.

    Raises:
      UserError: a tensor has another shape, or values that are not finite.
    """
    preprocessing = PREPROCESSINGS[checkpoint.preprocessing]
    params: dict[str, dict] = {}
    stats: dict[str, dict] = {}
    names = [name for name in networks.layer_names(network) if name.startswith("conv")]
    for name, layer in zip(names, checkpoint.layers, strict=False):  # the file may end early
        bgr = preprocessing.bgr and name == names[0]
        params[name] = _convolution(layer, checkpoint.hwio, bgr)
        if layer.norm:
            width = len(params[name]["bias"])
            norm = {
                leaf: _vector(f"{leaf} of {layer.name}", tensor, width)
                for leaf, tensor in layer.norm.items()
            }
            # The variance becomes that of a network trained with our epsilon.
            var = norm["var"] + np.float32(layer.epsilon - networks.EPSILON)
            norm_name = name.replace("conv", "bn")
            params[norm_name] = {"scale": norm["scale"], "bias": norm["bias"]}
            stats[norm_name] = {"mean": norm["mean"], "var": var}
    return {
        "params": params,
        "batch_stats": stats,
        "preprocessing": {
            "mean": np.array(preprocessing.mean),
            "deviation": np.array(preprocessing.deviation),
        },
    }


def _origin(
    path: str, sha256: str, checkpoint: Checkpoint, published: catalog.Published | None
) -> dict[str, str]:
    """Returns the attributes of the weight file that describe its origin."""
    license, numbers = "unknown", "unknown"
    if published:
        license, numbers = published.license, published.numbers
    elif checkpoint.preprocessing == "gatys":
        license = GATYS_LICENSE
    about = {
        "source": pathlib.Path(path).name,
        "source_sha256": sha256,
        "licence": license,
        "numbers": numbers,
    }
    if checkpoint.folded:
        about["norm"] = "folded"
    return about


def _convolution(layer: Layer, hwio: bool, bgr: bool) -> dict[str, np.ndarray]:
    """Reads kernel `[3, 3, C, D]` and bias `[D]` of a layer; a missing bias is zero."""
    kernel = _float32(layer.name, layer.kernel.read())
    if not hwio:
        kernel = kernel.transpose(2, 3, 1, 0)
    if bgr:
        kernel = kernel[:, :, ::-1]
    width = kernel.shape[3]
    bias = np.zeros(width, np.float32)
    if layer.bias:
        bias = _vector(f"bias of {layer.name}", layer.bias, width)
    return {"kernel": np.ascontiguousarray(kernel), "bias": bias}


def _vector(name: str, tensor: Tensor, width: int) -> np.ndarray:
    if tensor.shape != (width,):
        raise errors.UserError(f"'{name}': expected the shape ({width},), got {tensor.shape}")
    return _float32(name, tensor.read())


def _float32(name: str, tensor: np.ndarray) -> np.ndarray:
    if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
        raise errors.UserError(f"'{name}': expected finite numbers, got {tensor.dtype}")
    return np.array(tensor, np.float32)
