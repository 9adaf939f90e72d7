"""Tests conversion: random networks, written in every format, give the features of plain NumPy."""

import pickle
import sys
import types

import h5py
import numpy as np
import pytest

from jaxtex import errors, networks, weights
from jaxtex.weights.convert import (
    catalog,
    conversion,
    keras,
    opcodes,
    pickles,
    recognition,
    state_dicts,
    tensors,
)
from support import reference, writers


@pytest.fixture
def torch_names(monkeypatch):
    """Modules with the names that PyTorch's pickles mention."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = lambda: None
    utils._rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def all_features(loaded, image):
    network = networks.NETWORKS[loaded.network]
    network = networks.select_layers(network, networks.available_layers(network, loaded.variables))
    return network.apply(loaded.variables, image)


def assert_agree(features, expected):
    assert set(features) == set(expected)
    for layer, values in expected.items():
        error = np.abs(features[layer] - values).max() / np.abs(values).max()
        assert error < 1e-4, (layer, error)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("file, network", writers.CASES)
def test_all_features_agree_with_plain_numpy(tmp_path, torch_names, file, network):
    layers = reference.random_vgg(network, blocks=2)
    write, preprocess = writers.WRITERS[file]
    write(str(tmp_path / file), layers)
    image = np.random.default_rng(1).random((37, 45, 3), np.float32)
    converted = conversion.convert(str(tmp_path / file), network, unknown=True)
    weights.save(tmp_path / "w.h5", converted)
    assert_agree(
        all_features(weights.load(tmp_path / "w.h5"), image),
        reference.features(layers, preprocess(image)),
    )


@pytest.mark.slow
def test_folded_norms_are_recognized(tmp_path):
    layers = reference.random_vgg("vgg16_bn", blocks=2)
    writers.write_onnx(str(tmp_path / "folded.onnx"), layers, folded=True)
    converted = conversion.convert(str(tmp_path / "folded.onnx"), "vgg16_bn", unknown=True)
    assert converted.about["norm"] == "folded"

    image = np.random.default_rng(1).random((37, 45, 3), np.float32)
    expected = reference.features(layers, writers.torchvision(image))
    names = tuple(name for name in expected if not name.startswith("conv"))
    network, variables = networks.fold_batch_norm(
        networks.select_layers(networks.NETWORKS["vgg16_bn"], names), converted.variables
    )
    assert_agree(network.apply(variables, image), {name: expected[name] for name in names})


@pytest.mark.slow
@pytest.mark.parametrize("network", ["vgg16", "vgg19", "vgg16_bn", "vgg19_bn"])
def test_a_complete_network_is_recognized(network):
    state = reference.state_dict(reference.random_vgg(network, blocks=5))
    checkpoint = state_dicts.build_checkpoint(
        {name: tensors.Tensor(array.shape, array.copy) for name, array in state.items()}
    )
    assert recognition.recognize_network(checkpoint) == network


@pytest.mark.parametrize("published", catalog.PUBLISHED, ids=lambda published: published.url)
def test_a_published_file_is_identified_by_its_hash(published):
    assert catalog.identify(dict([published.hash])) is published


def test_another_file_is_not_identified():
    assert catalog.identify({"sha256": "0" * 64, "md5": "0" * 32}) is None


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("network", ["vgg16", "vgg16_bn"])
def test_features_agree_with_pytorch(tmp_path, network, older):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra 'crosscheck')")
    torch.manual_seed(0)
    modules, names, inputs = [], [], 3
    kinds = ("conv", "bn", "relu") if network.endswith("_bn") else ("conv", "relu")
    for block, count in enumerate(reference.WIDTHS["vgg16"][:3], 1):
        for i in range(count):
            outputs = reference.CHANNELS[block - 1]
            modules.append(torch.nn.Conv2d(inputs, outputs, 3, padding=1))
            if network.endswith("_bn"):
                modules.append(torch.nn.BatchNorm2d(outputs))
                torch.nn.init.uniform_(modules[-1].running_var, 0.5, 1.5)
                torch.nn.init.normal_(modules[-1].running_mean)
            modules.append(torch.nn.ReLU())
            names += [f"{kind}{block}_{i + 1}" for kind in kinds]
            inputs = outputs
        modules.append(torch.nn.MaxPool2d(2))
        names.append(f"pool{block}")
    model = torch.nn.ModuleDict({"features": torch.nn.Sequential(*modules).eval()})
    torch.save(model.state_dict(), tmp_path / "w.pth", _use_new_zipfile_serialization=not older)

    image = np.random.default_rng(1).random((37, 45, 3), np.float32)
    x, expected = torch.from_numpy(writers.torchvision(image)[None].astype(np.float32)), {}
    with torch.no_grad():
        for name, module in zip(names, modules, strict=True):
            x = module(x.clone())
            expected[name] = x[0].permute(1, 2, 0).numpy().copy()
    converted = conversion.convert(str(tmp_path / "w.pth"), network, unknown=True)
    assert_agree(all_features(converted, image), expected)


def test_errors_name_the_part_that_does_not_fit(tmp_path, torch_names):
    path = tmp_path / "w.pth"
    state = writers.with_head(reference.random_vgg("vgg16", blocks=2))
    wide = {"features.2.weight": np.zeros((96, 64, 3, 3), np.float32)}
    writers.write_zip(path, state | wide)
    text = r"'features.2' has 64 -> 96 channels; .* has 64 -> 64"
    with pytest.raises(errors.UserError, match=text):
        conversion.convert(str(path), unknown=True)

    writers.write_zip(path, state | {"features.2.bias": np.zeros(9, np.float32)})
    text = r"'bias of features.2': expected the shape \(64,\), got \(9,\)"
    with pytest.raises(errors.UserError, match=text):
        conversion.convert(str(path), "vgg16", unknown=True)

    writers.write_zip(path, state)
    with pytest.raises(errors.UserError, match="could be vgg16 or vgg19: say --network=vgg16"):
        conversion.convert(str(path), unknown=True)
    text = "not one of the published files .sha256 .*--allow_unknown"
    with pytest.raises(errors.UserError, match=text):
        conversion.convert(str(path))


class Harmful:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return __import__("os").system, (f"touch {self.path}",)


@pytest.mark.parametrize("write", [writers.write_zip, writers.write_older])
def test_a_pickle_that_would_run_a_command_does_not(tmp_path, torch_names, write):
    state = writers.with_head(reference.random_vgg("vgg16", blocks=1))
    write(tmp_path / "w.pth", state | {"features.0.weight": Harmful(tmp_path / "was_here")})
    text = "is a call of '(posix|nt) system', not a tensor; nothing in the file was run"
    with pytest.raises(errors.UserError, match=text):
        conversion.convert(str(tmp_path / "w.pth"), unknown=True)
    assert not (tmp_path / "was_here").exists()


@pytest.mark.parametrize(
    "contents, text",
    [
        (pickle.dumps(Harmful("/tmp/never")), "is a bare pickle"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"\0" * 257 + b"ustar" + b"\0" * 250, "is a tar"),
        (b"GIF89a", "unknown format"),
        (pickles.MAGIC, "damaged"),
        (b"\x08\x07\x3a\xff\xff\xff\xff\xff\xff\xff\x7f", "cut short"),
        (b"\xff" * 8 + b"{" * 100, "safetensors"),
        (b"PK\x03\x04", "damaged"),
    ],
)
def test_another_format_is_named(tmp_path, contents, text):
    (tmp_path / "file").write_bytes(contents)
    with pytest.raises(errors.UserError, match=text):
        conversion.convert(str(tmp_path / "file"), unknown=True)


@pytest.mark.parametrize(
    "shape, strides, offset",
    [((3, 4), (4, 1), 0), ((2, 2), (9, 1), 0), ((2,), (-1,), 5), ((2,), (1,), 9)],
)
def test_a_tensor_beyond_its_storage_is_rejected(shape, strides, offset):
    storage = opcodes.Stored(("storage", opcodes.Name("torch FloatStorage"), "0", "cpu", 10))
    call = opcodes.Call("torch._utils _rebuild_tensor_v2", (storage, offset, shape, strides))
    with pytest.raises(errors.UserError, match="tensor 'w'"):
        pickles.lazy_tensor("w", call, lambda *_: None)


def test_a_tensor_is_read_with_its_strides():
    storage = opcodes.Stored(("storage", opcodes.Name("torch FloatStorage"), "0", "cpu", 10))
    call = opcodes.Call("torch._utils _rebuild_tensor_v2", (storage, 2, (2, 3), (1, 2)))
    values = np.arange(10, dtype=np.float32)
    tensor = pickles.lazy_tensor("w", call, lambda *_: lambda start, stop: values[start:stop])
    np.testing.assert_array_equal(tensor.read(), [[2, 4, 6], [3, 5, 7]])


def write_hostile_hdf5(path, secret, kind):
    """Writes a Keras file whose first kernel is not stored in it."""
    shape = (3, 3, 3, 64)
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1")
        group["bias"] = np.zeros(64, np.float32)
        if kind == "external link":
            group["kernel"] = h5py.ExternalLink(str(secret), "kernel")
        elif kind == "external data":
            group.create_dataset("kernel", shape, np.float32, external=[(str(secret), 0, 6912)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape, np.float32)
            layout[:] = h5py.VirtualSource(str(secret), "kernel", shape)
            group.create_virtual_dataset("kernel", layout)
        else:
            shape = shape if kind == "empty" else (3, 3, 32768, 16384)
            group.create_dataset("kernel", shape, np.float32, chunks=True)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("external link", "is a link"),
        ("external data", "not stored in the file"),
        ("virtual", "not stored in the file"),
        ("empty", "a shape, but no values"),
        ("17 GB", "32768 -> 16384"),
    ],
)
def test_an_hdf5_file_without_its_own_values_is_rejected(tmp_path, kind, text):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((3, 3, 3, 64), np.float32)
    write_hostile_hdf5(tmp_path / "w.h5", tmp_path / "secret.h5", kind)
    with pytest.raises(errors.UserError, match=text):
        conversion.convert(str(tmp_path / "w.h5"), "vgg16", unknown=True)


def test_an_onnx_file_with_values_in_another_file_is_rejected(tmp_path):
    onnx = pytest.importorskip("onnx")
    path = str(tmp_path / "w.onnx")
    writers.write_onnx(path, reference.random_vgg("vgg16", blocks=1))
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="values", size_threshold=0)
    with pytest.raises(errors.UserError, match="lies in another file, which is not opened"):
        conversion.convert(path, "vgg16", unknown=True)


def test_deep_groups_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_group("/".join("abcdefghijkl"))
    with pytest.raises(errors.UserError, match="nested too deep"):
        keras.read(str(tmp_path / "w.h5"))
