"""The command, from its first moment on: signals are heard while the rest is still being loaded."""

from jaxtex import hugepages, signals


def entry() -> None:
    """The console script."""
    hugepages.ask()
    signals.listen()
    try:
        from jaxtex import main

        main.entry()
    finally:
        signals.close()


if __name__ == "__main__":
    entry()
