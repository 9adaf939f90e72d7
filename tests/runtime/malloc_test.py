"""Tests of the C library's memory: the steps of a command use what the steps before them freed."""

import platform
import subprocess
import sys

import jax
import pytest

# The matrix takes 100 MB: glibc keeps less by itself, also for a thread.
IN_MAIN_THREAD = """
import resource
import jax, jax.numpy as jnp
from jaxtex.runtime import malloc

{before}
step = jax.jit(lambda x: jnp.cos(jnp.outer(x, x)) @ x).lower(jnp.ones(5000)).compile()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
counts = []
for _ in range(15):  # beside other processes, some steps need new memory
    {between}
    start = faults()
    step(jnp.ones(5000)).block_until_ready()
    counts.append(faults() - start)
print(min(counts))
"""
# The thread needs more than its first heap of 64 MB each time.
IN_A_THREAD = """
import resource
from concurrent import futures
import jax, numpy as np
from jaxtex.runtime import malloc

{before}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def steps():
    kept = np.ones(45 * 2**17)
    for _ in range(15):
        {between}
        start = faults()
        np.ones(40 * 2**17)
        yield faults() - start

print(min(futures.ThreadPoolExecutor(1).submit(lambda: list(steps())).result()))
"""
FORGETTING = """
import jax
from jaxtex.runtime import malloc

calls = []
jax.clear_caches = lambda: calls.append("clear")
malloc.forget_traces()
print(len(calls))
for _ in range(2):
    malloc.keep_freed_memory()
    malloc.forget_traces()
    print(len(calls))
"""
FEW = 20  # page faults of a step that reuses memory; 100 MB in pages of 2 MB are 50
GLIBC = platform.libc_ver()[0] == "glibc"
pytestmark = pytest.mark.skipif(
    jax.default_backend() != "cpu" or not GLIBC, reason="for glibc and CPU only"
)


def count_page_faults(
    before="malloc.keep_freed_memory()", between="pass", program=IN_MAIN_THREAD
) -> int:
    """Returns the page faults of a step: the fewest of some, as other memory may be in the way."""
    command = [sys.executable, "-c", program.format(before=before, between=between)]
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(process.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("program", [IN_MAIN_THREAD, IN_A_THREAD], ids=["main", "thread"])
def test_memory_that_a_step_frees_is_kept_for_the_next(program):
    assert count_page_faults(program=program) < FEW
    assert count_page_faults(before="pass", program=program) > FEW


@pytest.mark.slow
def test_trim_returns_memory_to_the_system():
    assert count_page_faults(between="malloc.trim()") > FEW


@pytest.mark.slow
def test_a_command_forgets_the_traces_of_its_first_run_only():
    process = subprocess.run(
        [sys.executable, "-c", FORGETTING], check=True, capture_output=True, text=True
    )
    assert process.stdout.split() == ["0", "1", "1"]
