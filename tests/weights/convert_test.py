"""Random networks, written in every published format, give the features that plain NumPy computes from them."""

import pickle
import sys
import types

import h5py
import numpy as np
import pytest

from jaxtex import errors, networks, weights
from jaxtex.weights.convert import convert, keras, pickles, state_dicts
from support import reference, writers


@pytest.fixture
def torch_names(monkeypatch):
    """Modules with the names that PyTorch's pickles mention."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = lambda: None
    utils._rebuild_tensor_v2.__module__, utils._rebuild_tensor_v2.__qualname__ = (
        "torch._utils",
        "_rebuild_tensor_v2",
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def all_features(loaded, image):
    network = networks.NETWORKS[loaded.network]
    network = networks.select_layers(network, networks.available_layers(network, loaded.variables))
    return network.apply(loaded.variables, image)


def assert_agree(found, expected):
    assert set(found) == set(expected)
    for layer, values in expected.items():
        error = np.abs(found[layer] - values).max() / np.abs(values).max()
        assert error < 1e-4, (layer, error)


@pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("file, network", writers.CASES)
def test_all_features_agree_with_plain_numpy(tmp_path, torch_names, file, network):
    layers = reference.random_vgg(network, blocks=2)
    write, preprocess = writers.WRITERS[file]
    write(str(tmp_path / file), layers)
    image = np.random.default_rng(1).random((37, 45, 3), np.float32)
    converted = convert.convert(str(tmp_path / file), network, unknown=True)
    weights.save(tmp_path / "w.h5", converted)
    assert_agree(
        all_features(weights.load(tmp_path / "w.h5"), image),
        reference.features(layers, preprocess(image)),
    )


def test_folded_norms_are_known_as_such(tmp_path):
    layers = reference.random_vgg("vgg16_bn", blocks=2)
    writers.write_onnx(str(tmp_path / "folded.onnx"), layers, folded=True)
    converted = convert.convert(str(tmp_path / "folded.onnx"), "vgg16_bn", unknown=True)
    assert converted.about["norm"] == "folded"
    image = np.random.default_rng(1).random((37, 45, 3), np.float32)
    expected = reference.features(layers, writers.torchvision(image))
    names = tuple(name for name in expected if not name.startswith("conv"))
    network, variables = networks.fold_batch_norm(
        networks.select_layers(networks.NETWORKS["vgg16_bn"], names), converted.variables
    )
    assert_agree(network.apply(variables, image), {name: expected[name] for name in names})


@pytest.mark.parametrize("network", ["vgg16", "vgg19", "vgg16_bn", "vgg19_bn"])
def test_a_whole_network_is_recognised(network):
    layers = reference.random_vgg(network, blocks=5)
    tensors = {
        name: state_dicts.Tensor(array.shape, None)
        for name, array in reference.state_dict(layers).items()
    }
    assert convert.recognize_network(state_dicts.layers(tensors)) == network


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("network", ["vgg16", "vgg16_bn"])
def test_features_agree_with_pytorch(tmp_path, network, older):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra 'crosscheck')")
    torch.manual_seed(0)
    modules, names, inputs = [], [], 3
    for block, count in enumerate(reference.WIDTHS["vgg16"][:3], 1):
        for i in range(count):
            outputs = reference.CHANNELS[block - 1]
            modules.append(torch.nn.Conv2d(inputs, outputs, 3, padding=1))
            if network.endswith("_bn"):
                modules.append(torch.nn.BatchNorm2d(outputs))
                torch.nn.init.uniform_(modules[-1].running_var, 0.5, 1.5)
                torch.nn.init.normal_(modules[-1].running_mean)
            modules.append(torch.nn.ReLU())
            kinds = ("conv", "bn", "relu") if network.endswith("_bn") else ("conv", "relu")
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
            expected[name] = (x := module(x.clone()))[0].permute(1, 2, 0).numpy().copy()
    assert_agree(
        all_features(convert.convert(str(tmp_path / "w.pth"), network, unknown=True), image),
        expected,
    )


def test_what_does_not_fit_is_named(tmp_path, torch_names):
    state = writers.with_head(reference.random_vgg("vgg16", blocks=2))
    writers.write_zip(
        tmp_path / "w.pth", state | {"features.2.weight": np.zeros((96, 64, 3, 3), np.float32)}
    )
    with pytest.raises(
        errors.UserError, match=r"'features.2' takes 64 -> 96 channels; .* has 64 -> 64"
    ):
        convert.convert(str(tmp_path / "w.pth"), unknown=True)
    writers.write_zip(tmp_path / "w.pth", state | {"features.2.bias": np.zeros(9, np.float32)})
    with pytest.raises(errors.UserError, match=r"'bias of features.2' has the shape \(9,\)"):
        convert.convert(str(tmp_path / "w.pth"), "vgg16", unknown=True)
    writers.write_zip(tmp_path / "w.pth", state)
    with pytest.raises(errors.UserError, match="could be vgg16 or vgg19: say --network=vgg16"):
        convert.convert(str(tmp_path / "w.pth"), unknown=True)
    with pytest.raises(
        errors.UserError, match="none of the published files .sha256 .*--allow_unknown"
    ):
        convert.convert(str(tmp_path / "w.pth"))


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
    with pytest.raises(
        errors.UserError,
        match="is a call of '(posix|nt) system', not a tensor; nothing of it was run",
    ):
        convert.convert(str(tmp_path / "w.pth"), unknown=True)
    assert not (tmp_path / "was_here").exists()


@pytest.mark.parametrize(
    "contents, text",
    [
        (pickle.dumps(Harmful("/tmp/never")), "a bare pickle"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\0" * 257 + b"ustar" + b"\0" * 250, "a tar"),
        (b"GIF89a", "no format that is known"),
        (pickles.MAGIC, "damaged"),
        (b"\x08\x07\x3a\xff\xff\xff\xff\xff\xff\xff\x7f", "cut short"),
        (b"\xff" * 8 + b"{" * 100, "safetensors"),
        (b"PK\x03\x04", "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_refused_by_name(tmp_path, contents, text):
    (tmp_path / "file").write_bytes(contents)
    with pytest.raises(errors.UserError, match=text):
        convert.convert(str(tmp_path / "file"), unknown=True)


def test_a_tensor_that_reaches_beyond_its_numbers_is_refused():
    reference = pickles.Stored(("storage", pickles.Name("torch FloatStorage"), "0", "cpu", 10))
    for shape, strides, offset in [
        ((3, 4), (4, 1), 0),
        ((2, 2), (9, 1), 0),
        ((2,), (-1,), 5),
        ((2,), (1,), 9),
    ]:
        call = pickles.Call("torch._utils _rebuild_tensor_v2", (reference, offset, shape, strides))
        with pytest.raises(errors.UserError, match="tensor 'w'"):
            pickles._tensor("w", call, lambda *_: None)


def hostile_hdf5(path, secret, kind):
    """A Keras file whose first kernel is not stored in it."""
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


@pytest.mark.parametrize("kind", ["external link", "external data", "virtual", "empty", "17 GB"])
def test_an_hdf5_that_points_elsewhere_is_refused(tmp_path, kind):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((3, 3, 3, 64), np.float32)
    hostile_hdf5(tmp_path / "w.h5", tmp_path / "secret.h5", kind)
    texts = "is a link|not stored in the file|a shape, but no numbers|32768 -> 16384"
    with pytest.raises(errors.UserError, match=texts):
        convert.convert(str(tmp_path / "w.h5"), "vgg16", unknown=True)


def test_an_onnx_file_with_numbers_elsewhere_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    writers.write_onnx(str(tmp_path / "w.onnx"), reference.random_vgg("vgg16", blocks=1))
    model = onnx.load(tmp_path / "w.onnx")
    onnx.save(
        model, tmp_path / "w.onnx", save_as_external_data=True, location="numbers", size_threshold=0
    )
    with pytest.raises(errors.UserError, match="lies in another file, which is not opened"):
        convert.convert(str(tmp_path / "w.onnx"), "vgg16", unknown=True)


def test_deep_groups_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_group("/".join("abcdefghijkl"))
    with pytest.raises(errors.UserError, match="nested too deep"):
        keras.read(str(tmp_path / "w.h5"))
