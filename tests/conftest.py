"""Fixtures and environment that all tests share."""

import gc
import os
import signal
import tempfile

import numpy as np
import pytest

# Commands under test share a cache of compiled programs; the user's own stays unchanged. Workers of
# pytest-xdist inherit it from the process that starts them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    CACHE = tempfile.TemporaryDirectory(prefix="jaxtex-xla-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = CACHE.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"  # as in the command

# A shell starts background jobs with SIGINT ignored. The processes that tests start would inherit
# that and ignore the Ctrl-C that tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish():
    """Collects garbage once, where pytest looks at everything that is compiled five times."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def exemplar():
    """A small texture, `[48, 64, 3]`: blobs of two colors."""
    rows, columns = np.mgrid[:48, :64]
    weight = 0.5 + 0.5 * np.sin(rows / 2.1) * np.cos(columns / 3.3)
    orange = weight[..., None] * [0.8, 0.5, 0.2]
    blue = (1 - weight[..., None]) * [0.1, 0.3, 0.6]
    return (orange + blue).astype(np.float32)
