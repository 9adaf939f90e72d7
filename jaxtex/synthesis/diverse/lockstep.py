"""A chunk of a batch whose images have a program each, and end each step together."""

from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtex import optimizers
from jaxtex.synthesis import compilation, stepping


def build_chunk(
    chunk: compilation.Chunk, batch_axes: Any, workers: futures.Executor
) -> compilation.Chunk:
    """Builds the chunk of a batch from that of one image.

    Args:
      chunk: of one image.
      batch_axes: of the problem, see `stepping.Problem`.
      workers: run the images, several at a time.

    Returns:
      A chunk whose state and data have a first axis of images where `batch_axes` has one.
    """

    def run(
        state: optimizers.State, data: Any, length: int
    ) -> tuple[optimizers.State, stepping.Info]:
        def run_one(index: int) -> tuple[optimizers.State, stepping.Info]:
            with jax.transfer_guard("allow"):
                own = _take(state, index)
                return chunk(own, _take_shared(data, batch_axes, index), length)

        number = len(state.step)
        running = [workers.submit(run_one, index) for index in range(number)]
        states, infos = zip(*(each.result() for each in running), strict=True)
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        return stacked, jax.tree.map(lambda *leaves: np.stack(leaves, 1), *infos)

    return run


def _take(tree: Any, index: int) -> Any:
    """Returns one image's part of arrays with a first axis of images; own buffers."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _take_shared(tree: Any, batch_axes: Any, index: int) -> Any:
    """Returns one image's part of arrays, of which the images share some."""

    def take(axis: int | None, part: Any) -> Any:
        return part if axis is None else _take(part, index)

    return jax.tree.map(take, batch_axes, tree, is_leaf=lambda axis: axis is None)
