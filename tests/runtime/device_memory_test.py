"""Estimates of memory by backend."""

import jax
import pytest

from jaxtex.runtime import device_memory


@pytest.mark.parametrize(
    ("backend", "copies"), [("cpu", 1.5), ("gpu", 1.5), ("tpu", 2), ("another", 4)]
)
def test_a_step_needs_several_copies_of_its_features(backend, copies, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(device_memory, "available_bytes", lambda: 1e6)
    assert device_memory.fits(0.99e6 / copies) and not device_memory.fits(1.01e6 / copies)
