"""The steps of a problem as programs: traced, compiled, and laid onto devices.

On CPU a step is two programs, its halves, for two are compiled sooner side by side; a Python loop takes it again and again,
for XLA's CPU runs convolutions inside loops several times slower. Elsewhere a program takes several steps, without a word
to Python in between.
"""

import functools
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxtex import optimizers
from jaxtex.runtime import export_cache, malloc, sharding, xla_options
from jaxtex.synthesis import stepping

LONGEST = 10  # steps of a program that takes several: after them a run can be saved, and told to leave

Chunk = Callable[[optimizers.State, Any, int], tuple[optimizers.State, stepping.Info]]


class Compiled(NamedTuple):
    """A step in two programs; the state that it is given is used up."""

    evaluate: jax.stages.Compiled
    advance: jax.stages.Compiled

    def __call__(self, state: optimizers.State, data: Any) -> tuple[optimizers.State, stepping.Info]:
        """One evaluation further, as `stepping.build_step`."""
        return stepping.joined(*self)(state, data)


class Lowered(NamedTuple):
    """Both halves of a step, traced."""

    evaluate: jax.stages.Lowered
    advance: jax.stages.Lowered

    def compile(self) -> Compiled:
        """Both at once."""
        with futures.ThreadPoolExecutor(1) as beside:
            advance = beside.submit(self.advance.compile)
            return Compiled(self.evaluate.compile(), advance.result())


def build_chunk(plan: stepping.Plan, problem: stepping.Problem, looped: bool) -> Callable[[], Chunk]:
    """Several steps in one call, `(state, data, length) -> (state, infos [length])`; the state given is used up.

    Args:
      plan: what to make, and how.
      problem: one of the plan's.
      looped: whether the device goes from step to step itself, at most `LONGEST` in a call.

    Returns:
      A function that compiles the steps for this problem and returns them. It may be called in another thread: tracing
      is done here, where the caller's settings of JAX hold, and compiling lets other threads run.
    """
    lowered = (lower_loop if looped else lower)(plan, problem)
    return lambda: (_looped if looped else _repeated)(lowered.compile())


def lower_loop(plan: stepping.Plan, problem: stepping.Problem) -> jax.stages.Lowered:
    """Several steps, traced, `(state, data, length) -> (state, infos [LONGEST])`: one program, however many they are."""
    spread, state = sharding.mesh(plan.layout, problem.rows), stepping.shapes_of_state(plan, problem)
    placed = {}
    if spread:
        (of_state, of_data), everywhere = _shardings(plan, problem, spread, state), sharding.everywhere(spread)
        placed = {"in_shardings": (of_state, of_data, everywhere), "out_shardings": (of_state, everywhere)}
    several = stepping.several(stepping.joined(*halves(plan, problem)), LONGEST)
    return _on(spread, jax.jit(several, donate_argnums=0, **placed).lower)(state, problem.shapes, np.int32(0))


def lower(plan: stepping.Plan, problem: stepping.Problem) -> Lowered:
    """A single step, traced; `lower(...).compile()(state, data)` takes it, and uses the state up."""
    spread, state = sharding.mesh(plan.layout, problem.rows), stepping.shapes_of_state(plan, problem)
    of_evaluate, of_advance = _placed(plan, problem, spread, state) if spread else ({}, {})
    made_of = f"{problem.made_of} {problem.axes} {plan.batch} {plan.remat}" if problem.made_of else ""

    def half(function: Callable, *arguments: Any, **jitting) -> jax.stages.Lowered:
        jitted = export_cache.jit(function, arguments, made_of, compiler_options=xla_options.options(often=True), **jitting)
        return _on(spread, jitted.lower)(*arguments)

    evaluate, advance = halves(plan, problem)
    evaluated = half(evaluate, state.trial, state.critic, state.step, problem.shapes, **of_evaluate)
    found, _ = evaluated.out_info
    return Lowered(evaluated, half(advance, state._replace(critic=()), found, donate_argnums=0, **of_advance))


def halves(plan: stepping.Plan, problem: stepping.Problem) -> tuple[stepping.Evaluate, stepping.Advance]:
    """The halves of a plan's step: of a batch, if it is one."""
    evaluate, advance = stepping.build_halves(problem, plan.optimizer, plan.remat, max(1, plan.batch))
    return (jax.vmap(evaluate, (0, 0, 0, problem.axes)), jax.vmap(advance)) if plan.batch else (evaluate, advance)


def _placed(
    plan: stepping.Plan, problem: stepping.Problem, spread: jax.sharding.Mesh, state: optimizers.State
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Where arguments and results of both halves lie on several devices, as `jax.jit` takes it."""
    of_state, of_data = _shardings(plan, problem, spread, state)
    everywhere = sharding.everywhere(spread)
    found, alone = stepping.Found(everywhere, of_state.trial, everywhere), of_state._replace(critic=())
    seen = of_state.trial, of_state.critic, of_state.step, of_data
    return (
        {"in_shardings": seen, "out_shardings": (found, of_state.critic)},
        {"in_shardings": (alone, found), "out_shardings": (alone, everywhere)},
    )


def _shardings(plan: stepping.Plan, problem: stepping.Problem, spread: jax.sharding.Mesh, state: Any) -> tuple[Any, Any]:
    shape, batch = (problem.height, problem.width, plan.start.shape[-1]), bool(plan.batch)
    of_data = sharding.of_data(spread, problem.shapes, problem.axes, batch)
    return sharding.of_images(spread, state, shape, batch), of_data


def _on(spread: jax.sharding.Mesh | None, function: Callable) -> Callable:
    def on_the_mesh(*arguments):
        with sharding.on(spread):
            return function(*arguments)

    return on_the_mesh


def place(
    plan: stepping.Plan, problem: stepping.Problem, state: optimizers.State | None, data: Any
) -> tuple[optimizers.State | None, Any]:
    """State and data where the problem's steps want them."""
    spread = sharding.mesh(plan.layout, problem.rows)
    if spread is None:
        return state, data
    return sharding.place((state, data), _shardings(plan, problem, spread, state))


def _looped(compiled: jax.stages.Compiled) -> Chunk:
    def loop(state, data, length):
        state, infos = compiled(state, data, np.int32(length))
        return state, jax.tree.map(lambda leaf: leaf[:length], jax.device_get(infos))

    return loop


def _repeated(compiled: Compiled) -> Chunk:
    malloc.give_back()  # what loading and compiling have left
    settle = functools.cache(malloc.give_back)  # once: the second step may take its memory where the first has not

    def loop(state, data, length):
        infos = []
        for _ in range(length):
            state, info = compiled(state, data)
            settle()
            infos.append(info)
        return state, jax.tree.map(lambda *leaves: np.stack(leaves), *infos)

    return loop
