"""Tests of `jaxtex-weights`, from its arguments to its files, and of `verify`."""

import pathlib

import h5py
import jax
import numpy as np
import pytest

import jaxtex
from jaxtex import errors, networks, weights
from jaxtex.cli import flag_parsing, weights_main
from jaxtex.weights import locations
from jaxtex.weights.convert import conversion, state_dicts, tensors, verify
from support import reference
from support.paths import SHARED

BLOCKS = SHARED / "weights" / "vgg19_imagenet_blocks1-3.npz"


def jaxtex_weights(*arguments):
    flag_parsing.run(weights_main.COMMAND, arguments)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Hides the weights of the user from the tests."""
    monkeypatch.setenv("JAXTEX_WEIGHTS", str(tmp_path / "mine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def trained():
    """Returns random weights of two blocks, and golden values computed in NumPy."""
    layers = reference.random_vgg("vgg16_bn", blocks=2)
    features = reference.features(layers, verify.noise().transpose(2, 0, 1))
    table = {
        name: [float(x.min()), float(x.max()), float(np.sqrt((x**2).sum()))]
        for name, x in features.items()
    }
    return layers, {"vgg16_bn": table}


def loaded(layers):
    state = reference.state_dict(layers)
    checkpoint = state_dicts.build_checkpoint(
        {name: tensors.Tensor(array.shape, array.copy) for name, array in state.items()}
    )
    variables = conversion.build_variables(checkpoint, networks.NETWORKS["vgg16_bn"])
    return weights.Weights(variables, "vgg16_bn", "max", {"numbers": "torchvision"})


def kernels(layers, change):
    return {name: layer | {"weight": change(layer["weight"])} for name, layer in layers.items()}


def swapped_statistics(layers):
    one, two = layers["conv1_1"], layers["conv1_2"]
    statistics = lambda layer: {leaf: layer[leaf] for leaf in ("mean", "var")}
    return layers | {"conv1_1": one | statistics(two), "conv1_2": two | statistics(one)}


def red_and_blue(layers):
    return layers | {
        "conv1_1": layers["conv1_1"] | {"weight": layers["conv1_1"]["weight"][:, ::-1]}
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "change, good, text",
    [
        (lambda layers: layers, True, "all 14 layers agree"),
        (
            lambda layers: kernels(layers, lambda k: k.swapaxes(2, 3)),
            False,
            "height and width of the kernels exchanged",
        ),
        (lambda layers: kernels(layers, lambda k: k[:, :, ::-1, ::-1]), False, "kernels flipped"),
        (red_and_blue, False, "red and blue exchanged"),
        (
            swapped_statistics,
            False,
            "up to 'bn1_1', which is wrong: statistics of another batch norm",
        ),
        (
            lambda layers: reference.random_vgg("vgg16_bn", 2, seed=5),
            False,
            "should be torchvision's, and are not",
        ),
    ],
)
def test_verify_recognizes_mistakes(trained, change, good, text):
    layers, table = trained
    verdict = verify.compare(loaded(change(layers)), table)
    assert verdict[0] == good and text in verdict[1]


def test_golden_values_exist_for_every_layer_of_four_networks():
    table = verify.golden_values()
    assert set(table) == {"vgg16", "vgg16_bn", "vgg19", "vgg19_bn"}
    assert all(
        set(figures) == set(networks.layer_names(networks.NETWORKS[name]))
        for name, figures in table.items()
    )


def test_the_noise_is_the_one_of_the_golden_values():
    import hashlib

    digest = hashlib.sha256(verify.noise().transpose(2, 0, 1).astype("<f4").tobytes()).hexdigest()
    assert digest == "e9fd18a2cd2df4116ad69b35aaadf2c3cda19df4ebb80a299195db4902a71980"


@pytest.mark.slow
def test_convert_installs_for_the_network(tmp_path, capsys):
    layers = reference.random_vgg("vgg19", blocks=3)
    np.savez(tmp_path / "state.npz", **reference.state_dict(layers))
    jaxtex_weights(
        "convert",
        str(tmp_path / "state.npz"),
        "--allow_unknown",
        "--dtype=float16",
        "--network=vgg19",
    )
    assert locations.require_file("vgg19") == tmp_path / "mine" / "vgg19.h5"
    with h5py.File(locations.require_file("vgg19")) as file:
        assert file["conv1_1/kernel"].dtype == np.float16
    jaxtex_weights("verify", str(locations.require_file("vgg19")))
    jaxtex_weights("list")
    printed = capsys.readouterr().out
    assert (
        "the values are not torchvision's" in printed
        and "vgg16_bn: not installed; jaxtex-weights fetch vgg16_bn" in printed
    )


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["fetsh"], "unknown command 'fetsh'; did you mean 'fetch'?"),
        (["fetch"], "'fetch' takes one argument, got 0"),
        (["fetch", "vgg11"], "unknown network 'vgg11'"),
        (
            ["fetch", "vgg16", "--source=timm"],
            "unknown source 'timm'. There are: torchvision, onnx, keras",
        ),
        (["convert", "none.pth"], "'none.pth': no such file"),
        (["convert", "none.pth", "--dtype=int8"], "unknown dtype 'int8'"),
        (["convert", "v.npz", "--output=new.png"], "--output=new.png: suffix must be one of .h5,"),
        (["convert", "v.h5", "--output=v.h5"], "--output=v.h5: is an input of this run"),
        (["fetch", "vgg16", "--output=new/"], "--output=new/: suffix must be one of .h5, .hdf5"),
        (["verify", "none.h5"], "'none.h5': no such file"),
    ],
)
def test_mistakes_are_one_line(arguments, text, capsys):
    pathlib.Path("v.h5").write_text("")
    with pytest.raises(SystemExit) as left:
        jaxtex_weights(*arguments)
    assert left.value.code == 2 and text in capsys.readouterr().err


def test_missing_weights_name_the_command(exemplar):
    with pytest.raises(
        errors.UserError, match="type 'jaxtex-weights fetch vgg16_bn', or 'jaxtex-weights convert"
    ):
        jaxtex.synthesize(exemplar, network="vgg16_bn")


@pytest.mark.slow
def test_layers_before_a_folded_norm_are_missing(tmp_path, exemplar):
    layers = reference.random_vgg("vgg16_bn", blocks=1)
    converted = loaded(layers)
    variables = {**converted.variables, "batch_stats": {}}
    variables["params"] = {
        name: leaves for name, leaves in variables["params"].items() if name.startswith("conv")
    }
    weights.save(
        tmp_path / "w.h5", weights.Weights(variables, "vgg16_bn", "max", {"norm": "folded"})
    )
    choices = {
        "network": "vgg16_bn",
        "weights": str(tmp_path / "w.h5"),
        "size": 48,
        "octaves": 1,
        "num_steps": 2,
    }
    assert np.isfinite(jaxtex.synthesize(exemplar, layers="bn1_1,relu1_2", **choices)).all()
    with pytest.raises(errors.UserError, match="layer 'conv1_1' is not available.*choose 'bn1_1'"):
        jaxtex.synthesize(exemplar, layers="conv1_1", **choices)


@pytest.mark.slow
def test_500_changed_bytes_are_refused_or_change_nothing(tmp_path):
    path, changed = tmp_path / "w.h5", tmp_path / "changed.h5"
    weights.save(path, loaded(reference.random_vgg("vgg16_bn", blocks=1)))
    original, contents, rng = weights.load(path), path.read_bytes(), np.random.default_rng(0)
    accepted = 0
    for _ in range(500):
        mutated = bytearray(contents)
        mutated[rng.integers(len(mutated))] ^= rng.integers(1, 256)
        changed.write_bytes(mutated)
        try:
            again = weights.load(changed)
        except errors.UserError:
            continue
        accepted += 1
        assert (again.network, again.pooling) == (original.network, original.pooling)
        jax.tree.map(np.testing.assert_array_equal, again.variables, original.variables)
    assert 0 < accepted < 500


@pytest.mark.slow
@pytest.mark.skipif(not BLOCKS.is_file(), reason="needs the VGG-19 blocks beside this checkout")
def test_the_real_blocks_make_a_texture_and_name_their_end(exemplar):
    jaxtex_weights("convert", str(BLOCKS), "--allow_unknown")
    choices = {"network": "vgg19", "size": 48, "octaves": 1, "num_steps": 10}
    progress = []
    jaxtex.synthesize(
        exemplar, observe=progress.append, layers="conv1_1,pool1,pool2,pool3", **choices
    )
    assert progress[-1].infos.loss[-1] < 0.5 * progress[0].infos.loss[0]
    with pytest.raises(errors.UserError, match=r"'relu4_1' needs 'conv4_1'.*end at 'conv3_4'"):
        jaxtex.synthesize(exemplar, layers="relu4_1", **choices)
