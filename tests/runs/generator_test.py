"""Test of `experiments/generator.py`: a texture network that is trained on the loss of `build`."""

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import images
from support import paths


@pytest.fixture(scope="module")
def generator():
    """The experiment's module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(paths.ROOT / "experiments"), *sys.path])
        yield importlib.import_module("generator")


@pytest.mark.slow
def test_pictures_of_any_size_that_tile(generator):
    noise = generator.draw(jax.random.key(0), 2, 32)
    assert [each.shape[1] for each in noise] == [2, 4, 8, 16, 32]
    weights = jax.jit(generator.Generator().init)(jax.random.key(1), noise)
    generate = jax.jit(generator.Generator().apply)
    made = generate(weights, noise)
    assert made.shape == (2, 32, 32, 3) and made.min() > 0 and made.max() < 1

    # Circular padding: noise that is moved by the coarsest cell gives a picture that is moved.
    moved = [jnp.roll(each, each.shape[1] // 2, 2) for each in noise]
    expected = jnp.roll(made, 16, 2)
    np.testing.assert_allclose(generate(weights, moved), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_steps_leave_a_sheet_and_a_table(generator, tmp_path, monkeypatch):
    monkeypatch.chdir(paths.ROOT)
    small = {"SIZE": 64, "SHOWN": 32, "SEEDS": (1, 2), "SYNTHESIS": {"num_steps": 2}}
    for name, value in small.items():
        monkeypatch.setattr(generator, name, value)
    rows = generator.demonstrate(tmp_path, crop=32, steps=2, large=48)
    assert all(np.isfinite(row["found"]) for row in rows)
    assert images.load(tmp_path / "sheet.png").shape[1] == 64 + 3 * 32 + 3 * 8
