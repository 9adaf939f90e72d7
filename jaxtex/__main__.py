"""The command, from its first moment on: signals are heard while the rest is still being loaded."""

import gc

from jaxtex.runtime import preemption

ALLOCATIONS = 1_000_000  # between two looks for garbage: imports and tracing make little, and each look costs .03 s


def entry() -> None:
    """The console script."""
    gc.set_threshold(ALLOCATIONS)
    preemption.install()
    try:
        from jaxtex.cli import main
        from jaxtex.runtime import export_cache

        with export_cache.kept(True):
            main.entry()
    finally:
        preemption.ignore_signals()


if __name__ == "__main__":
    entry()
