"""Writers of every format in which VGG weights are published, most without the usual library."""

import os
import pickle
import sys
import zipfile

import h5py
import numpy as np
import pytest

from support import reference

# Means (and deviations) that published networks subtract from their inputs.
IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # R, G, B in [0, 1]
KERAS = np.array([103.939, 116.779, 123.68])  # B, G, R in [0, 255]
GATYS = 255 * np.array([0.40760392, 0.45795686, 0.48501961])  # B, G, R in [0, 255]
PYTORCH_MAGIC = 0x1950A86A20F9469CFC6C  # first value in PyTorch's format before 1.6
PYTORCH_PROTOCOL = 1001


class Storage(str):
    """Key of a storage, which PyTorch pickles by reference."""


class TensorPickler(pickle._Pickler):
    """Pickles NumPy arrays as PyTorch pickles tensors.

    Derives from the pickler in Python, which honors both `persistent_id` and `reducer_override`.

    Args:
      file: to write to.
      arrays: filled with the arrays by the key of their storage.
    """

    def __init__(self, file, arrays):
        super().__init__(file, 2)
        self.arrays = arrays

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        kind = sys.modules["torch"].FloatStorage
        return "storage", kind, str(value), "cpu", self.arrays[value].size

    def reducer_override(self, value):
        if not isinstance(value, np.ndarray):
            return NotImplemented
        key = Storage(len(self.arrays))
        self.arrays[key] = value
        strides = tuple(stride // value.itemsize for stride in value.strides)
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (key, 0, value.shape, strides, False, {})


def write_zip(path, state):
    """Writes a state dict in PyTorch's format since 1.6, a ZIP archive."""
    arrays = {}
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("vgg/data.pkl", "w") as file:
            TensorPickler(file, arrays).dump(state)
        for key, array in arrays.items():
            archive.writestr(f"vgg/data/{key}", array.tobytes())


def write_older(path, state):
    """Writes a state dict in PyTorch's format before 1.6, a sequence of pickles."""
    arrays = {}
    system = {"little_endian": True, "protocol_version": PYTORCH_PROTOCOL}
    with open(path, "wb") as file:
        for value in (PYTORCH_MAGIC, PYTORCH_PROTOCOL, system):
            pickle.dump(value, file, 2)
        TensorPickler(file, arrays).dump(state)
        pickle.dump([str(key) for key in arrays], file, 2)
        for array in arrays.values():
            file.write(array.size.to_bytes(8, "little") + array.tobytes())


def write_safetensors(path, state):
    """Writes a state dict as safetensors."""
    pytest.importorskip("safetensors.numpy").save_file(state, path)


def write_arrays(path, state):
    """Writes a state dict as .npz."""
    np.savez(path, **state)


def write_onnx(path, layers, folded=False, typed=False):
    """Writes an ONNX graph as the ONNX Model Zoo does: opset 7 and `spatial=0`.

    Args:
      path: of the file.
      layers: see `reference.random_vgg`.
      folded: fold the norms into the convolutions, as later exporters do.
      typed: store weights as a list of floats, not as raw bytes.
    """
    onnx = pytest.importorskip("onnx")
    nodes, tensors = [], []
    last = "data"  # output of the last node
    index = 0  # position of a module in torchvision's `features`
    block = "1"

    def store(name, array):
        value = array.ravel().tolist() if typed else array.tobytes()
        float32 = onnx.TensorProto.FLOAT
        tensors.append(onnx.helper.make_tensor(name, float32, array.shape, value, raw=not typed))
        return name

    def add(kind, inputs, output, **attributes):
        nonlocal last
        nodes.append(onnx.helper.make_node(kind, inputs, [output], **attributes))
        last = output

    for name, layer in layers.items():
        if name[4] != block:
            add("MaxPool", [last], f"pool{block}", kernel_shape=[2, 2], strides=[2, 2])
            index += 1
            block = name[4]

        weight, bias = layer["weight"], layer["bias"]
        if folded:
            scale = layer["gamma"] / np.sqrt(layer["var"] + np.float32(1e-5))
            weight = weight * scale[:, None, None, None]
            bias = (bias - layer["mean"]) * scale + layer["beta"]
        inputs = [last, store(f"w_{name}", weight), store(f"b_{name}", bias)]
        shape = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
        add("Conv", inputs, f"c_{name}", name=f"/features/features.{index}/Conv", **shape)

        if not folded and "var" in layer:
            leaves = ("gamma", "beta", "mean", "var")
            inputs = [last, *(store(f"{leaf}_{name}", layer[leaf]) for leaf in leaves)]
            add("BatchNormalization", inputs, f"n_{name}", epsilon=1e-5, spatial=0)

        index += 2 if "var" in layer else 1
        add("Relu", [last], f"r_{name}", name=f"/features/features.{index}/Relu")
        index += 1

    def info(name):
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)

    graph = onnx.helper.make_graph(nodes, "vgg", [info("data")], [info(last)], tensors)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 7)]), path)


def write_keras_2(path, layers):
    """Writes HDF5 with the names of the files that Keras 2 published without their top."""
    with h5py.File(path, "w") as file:
        for name, layer in layers.items():
            group = file.create_group(f"block{name[4]}_conv{name[6]}")
            group[f"{group.name[1:]}_W_1:0"] = layer["weight"].transpose(2, 3, 1, 0)
            group[f"{group.name[1:]}_b_1:0"] = layer["bias"]


def write_keras(path, layers, whole=False):
    """Writes a model with Keras itself.

    Args:
      path: of the file, `.weights.h5`, or `.h5` for a whole model.
      layers: see `reference.random_vgg`.
      whole: save the whole model, with a top, and not its weights alone.
    """
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    parts = [keras.Input((32, 32, 3))]
    for name in layers:
        if name.endswith("_1") and name != "conv1_1":
            parts.append(keras.layers.MaxPooling2D())
        filters, label = len(layers[name]["bias"]), f"block{name[4]}_conv{name[6]}"
        parts.append(keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=label))
    if whole:
        parts += [keras.layers.Flatten(), keras.layers.Dense(5)]

    model = keras.Sequential(parts)
    convolutions = [part for part in model.layers if "conv" in part.name]
    for part, layer in zip(convolutions, layers.values(), strict=True):
        part.set_weights([layer["weight"].transpose(2, 3, 1, 0), layer["bias"]])
    if whole:
        model.save(path)
    else:
        model.save_weights(path)


def torchvision(image):
    """Preprocesses `[H, W, 3]` in [0, 1] as torchvision's networks expect: `[3, H, W]`."""
    return ((image - IMAGENET[0]) / IMAGENET[1]).transpose(2, 0, 1)


def blue_first(mean):
    """Returns a function that preprocesses an image as networks from Caffe expect: B, G, R."""

    def preprocess(image):
        return (255 * image[..., ::-1] - mean).transpose(2, 0, 1)

    return preprocess


def gatys_names(layers):
    """Returns a state dict with the names of Gatys' published file."""
    return {
        f"{name}.{leaf}": layer[leaf]
        for name, layer in layers.items()
        for leaf in ("weight", "bias")
    }


def kernels(layers):
    """Returns kernels in the layout of TensorFlow and JAX, `[3, 3, C, D]`, and biases by name."""
    weights = {name: layer["weight"].transpose(2, 3, 1, 0) for name, layer in layers.items()}
    arrays = {f"{name}/kernel": weight for name, weight in weights.items()}
    return arrays | {f"{name}/bias": layer["bias"] for name, layer in layers.items()}


def with_head(layers):
    """Returns torchvision's state dict with some of the classifier, which must be ignored."""
    head = {
        "classifier.0.weight": np.ones((4, 8), np.float32),
        "classifier.0.bias": np.ones(4, np.float32),
    }
    return reference.state_dict(layers) | head


def timm(layers):
    """Returns timm's state dict with some of the classifier, which must be ignored."""
    head = {
        "pre_logits.fc1.weight": np.ones((4, 8, 1, 1), np.float32),
        "head.fc.bias": np.ones(4, np.float32),
    }
    return reference.state_dict(layers) | head


# File name -> writer(path, layers), and the preprocessing that the file's network expects.
WRITERS = {
    "zip.pth": (lambda path, layers: write_zip(path, with_head(layers)), torchvision),
    "older.pth": (lambda path, layers: write_older(path, with_head(layers)), torchvision),
    "vgg_conv.pth": (
        lambda path, layers: write_older(path, gatys_names(layers)),
        blue_first(GATYS),
    ),
    "torchvision.safetensors": (
        lambda path, layers: write_safetensors(path, with_head(layers)),
        torchvision,
    ),
    "timm.safetensors": (lambda path, layers: write_safetensors(path, timm(layers)), torchvision),
    "zoo.onnx": (write_onnx, torchvision),
    "typed.onnx": (lambda path, layers: write_onnx(path, layers, typed=True), torchvision),
    "keras2.h5": (write_keras_2, blue_first(KERAS)),
    "whole.h5": (lambda path, layers: write_keras(path, layers, whole=True), blue_first(KERAS)),
    "keras3.weights.h5": (write_keras, blue_first(KERAS)),
    "kernels.npz": (lambda path, layers: write_arrays(path, kernels(layers)), blue_first(KERAS)),
    "state.npz": (lambda path, layers: write_arrays(path, with_head(layers)), torchvision),
}
# Files of formats that are not published with batch normalization.
PLAIN_ONLY = ("vgg_conv.pth", "keras2.h5", "whole.h5", "keras3.weights.h5", "kernels.npz")
CASES = [
    (file, name)
    for file in WRITERS
    for name in ("vgg16", "vgg16_bn")
    if name == "vgg16" or file not in PLAIN_ONLY
]
