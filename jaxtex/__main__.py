"""The command, from its first moment on: signals are heard while the rest is still being loaded."""

import gc

from jaxtex import signals

ALLOCATIONS = 1_000_000  # between two looks for garbage: imports and tracing make little, and each look costs .03 s


def entry() -> None:
    """The console script."""
    gc.set_threshold(ALLOCATIONS)
    signals.listen()
    try:
        from jaxtex import main, traces

        with traces.kept(True):
            main.entry()
    finally:
        signals.close()


if __name__ == "__main__":
    entry()
