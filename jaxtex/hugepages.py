"""Memory in pages of 2 MB where Linux gives them to those who ask: a step on CPU takes a tenth less time.

XLA takes fresh memory for every step (140 MB for VGG-16-BN at 256 px) and gives it back: in pages of 4 kB these are 35,000
page faults. glibc asks for larger pages if a variable of the environment says so when the process begins.
"""

import os
import pathlib
import sys

VARIABLE, VALUE = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
GIVEN = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")


def ask() -> None:
    """Begins the command anew, as the same process, with that variable; not where it is set or would change nothing.

    Reference: the GNU C Library's manual, "Memory Allocation Tunables". A library that does not know it is as it was.
    """
    if VARIABLE not in os.environ and _given_to_those_who_ask() and pathlib.Path(sys.argv[0]).is_file():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, VARIABLE: VALUE})


def _given_to_those_who_ask() -> bool:
    try:
        return "[madvise]" in GIVEN.read_text()
    except OSError:
        return False
