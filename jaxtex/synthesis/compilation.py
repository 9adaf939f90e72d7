"""Compiled steps: traced, compiled, and placed on devices.

On a CPU, Python calls the program of one step again and again: XLA's CPU backend runs convolutions
inside loops several times slower. On other devices one program runs several steps.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import jax
import numpy as np

from jaxtex import errors, optimizers
from jaxtex.runtime import malloc, sharding, threads, xla_options
from jaxtex.synthesis import stepping

MAX_LOOP_STEPS = 10  # steps of one device loop; between two loops a run can be saved or stopped

# (state, data, length) -> (state, infos [length]); the state passed in is donated
Chunk = Callable[[optimizers.State, Any, int], tuple[optimizers.State, stepping.Info]]


@contextlib.contextmanager
def compile_chunks(plan: stepping.Plan) -> Iterator[list[Chunk]]:
    """Yields the chunks of a plan's problems, compiled in threads.

    The first problem is traced here. The others are traced and compiled while it runs: on a CPU one
    after the other, on other devices all at once, since the host has little else to do.
    """
    looped = jax.default_backend() != "cpu"
    settings = threads.settings()
    first, *others = plan.problems

    def build_in_thread(problem: stepping.Problem) -> Chunk | None:
        if threads.settings() != settings:
            return None
        build = build_chunk(plan, problem, looped)
        if problem is others[-1] and not looped:
            malloc.forget_traces()
        return build()

    def awaited(future: futures.Future, problem: stepping.Problem) -> Chunk:
        return _awaited(future, functools.partial(build_chunk, plan, problem, looped))

    workers = futures.ThreadPoolExecutor(len(plan.problems) if looped else 1)
    try:
        chunks = [awaited(workers.submit(build_chunk(plan, first, looped)), first)]
        chunks += [awaited(workers.submit(build_in_thread, other), other) for other in others]
        yield chunks
    finally:
        workers.shutdown(wait=False, cancel_futures=True)


def _awaited(future: futures.Future, build: Callable[[], Callable[[], Chunk]]) -> Chunk:
    """Returns a chunk that waits until it is compiled, or is built in the caller's thread."""

    @functools.cache
    def wait() -> Chunk:
        return future.result() or build()()

    def chunk(state, data, length):
        return wait()(state, data, length)

    return chunk


def used_once(chunks: list[Chunk]) -> Iterator[Chunk]:
    """Yields each chunk and forgets it: the memory of its program is free in the next scale."""
    while chunks:
        yield chunks.pop(0)


@jax.transfer_guard("allow")
def build_chunk(
    plan: stepping.Plan, problem: stepping.Problem, looped: bool
) -> Callable[[], Chunk]:
    """Traces the steps of a problem and returns a function that compiles them.

    Tracing happens here, in the caller's thread, where the caller's JAX settings hold. The returned
    function may be called in another thread. With `jax.disable_jit`, nothing is compiled: each
    operation of a step runs by itself.

    Args:
      plan: the synthesis.
      problem: one of the plan's problems.
      looped: True runs up to `MAX_LOOP_STEPS` steps on the device in each call.

    Returns:
      A function without arguments that returns the `Chunk`.
    """
    if jax.config.jax_disable_jit:
        step = _step(plan, problem)
        return lambda: _python_loop(step)
    with _named_error():
        lowered = lower_loop(plan, problem) if looped else lower(plan, problem)

    def build() -> Chunk:
        malloc.trim()  # memory of tracing
        return (_device_loop if looped else _python_loop)(lowered.compile())

    return build


@contextlib.contextmanager
def _named_error() -> Iterator[None]:
    """Explains why an optimizer that wants second derivatives, such as sophia, has none."""
    try:
        yield
    except TypeError as error:
        if "custom_vjp" not in str(error):
            raise
        raise errors.UserError(
            "--optimizer: this one needs forward-mode derivatives, which the convolutions for a "
            "CPU do not have; use it with the functions of jaxtex.build"
        ) from error


def lower_loop(plan: stepping.Plan, problem: stepping.Problem) -> jax.stages.Lowered:
    """Traces a loop of steps that runs on the device.

    Args:
      plan: the synthesis.
      problem: one of the plan's problems.

    Returns:
      `(state, data, length) -> (state, infos [MAX_LOOP_STEPS])`, not compiled yet; the state passed
      in is donated.
    """
    loop = stepping.build_loop(_step(plan, problem), MAX_LOOP_STEPS)
    mesh = sharding.build_mesh(plan.layout, problem.row_devices)
    state = stepping.state_shapes(plan, problem)
    data = data_shapes(problem)
    shardings: dict[str, Any] = {}
    if mesh:
        of_state, of_data = _shardings(plan, problem, mesh, state, data)
        replicated = sharding.replicated(mesh)
        shardings["in_shardings"] = (of_state, of_data, replicated)
        shardings["out_shardings"] = (of_state, replicated)

    with sharding.use_mesh(mesh):
        return jax.jit(loop, donate_argnums=0, **shardings).lower(state, data, np.int32(0))


def lower(plan: stepping.Plan, problem: stepping.Problem) -> jax.stages.Lowered:
    """Traces a single step.

    Args:
      plan: the synthesis.
      problem: one of the plan's problems.

    Returns:
      `(state, data) -> (state, info)`, not compiled yet; the state passed in is donated.
    """
    mesh = sharding.build_mesh(plan.layout, problem.row_devices)
    state = stepping.state_shapes(plan, problem)
    data = data_shapes(problem)
    options: dict[str, Any] = {"compiler_options": xla_options.compiler_options(often=True)}
    if mesh:
        of_state, of_data = _shardings(plan, problem, mesh, state, data)
        options["in_shardings"] = (of_state, of_data)
        options["out_shardings"] = (of_state, sharding.replicated(mesh))

    with sharding.use_mesh(mesh):
        return jax.jit(_step(plan, problem), donate_argnums=0, **options).lower(state, data)


def data_shapes(problem: stepping.Problem) -> Any:
    """Returns the shape and dtype of each array of the problem's data."""
    return jax.eval_shape(lambda data: data, problem.data(0))


def _step(plan: stepping.Plan, problem: stepping.Problem) -> stepping.Step:
    """Returns the step of one image, or of the plan's batch."""
    step = stepping.build_step(problem, plan.optimizer, plan.remat, max(1, plan.batch))
    return jax.vmap(step, (0, problem.batch_axes)) if plan.batch else step


def _shardings(
    plan: stepping.Plan,
    problem: stepping.Problem,
    mesh: jax.sharding.Mesh,
    state: optimizers.State,
    data: Any,
) -> tuple[Any, Any]:
    """Returns the shardings of state and data on several devices."""
    shape = (problem.height, problem.width, plan.start.shape[-1])
    batch = bool(plan.batch)
    of_state = sharding.state_shardings(mesh, state, shape, batch)
    of_data = sharding.data_shardings(mesh, data, problem.batch_axes, batch)
    return of_state, of_data


def put(
    plan: stepping.Plan, problem: stepping.Problem, state: optimizers.State, data: Any
) -> tuple[optimizers.State, Any]:
    """Places state and data on the devices that the steps of a problem use.

    Args:
      plan: the synthesis.
      problem: one of the plan's problems.
      state: a state of this problem.
      data: the problem's data.
    """
    mesh = sharding.build_mesh(plan.layout, problem.row_devices)
    if mesh is None:
        return state, data
    return sharding.put((state, data), _shardings(plan, problem, mesh, state, data))


def _device_loop(compiled: jax.stages.Compiled) -> Chunk:
    """Returns a chunk that runs all of its steps in one call of the program."""

    def chunk(state, data, length):
        state, infos = compiled(state, data, np.int32(length))
        return state, jax.tree.map(lambda leaf: leaf[:length], jax.device_get(infos))

    return chunk


def _python_loop(compiled: Callable[..., tuple[optimizers.State, stepping.Info]]) -> Chunk:
    """Returns a chunk that calls the program of one step for each step."""
    malloc.trim()  # memory of loading and compiling
    trims = 2  # of the scale before; the second step may not fit into what the first one freed

    def chunk(state, data, length):
        nonlocal trims
        infos = []
        for _ in range(length):
            if trims:
                malloc.trim()
                trims -= 1
            state, info = compiled(state, data)
            infos.append(info)
        return state, jax.tree.map(lambda *leaves: np.stack(leaves), *infos)

    return chunk
