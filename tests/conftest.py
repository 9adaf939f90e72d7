"""What several tests share."""

import os
import signal
import tempfile

import numpy as np
import pytest

CACHE = tempfile.TemporaryDirectory(
    prefix="jaxtex-xla-"
)  # for the commands of one session; the user's own stays as it is
os.environ["JAX_COMPILATION_CACHE_DIR"] = CACHE.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = (
    "0"  # the small ones, too, as the command has it
)

# What a script starts in the background ignores Ctrl-C, and so would all that the tests start and send it to.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def exemplar():
    """A small texture, `[48, 64, 3]`: blobs of two colours."""
    rows, columns = np.mgrid[:48, :64]
    t = 0.5 + 0.5 * np.sin(rows / 2.1) * np.cos(columns / 3.3)
    return (t[..., None] * [0.8, 0.5, 0.2] + (1 - t[..., None]) * [0.1, 0.3, 0.6]).astype(
        np.float32
    )
