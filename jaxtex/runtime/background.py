"""What is done once, in threads of its own; what programs give has its shapes before it is there.

So a step is traced and compiled while kernels get their form and exemplars are looked at.
"""

import functools
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import jax

from jaxtex.runtime import malloc


class Ahead(NamedTuple):
    """A tree that will be there."""

    shapes: Any  # the tree, with `jax.ShapeDtypeStruct` in place of arrays
    result: Callable[[], Any]  # the tree, waited for if need be; raises what its program has raised

    def placed(self, place: Callable[[Any], Any]) -> "Ahead":
        """What a function makes of it that looks at no array, only puts it into its place."""
        return Ahead(shapes(place(self.shapes)), lambda: place(self.result()))


def run(jitted: jax.stages.Wrapped, *arguments: Any) -> Ahead:
    """Begins a program, which is traced here, where the caller's settings of JAX hold."""
    lowered = jitted.lower(*arguments)
    return Ahead(shapes(lowered.out_info), begin(_run, lowered, arguments))


def begin(function: Callable, *arguments: Any) -> Callable[[], Any]:
    """Begins what is no program; returns what waits for the result, or raises what was raised."""
    return _threads().submit(function, *arguments).result


def given(tree: Any) -> Ahead:
    """What is there already."""
    return Ahead(shapes(tree), lambda: tree)


def shapes(tree: Any) -> Any:
    """Of arrays, or of shapes."""
    return jax.eval_shape(lambda leaves: leaves, tree)


@functools.cache
def _threads() -> futures.ThreadPoolExecutor:
    return futures.ThreadPoolExecutor(2)  # such as kernels, and exemplars


def _run(lowered: jax.stages.Lowered, arguments: tuple) -> Any:
    found = jax.block_until_ready(lowered.compile()(*arguments))
    malloc.trim()  # what compiling and features have left
    return found
