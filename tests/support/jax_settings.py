"""Settings of JAX with which people look for mistakes in their own code.

`STRICT` are those that change how a program is traced, all at once: tracing alone shows whether it
passes. The others change what happens when a program runs.
"""

import contextlib

import jax
import numpy as np

SMALL = {"size": 32, "octaves": 1, "layers": "relu1_1", "num_steps": 2, "save_every": 1}
SETTINGS = {
    "enable_x64": lambda: jax.enable_x64(True),
    "numpy_rank_promotion": lambda: jax.numpy_rank_promotion("raise"),
    "numpy_dtype_promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "debug_nans": lambda: jax.debug_nans(True),
    "debug_infs": lambda: jax.debug_infs(True),
    "checking_leaks": jax.checking_leaks,
    "disable_jit": jax.disable_jit,
    "transfer_guard": lambda: jax.transfer_guard("disallow"),
    "default_device": lambda: jax.default_device(jax.devices()[0]),
    "default_matmul_precision": lambda: jax.default_matmul_precision("bfloat16"),
    "default_prng_impl": lambda: jax.default_prng_impl("rbg"),
    "threefry_partitionable": lambda: jax.threefry_partitionable(False),
}
STRICT = ("enable_x64", "numpy_rank_promotion", "numpy_dtype_promotion", "checking_leaks")
CHECKS = ("debug_nans", "debug_infs")


@contextlib.contextmanager
def use(*names):
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(SETTINGS[name]())
        yield


def assert_equals_the_usual(name, setting, make, results, tolerance=1e-6):
    if name not in results:
        results[name] = make()
    with use(*setting):
        result = make()
    assert np.asarray(result).dtype == np.asarray(results[name]).dtype
    np.testing.assert_allclose(result, results[name], atol=tolerance)


def dtypes(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), tree)
