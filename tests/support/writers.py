"""Writers of every published format, most of them without the library that usually writes it."""

import os
import pickle
import sys
import zipfile

import h5py
import numpy as np
import pytest

from support import reference

IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
KERAS = np.array([103.939, 116.779, 123.68])  # B, G, R
GATYS = 255 * np.array([0.40760392, 0.45795686, 0.48501961])


class Storage(str):
    """Stands for one of PyTorch's storages: a key."""


class PyTorchs(pickle._Pickler):
    """Pickles tensors as PyTorch does, without PyTorch."""

    def __init__(self, file, arrays):
        super().__init__(file, 2)
        self.arrays = arrays

    def persistent_id(self, thing):
        if isinstance(thing, Storage):
            return (
                "storage",
                sys.modules["torch"].FloatStorage,
                str(thing),
                "cpu",
                self.arrays[thing].size,
            )
        return None

    def reducer_override(self, thing):
        if not isinstance(thing, np.ndarray):
            return NotImplemented
        key = Storage(len(self.arrays))
        self.arrays[key] = thing
        strides = tuple(stride // thing.itemsize for stride in thing.strides)
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (
            key,
            0,
            thing.shape,
            strides,
            False,
            {},
        )


# The C pickler asks `reducer_override`; the one in Python, which takes it as well, is needed for `persistent_id` above.


def write_zip(path, state):
    arrays = {}
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("vgg/data.pkl", "w") as file:
            PyTorchs(file, arrays).dump(state)
        for key, array in arrays.items():
            archive.writestr(f"vgg/data/{key}", array.tobytes())


def write_older(path, state):
    arrays = {}
    with open(path, "wb") as file:
        for value in (
            0x1950A86A20F9469CFC6C,
            1001,
            {"little_endian": True, "protocol_version": 1001},
        ):
            pickle.dump(value, file, 2)
        PyTorchs(file, arrays).dump(state)
        pickle.dump([str(key) for key in arrays], file, 2)
        for array in arrays.values():
            file.write(array.size.to_bytes(8, "little") + array.tobytes())


def write_safetensors(path, state):
    pytest.importorskip("safetensors.numpy").save_file(state, path)


def write_arrays(path, state):
    np.savez(path, **state)


def write_onnx(path, layers, folded=False, typed=False):
    """As the zoo has it: opset 7 and `spatial=0`; or with the norms folded, as later exporters do."""
    onnx = pytest.importorskip("onnx")
    nodes, tensors, last, index, block = [], [], "data", 0, "1"

    def store(name, array):
        value = array.ravel().tolist() if typed else array.tobytes()
        tensors.append(
            onnx.helper.make_tensor(name, onnx.TensorProto.FLOAT, array.shape, value, raw=not typed)
        )
        return name

    for name, layer in layers.items():
        if name[4] != block:
            nodes.append(
                onnx.helper.make_node(
                    "MaxPool", [last], [f"pool{block}"], kernel_shape=[2, 2], strides=[2, 2]
                )
            )
            last, index = f"pool{block}", index + 1
        block, weight, bias = name[4], layer["weight"], layer["bias"]
        if folded:
            scale = layer["gamma"] / np.sqrt(layer["var"] + np.float32(1e-5))
            weight, bias = (
                weight * scale[:, None, None, None],
                (bias - layer["mean"]) * scale + layer["beta"],
            )
        inputs = [last, store(f"w_{name}", weight), store(f"b_{name}", bias)]
        shape = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
        nodes.append(
            onnx.helper.make_node(
                "Conv", inputs, [f"c_{name}"], name=f"/features/features.{index}/Conv", **shape
            )
        )
        last = f"c_{name}"
        if not folded and "var" in layer:
            norm = [
                store(f"{leaf}_{name}", layer[leaf]) for leaf in ("gamma", "beta", "mean", "var")
            ]
            nodes.append(
                onnx.helper.make_node(
                    "BatchNormalization", [last, *norm], [f"n_{name}"], epsilon=1e-5, spatial=0
                )
            )
            last = f"n_{name}"
        index += 2 if "var" in layer else 1
        nodes.append(
            onnx.helper.make_node(
                "Relu", [last], [f"r_{name}"], name=f"/features/features.{index}/Relu"
            )
        )
        last, index = f"r_{name}", index + 1
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph(nodes, "vgg", [value("data")], [value(last)], tensors)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 7)]), path)


def write_keras_2(path, layers):
    """The names of the published files without top."""
    with h5py.File(path, "w") as file:
        for name, layer in layers.items():
            group = file.create_group(f"block{name[4]}_conv{name[6]}")
            group[f"{group.name[1:]}_W_1:0"] = layer["weight"].transpose(2, 3, 1, 0)
            group[f"{group.name[1:]}_b_1:0"] = layer["bias"]


def write_keras(path, layers, whole=False):
    """By Keras itself: `.weights.h5`, or a whole model with a top as `.h5`."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    parts = [keras.Input((32, 32, 3))]
    for name in layers:
        if name.endswith("_1") and name != "conv1_1":
            parts.append(keras.layers.MaxPooling2D())
        filters, label = len(layers[name]["bias"]), f"block{name[4]}_conv{name[6]}"
        parts.append(keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=label))
    model = keras.Sequential(
        [*parts, *([keras.layers.Flatten(), keras.layers.Dense(5)] if whole else [])]
    )
    for part, layer in zip(
        (p for p in model.layers if "conv" in p.name), layers.values(), strict=True
    ):
        part.set_weights([layer["weight"].transpose(2, 3, 1, 0), layer["bias"]])
    model.save(path) if whole else model.save_weights(path)


def torchvision(image):
    return ((image - IMAGENET[0]) / IMAGENET[1]).transpose(2, 0, 1)


def blue_first(mean):
    return lambda image: (255 * image[..., ::-1] - mean).transpose(2, 0, 1)


def gatys_names(layers):
    return {
        f"{name}.{leaf}": layer[leaf]
        for name, layer in layers.items()
        for leaf in ("weight", "bias")
    }


def kernels(layers):
    named = {
        f"{name}/kernel": layer["weight"].transpose(2, 3, 1, 0) for name, layer in layers.items()
    }
    return named | {f"{name}/bias": layer["bias"] for name, layer in layers.items()}


def with_head(layers):
    head = {
        "classifier.0.weight": np.ones((4, 8), np.float32),
        "classifier.0.bias": np.ones(4, np.float32),
    }
    return reference.state_dict(layers) | head


def timm(layers):
    head = {
        "pre_logits.fc1.weight": np.ones((4, 8, 1, 1), np.float32),
        "head.fc.bias": np.ones(4, np.float32),
    }
    return reference.state_dict(layers) | head


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
PLAIN_ONLY = ("vgg_conv.pth", "keras2.h5", "whole.h5", "keras3.weights.h5", "kernels.npz")
CASES = [
    (file, name)
    for file in WRITERS
    for name in ("vgg16", "vgg16_bn")
    if name == "vgg16" or file not in PLAIN_ONLY
]
