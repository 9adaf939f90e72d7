"""Keras' kernels as jaxtex reads them; with the real VGG-19 blocks where they are at hand."""

import runpy

import numpy as np
import pytest
from conftest import ROOT, SHARED

import jaxtex
from jaxtex import networks, weights

BLOCKS = SHARED / "weights" / "vgg19_imagenet_blocks1-3.npz"
KERAS_MEAN = np.array([103.939, 116.779, 123.68])  # B, G, R
convert = runpy.run_path(str(ROOT / "weights" / "convert_npz.py"))["convert"]


def first_layer(path, image):
    network = networks.select(networks.NETWORKS["vgg19"], ("conv1_1",))
    weights.save(path.with_suffix(".h5"), convert(path))
    return network.apply(weights.load(path.with_suffix(".h5")).variables, image)["conv1_1"]


def test_the_reordering_and_the_mean_of_keras_are_kept(tmp_path):
    rng = np.random.default_rng(0)
    kernel, bias = rng.standard_normal((3, 3, 3, 64)).astype(np.float32), rng.standard_normal(64).astype(np.float32)
    np.savez(tmp_path / "keras.npz", **{"conv1_1/kernel": kernel, "conv1_1/bias": bias})
    image = rng.random((5, 5, 3), np.float32)
    patch = (255 * image[..., ::-1] - KERAS_MEAN)[1:4, 1:4]
    expected = np.einsum("ijc,ijcd->d", patch, kernel) + bias
    np.testing.assert_allclose(first_layer(tmp_path / "keras.npz", image)[2, 2], expected, rtol=1e-3)


@pytest.mark.skipif(not BLOCKS.is_file(), reason="the real VGG-19 blocks are not beside this checkout")
def test_the_real_blocks_make_a_texture_and_end_where_they_end(tmp_path, exemplar):
    weights.save(tmp_path / "vgg19.h5", convert(BLOCKS))
    choices = {"network": "vgg19", "weights": str(tmp_path / "vgg19.h5"), "size": 48, "octaves": 1, "num_steps": 10}
    seen = []
    jaxtex.synthesize(exemplar, observe=seen.append, layers="conv1_1,pool1,pool2,pool3", **choices)
    assert seen[-1].infos.loss[-1] < 0.5 * seen[0].infos.loss[0]
    with pytest.raises(jaxtex.UserError, match=r"end at 'conv3_4'; 'relu4_1' needs 'conv4_1'"):
        jaxtex.synthesize(exemplar, layers="relu4_1", **choices)
