"""Times of functions, interleaved so that a slow phase of the machine hits all of them."""

import time
from collections.abc import Callable

import numpy as np


def medians(
    functions: dict[str, Callable[[], object]], turns: int = 15, warm_up: int = 0
) -> dict[str, float]:
    """Calls all functions in turns and returns the median seconds of each.

    A first turn is not counted.

    Args:
      functions: by name.
      turns: number of turns.
      warm_up: calls before each timed one, which leave the caches as a loop would.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(turns + 1):
        for name, function in functions.items():
            for _ in range(warm_up):
                function()
            start = time.perf_counter()
            function()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}
