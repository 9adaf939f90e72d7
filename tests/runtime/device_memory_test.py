"""Tests of the memory of devices and of this process."""

import jax
import numpy as np
import pytest

from jaxtex.runtime import device_memory


@pytest.mark.parametrize(
    ("backend", "copies"), [("cpu", 1.5), ("gpu", 1.5), ("tpu", 2), ("another", 4)]
)
def test_a_step_needs_several_copies_of_its_features(backend, copies, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(device_memory, "available_bytes", lambda: 1e6)
    assert device_memory.fits(0.99e6 / copies) and not device_memory.fits(1.01e6 / copies)


@pytest.mark.parametrize("backend, expected", [("cpu", True), ("gpu", False)])
def test_features_alone_exceed_memory_on_a_cpu_only(backend, expected, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(device_memory, "available_bytes", lambda: 1e6)
    assert device_memory.exceeds_memory(1.01e6) == expected
    assert not device_memory.exceeds_memory(0.99e6)


def test_a_gpu_reports_its_free_bytes(monkeypatch):
    class Device:
        def memory_stats(self):
            return {"bytes_limit": 100, "bytes_in_use": 30, "peak_bytes_in_use": 50}

    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "devices", lambda: [Device()])
    assert device_memory.free_bytes() == device_memory.available_bytes() == 70
    assert device_memory.peak_bytes() == 50


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="a device counts its own memory")
def test_the_peak_of_a_process_includes_what_it_has_freed():
    before = device_memory.resident_bytes()
    values = np.ones(2**24)
    held = device_memory.resident_bytes()
    del values
    assert held >= before + 2**26
    assert device_memory.peak_bytes() >= held - 2**22  # the counters of the system are not exact
    assert 0 < device_memory.available_bytes()
