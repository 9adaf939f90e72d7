"""A command's steps find the memory that those before them have freed."""

import platform
import subprocess
import sys

import jax
import pytest

# Its matrix takes 100 MB: more than glibc keeps by itself, and more than it keeps for a thread.
PROGRAM = """
import resource
import jax, jax.numpy as jnp
from jaxtex.runtime import malloc as heap

{before}
step = jax.jit(lambda x: jnp.cos(jnp.outer(x, x)) @ x).lower(jnp.ones(5000)).compile()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
given = []
for _ in range(30):  # beside other processes some are given new memory
    {between}
    began = faults()
    step(jnp.ones(5000)).block_until_ready()
    given.append(faults() - began)
print(min(given))
"""
# What the thread takes goes beyond its first heap of 64 MB each time.
IN_A_THREAD = """
import resource
from concurrent import futures
import jax, numpy as np
from jaxtex.runtime import malloc as heap

{before}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def steps():
    beside = np.ones(45 * 2**17)
    for _ in range(30):
        {between}
        began = faults()
        np.ones(40 * 2**17)
        yield faults() - began

print(min(futures.ThreadPoolExecutor(1).submit(lambda: list(steps())).result()))
"""
FEW = 20  # in pages of 2 MB it is 50
GLIBC = platform.libc_ver()[0] == "glibc"
pytestmark = pytest.mark.skipif(
    jax.default_backend() != "cpu" or not GLIBC, reason="of glibc's memory, and the CPU's"
)


def faults(
    before: str = "heap.keep_freed_memory()", between: str = "pass", program: str = PROGRAM
) -> int:
    """How many pages a step is given by the system: the fewest of some, for other memory may lie in the way."""
    line = [sys.executable, "-c", program.format(before=before, between=between)]
    return int(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("program", [PROGRAM, IN_A_THREAD], ids=["alone", "in a thread"])
def test_what_a_step_frees_is_kept_for_the_next(program):
    assert faults(program=program) < FEW < faults("pass", program=program)


def test_what_is_given_back_is_gone():
    assert faults(between="heap.trim()") > FEW
