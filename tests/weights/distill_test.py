"""Tests the training of the built-in network, with a tiny teacher."""

import importlib.util
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxtex import networks, weights
from jaxtex.weights import random_init
from support.paths import ROOT


@pytest.fixture(scope="module")
def distill():
    sys.path.insert(0, str(ROOT / "weights"))
    spec = importlib.util.spec_from_file_location("distill", ROOT / "weights" / "distill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FLAGS(["distill"])  # parses its own flags
    yield module
    sys.path.remove(str(ROOT / "weights"))


@pytest.fixture
def small(distill, tmp_path, monkeypatch):
    """A teacher in a file, an image, and flags for a training of four steps."""
    monkeypatch.setitem(networks.NETWORKS, "tiny", networks.VGG(((6,) * 2, (7,) * 2, (8,) * 3)))
    weights.save(
        tmp_path / "teacher.h5",
        random_init.random_weights("tiny", networks.NETWORKS["tiny"].shapes(), "max"),
    )
    (tmp_path / "images").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)).save(
        tmp_path / "images" / "a.png"
    )
    choices = {
        "teacher": str(tmp_path / "teacher.h5"),
        "images": [str(tmp_path / "images")],
        "workdir": str(tmp_path / "work"),
    }
    choices |= {
        "held_out": str(tmp_path / "images"),
        "output": str(tmp_path / "out.h5"),
        "widths": [4, 5, 6],
        "crop": 32,
    }
    for name, value in (choices | {"batch_size": 2, "num_steps": 4, "save_every": 2}).items():
        monkeypatch.setattr(distill.FLAGS, name, value)
    monkeypatch.setattr(distill.heads, "FITS", 2)
    return distill, tmp_path


@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(small):
    distill, folder = small
    distill.main(None)
    whole = weights.load(folder / "out.h5")
    saved = (folder / "work" / "state.msgpack").read_bytes()
    (folder / "work" / "state.msgpack").unlink()
    save, kept = distill.save_state, []
    distill.save_state = lambda number, state: (
        save(number, state) if number == 2 else kept.append(number)
    )
    try:
        distill.main(None)  # its last state is not saved, as if it had been stopped after two steps
    finally:
        distill.save_state = save
    distill.main(None)
    assert kept == [4]
    assert (folder / "work" / "state.msgpack").read_bytes() == saved
    again = weights.load(folder / "out.h5")
    jax.tree.map(np.testing.assert_array_equal, whole.variables, again.variables)


def test_batches_are_a_function_of_seed_and_step(distill):
    photographs = [np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)]
    first, again, other = (distill.crops.batch(photographs, 0, 3, 32, step) for step in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (3, 32, 32, 3) and first.min() >= 0 and first.max() <= 1
    assert np.abs(first - other).max() > 0.1


def test_drawn_images_have_the_range_and_type_of_images(distill):
    for picture in distill.crops.drawn.PICTURES:
        for seed in range(3):
            image = picture(np.random.default_rng(seed), 40)
            assert image.shape == (40, 40, 3) and image.dtype == np.float32
            assert image.min() >= 0 and image.max() <= 1 and image.std() > 0


def test_pivots_span_the_other_columns(distill):
    rng = np.random.default_rng(0)
    rows = np.zeros((200, 6))
    rows[:, [1, 3, 4]] = rng.standard_normal((200, 3))
    rows[:, [0, 2, 5]] = rows[:, [1, 3, 4]] @ np.array([[0.3, 0, 0], [0, 0.2, 0], [0, 0, 0.1]])
    chosen = distill.students.pivots(rows, 3)
    assert np.linalg.matrix_rank(rows[:, chosen]) == 3


def test_regression_is_least_squares(distill):
    x, y = np.random.default_rng(0).standard_normal((2, 50, 4)).astype(np.float32)
    head = distill.heads.regression(*distill.heads.second_moments(jnp.asarray(x), jnp.asarray(y)))
    np.testing.assert_allclose(head, np.linalg.lstsq(x, y, rcond=None)[0], atol=1e-3)


@pytest.mark.slow
def test_adding_batch_norm_only_scales_channels(distill):
    student = distill.students.student_network([4, 5, 6])
    variables = random_init.random_weights("student", student.shapes(), student.pooling).variables
    images = np.random.default_rng(0).random((3, 32, 40, 3), np.float32)
    network = student.clone(batch_norm=True, layers=(*student.layers, "bn2_1"))

    def features(network, variables):
        return jax.jit(jax.vmap(network.apply, (None, 0)))(variables, images)

    normed = features(network, distill.students.with_batch_norm(student, variables, images))
    plain = features(student, variables)
    for layer in student.layers:
        energy = jnp.mean(plain[layer] ** 2, (0, 1, 2))
        alive = energy > 1e-4
        np.testing.assert_allclose(
            normed[layer][..., alive],
            (plain[layer] / jnp.sqrt(energy))[..., alive],
            rtol=0.02,
            atol=0.01,
        )
