"""Tests random weights: He's variances, and equal weights for equal seeds."""

import jax
import numpy as np
import pytest

from jaxtex import networks, weights
from jaxtex.weights import random_init

ROW = networks.NETWORKS["vgg_lite"]


def draw(seed=0):
    return random_init.random_weights("vgg_lite", ROW.shapes(), "avg", seed)


def test_shapes_and_variances():
    weights.check_shapes(draw(), ROW.shapes())
    kernel = draw().variables["params"]["conv2_1"]["kernel"]
    np.testing.assert_allclose(kernel.var(), 2 / (9 * kernel.shape[2]), rtol=0.05)


def test_batch_norms_are_the_identity():
    variables = draw().variables
    statistics, parameters = variables["batch_stats"]["bn3_1"], variables["params"]["bn3_1"]
    assert (statistics["var"] == 1).all() and (parameters["scale"] == 1).all()
    assert (statistics["mean"] == 0).all() and (parameters["bias"] == 0).all()


@pytest.mark.slow
def test_each_layer_keeps_the_mean_square_of_its_input():
    layers = ("relu1_1", "conv1_2", "relu1_2", "conv2_2", "relu2_2")
    network = networks.select_layers(ROW.clone(padding="wrap"), layers)
    features = network.apply(draw().variables, jax.random.uniform(jax.random.key(0), (64, 64, 3)))
    for before, after in (("relu1_1", "conv1_2"), ("conv1_2", "relu1_2"), ("conv2_2", "relu2_2")):
        ratio = float((features[after] ** 2).mean() / (features[before] ** 2).mean())
        expected = 2 if after.startswith("conv") else 0.5  # a ReLU halves, kernels double
        assert 0.7 < ratio / expected < 1.4


def test_the_seed_determines_the_weights():
    one, again, other = (draw(seed).variables["params"]["conv1_1"]["kernel"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.1
