"""Entry point of the command `jaxtex`. Signal handlers are installed before JAX is imported."""

import gc

from jaxtex.runtime import preemption

GC_THRESHOLD = 1_000_000  # allocations per collection: imports and tracing create little garbage


def entry() -> None:
    """Runs the console script."""
    gc.set_threshold(GC_THRESHOLD)
    preemption.install()
    try:
        from jaxtex.cli import main

        main.entry()
    finally:
        preemption.ignore_signals()


if __name__ == "__main__":
    entry()
