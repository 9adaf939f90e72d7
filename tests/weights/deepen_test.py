"""Tests the training of the deep blocks of the built-in network, with a random teacher."""

import importlib.util
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from jaxtex import networks, weights
from jaxtex.weights import locations
from support.paths import ROOT


@pytest.fixture(scope="module")
def deepen():
    sys.path.insert(0, str(ROOT / "weights"))
    spec = importlib.util.spec_from_file_location("deepen", ROOT / "weights" / "deepen.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FLAGS(["deepen"])  # parses its own flags
    yield module
    sys.path.remove(str(ROOT / "weights"))


def write_teacher(path):
    """Writes random weights with the names and the form of a distilled VGG-19."""
    rng = np.random.default_rng(0)
    tensors = {"preprocess/kernel": np.eye(3)[None, None], "preprocess/bias": np.zeros(3)}
    channels = 3
    for block, count in enumerate((2, 2, 4, 4, 1), 1):
        for number in range(1, count + 1):
            width = 8 if block < 4 else 128  # as many as the student has there
            kernel = rng.standard_normal((3, 3, channels, width)) * np.sqrt(2 / (9 * channels))
            tensors |= {f"conv{block}_{number}/kernel": kernel}
            tensors |= {f"conv{block}_{number}/bias": np.zeros(width)}
            channels = width
    np.savez(path, **{name: tensor.astype(np.float32) for name, tensor in tensors.items()})


@pytest.mark.slow
def test_the_first_blocks_stay_and_the_new_ones_are_those_that_were_trained(
    deepen, tmp_path, monkeypatch
):
    write_teacher(tmp_path / "teacher.npz")
    (tmp_path / "images").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "images" / "a.png")
    shutil.copy(locations.require_file("vgg_lite"), tmp_path / "network.h5")
    choices = {
        "teacher": str(tmp_path / "teacher.npz"),
        "images": [str(tmp_path / "images")],
        "held_out": str(tmp_path / "images"),
        "network": str(tmp_path / "network.h5"),
        "num_crops": 16,
        "num_steps": 4,
        "batch_size": 4,
        "crop": 64,
    }
    for name, value in choices.items():
        monkeypatch.setattr(deepen.FLAGS, name, value)
    trained = []
    normalized = deepen.normalized
    monkeypatch.setattr(
        deepen, "normalized", lambda *args: trained.append(normalized(*args)) or trained[0]
    )
    deepen.main(None)

    before = weights.load(locations.require_file("vgg_lite"))
    after = weights.load(tmp_path / "network.h5")
    network = networks.NETWORKS["vgg_lite"]
    first = [layer for layer in before.variables["params"] if layer[-3] in "123"]
    assert len(first) == 14
    for layer in first:
        for leaf, value in before.variables["params"][layer].items():
            np.testing.assert_array_equal(after.variables["params"][layer][leaf], value)
    residuals = json.loads(after.about["deep_residuals"])
    assert residuals.keys() == {"relu4_1", "relu5_1"}
    assert all(0 < share < 1 for share in residuals.values())

    # The batch norms that the file has change nothing, but for rounding.
    image = noise[:, :64].astype(np.float32) / 255
    network = networks.select_layers(network, ("pool3", "relu4_1", "relu5_1"))
    network = network.clone(padding="reflect", pooling="avg")
    features = network.apply(after.variables, image)
    expected = deepen.apply_new(trained[0], features["pool3"][None])
    for name in ("relu4_1", "relu5_1"):
        difference = np.abs(expected[name][0] - features[name]).max()
        assert difference < 0.02 * np.abs(expected[name]).max()
