"""Tests of structure and gram: against loops over real features, and their extremes."""

import jax
import numpy as np
import pytest

from jaxtex import metrics, networks, weights
from jaxtex.metrics import network_distance
from jaxtex.weights import locations, random_init
from support.metrics_benchmark import benchmark

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture(scope="module")
def pair():
    return benchmark.load("astronaut", 48), benchmark.load("leaves", 48)


@pytest.fixture(scope="module")
def features(pair):
    """Returns layer -> `[H, W, C]`, float64, of both images."""
    network = networks.select_layers(networks.NETWORKS["vgg_lite"], LAYERS).clone(padding="reflect")
    variables = weights.load(locations.require_file("vgg_lite")).variables
    apply = jax.jit(network.apply)
    both = [jax.device_get(apply(variables, image)) for image in pair]
    return [{layer: np.asarray(x, float) for layer, x in each.items()} for each in both]


def test_structure_against_loops(pair, features):
    differences = []
    for layer in ("relu2_1", "relu3_1"):
        matrices = []
        for each in features:
            vectors = list(each[layer].reshape(-1, each[layer].shape[-1]))
            units = [vector / np.linalg.norm(vector) for vector in vectors]
            matrix = np.array([[1 - one @ other for other in units] for one in units])
            matrices.append(matrix / matrix.mean(0))
        differences.append(np.abs(matrices[0] - matrices[1]).mean())
    assert metrics.structure(*pair) == pytest.approx(np.mean(differences), rel=1e-3)


def test_gram_against_loops(pair, features):
    distances = []
    for layer in LAYERS:
        rows = [each[layer].reshape(-1, each[layer].shape[-1]) for each in features]
        exemplar, image = (sum(np.outer(row, row) for row in each) / len(each) for each in rows)
        distances.append(np.sqrt(np.sum((exemplar - image) ** 2) / np.sum(exemplar**2)))
    assert metrics.gram(*pair) == pytest.approx(np.mean(distances), rel=1e-3)
    assert metrics.measure(*pair, "gram", "vgg_lite")["gram"] == metrics.gram(*pair)


def test_structure_is_lost_with_all_colors_and_kept_by_the_content(pair):
    content, _ = pair
    flat = np.full_like(content, 0.5)
    assert metrics.structure(content, content) == metrics.structure(flat, flat) == 0
    assert metrics.structure(content, flat) == pytest.approx(1, abs=0.01)
    assert metrics.structure(content, 0.2 + 0.6 * content) < 0.1


def test_gram_forgets_where_things_are(pair):
    _, style = pair
    assert metrics.gram(style, style) == 0
    assert metrics.gram(style, np.roll(style, (16, 24), (0, 1))) < 0.15 < metrics.gram(*pair)


@pytest.mark.parametrize("shape", [(32, 32), (33, 31), (24, 300), (256, 256), (1, 5000)])
def test_a_grid_has_at_most_1024_positions(shape):
    grid = network_distance._take_grid(np.zeros((*shape, 2)))
    assert min(shape[0] * shape[1], 256) <= len(grid) <= 1024


def test_values_follow_the_weight_file_and_the_network(pair, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXTEX_WEIGHTS", str(tmp_path))
    compute = {"gram": metrics.gram, "features": metrics.features}
    found = []
    for width, seed in ((4, 0), (4, 1), (5, 0)):
        network = networks.VGG(((width,),))
        monkeypatch.setitem(networks.NETWORKS, "own", network)
        drawn = random_init.random_weights("own", network.shapes(), "max", seed)
        weights.save(tmp_path / "own.h5", drawn)
        found.append({name: metric(*pair, "own") for name, metric in compute.items()})
    for name in compute:
        assert len({values[name] for values in found}) == 3
