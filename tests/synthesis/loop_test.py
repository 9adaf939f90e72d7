"""Tests of the step and the loop: what a step contains, and that all ways to run it agree."""

import threading
import time
import types
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import networks, optimizers, statistics
from jaxtex.synthesis import api, compilation, loop, stepping
from jaxtex.synthesis import config as configs

SMALL = {
    "size": 48,
    "scales": 1,
    "octaves": 2,
    "layers": "relu1_1",
    "num_steps": 8,
    "save_every": 3,
}
TWO_SCALES = SMALL | {"scales": 2, "size": 64, "num_steps": 11}
LOOPS = ("while", "cond", "scan")
HEAVY = ("conv_general_dilated", "dot_general")


def build_plan(exemplar, **choices):
    return api.build_plan(exemplar, configs.Config(**(SMALL | choices)))


def build_step(plan):
    return stepping.build_step(plan.problems[0], plan.optimizer)


def init_state(plan):
    """Returns a state with its own buffers, which can be donated."""
    state = optimizers.init_state(plan.optimizer, jnp.asarray(plan.start))
    return jax.tree.map(jnp.copy, state)


def compile_chunk(plan, looped):
    return compilation.build_chunk(plan, plan.problems[0], looped=looped)()


def operations(jaxpr, inside=()):
    """Yields the name of every operation of a program, with those that it is nested in.

    Branches for platforms count as operations of the program itself: compiling leaves one of them.
    """
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        yield name, inside
        nested = inside if equation.params.get("branches_platforms") else (*inside, name)
        values = jax.tree.leaves(
            equation.params, is_leaf=lambda leaf: hasattr(leaf, "jaxpr") or hasattr(leaf, "eqns")
        )
        for value in values:
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from operations(inner, nested)


@pytest.fixture
def traced_layers(monkeypatch):
    """Names of the layers that are traced, in order."""
    names = []
    layer = networks.VGG._layer

    def record(self, name, x):
        names.append(name)
        return layer(self, name, x)

    monkeypatch.setattr(networks.VGG, "_layer", record)
    return names


def test_a_step_evaluates_the_network_once_and_outside_of_loops(exemplar, traced_layers):
    plan = build_plan(exemplar, layers="relu1_1,relu2_1")
    data = plan.problems[0].data(0)
    traced_layers.clear()
    program = jax.make_jaxpr(build_step(plan))(init_state(plan), data)
    once = ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1", "relu2_1"]
    assert traced_layers == once * 2  # two octaves

    heavy = [inside for name, inside in operations(program.jaxpr) if name in HEAVY]
    assert heavy
    assert not any(set(inside) & set(LOOPS) for inside in heavy)


@pytest.mark.slow
def test_the_network_is_traced_once_for_each_scale(exemplar, traced_layers):
    plan = build_plan(exemplar, scales=2, size=64)
    for problem in plan.problems:
        problem.data(0)
    traced_layers.clear()
    loop.run(plan)
    assert traced_layers.count("conv1_1") == 2 * 2  # two scales, two octaves


@pytest.mark.slow
@pytest.mark.skipif(
    jax.__version_info__ >= (0, 11), reason="YNNPACK uses all cores from JAX 0.11 on"
)
def test_no_product_of_a_step_runs_on_a_single_core(exemplar):
    plan = build_plan(exemplar)
    compiled = compilation.lower(plan, plan.problems[0]).compile()
    assert "__ynn_fusion" not in compiled.as_text()


def test_no_data_is_a_constant_of_the_program(exemplar):
    plan = build_plan(exemplar)
    program = jax.make_jaxpr(build_step(plan))(init_state(plan), plan.problems[0].data(0))
    for constant in map(np.asarray, program.consts):
        # Indices of rows, and masks.
        assert constant.dtype.kind in "bi" and constant.size < 130


def test_data_is_computed_once_for_each_draw(exemplar):
    (problem,) = build_plan(exemplar, statistic="sliced_wasserstein").problems
    first = problem.data(0)
    assert problem.data(0) is first
    assert problem.data(1) is not first


@pytest.mark.slow
@pytest.mark.parametrize(
    "statistic", [name for name, make in statistics.STATISTICS.items() if not make().critic]
)
@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_three_steps_of_any_optimizer_lower_any_loss(exemplar, optimizer, statistic):
    plan = build_plan(exemplar, optimizer=optimizer, statistic=statistic, init="spectrum")
    chunk = compile_chunk(plan, looped=False)
    _, infos = chunk(init_state(plan), plan.problems[0].data(0), 4)
    assert infos.loss[3] < infos.evaluated[0]


@pytest.mark.slow
def test_freed_memory_is_returned_before_compiling_and_before_the_first_two_steps(
    exemplar, monkeypatch
):
    plan = build_plan(exemplar)
    data = plan.problems[0].data(0)
    calls = []
    lower = compilation.lower

    class Lowered:
        """A step whose calls are recorded."""

        def __init__(self, *arguments):
            self.compiled = lower(*arguments).compile()

        def compile(self):
            calls.append("compile")
            return self.step

        def step(self, *arguments):
            calls.append("step")
            return self.compiled(*arguments)

    monkeypatch.setattr(compilation, "lower", Lowered)
    monkeypatch.setattr(compilation.malloc, "trim", lambda: calls.append("trim"))
    chunk = compile_chunk(plan, looped=False)
    for _ in range(2):
        chunk(init_state(plan), data, 2)
    assert calls == ["trim", "compile", "trim", "trim", "step", "trim", "step", "step", "step"]


def test_the_program_of_a_finished_scale_is_forgotten(exemplar, monkeypatch):
    plan = build_plan(exemplar, scales=2, size=64, num_steps=4)
    built = []
    alive = []

    def build_chunk(*_):
        def chunk(state, data, length):
            alive.append([each() is not None for each in built])
            return state, stepping.Info(*np.zeros((len(stepping.Info._fields), length)))

        built.append(weakref.ref(chunk))
        return lambda: chunk

    monkeypatch.setattr(compilation, "build_chunk", build_chunk)
    loop.run(plan)
    assert alive[0][0]
    assert alive[-1] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_python_loop_device_loop_and_vmap_agree(exemplar, optimizer):
    plan = build_plan(exemplar, optimizer=optimizer)
    data = plan.problems[0].data(0)
    state, infos = compile_chunk(plan, looped=False)(init_state(plan), data, 4)
    looped, looped_infos = compile_chunk(plan, looped=True)(init_state(plan), data, 4)
    np.testing.assert_allclose(looped.image, state.image, atol=2e-3)
    np.testing.assert_allclose(looped_infos.loss, infos.loss, rtol=1e-2)

    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), init_state(plan))
    step = jax.jit(jax.vmap(build_step(plan), (0, None)))
    for _ in range(4):
        batch, _ = step(batch, data)
    np.testing.assert_allclose(batch.image[1], state.image, atol=2e-3)


@pytest.mark.slow
def test_device_loops_of_any_length_give_the_same_image(exemplar):
    plan = build_plan(exemplar)
    chunk = compile_chunk(plan, looped=True)
    images, losses = [], []
    for lengths in ((6,), (1, 3, 2)):
        state = init_state(plan)
        evaluated = []
        for length in lengths:
            state, infos = chunk(state, plan.problems[0].data(0), length)
            evaluated += infos.evaluated.tolist()
        images.append(np.asarray(state.image))
        losses.append(evaluated)
    np.testing.assert_array_equal(images[0], images[1])
    assert losses[0] == losses[1]
    assert len(set(losses[0])) == 6 and 0 not in losses[0]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_image_bit_for_bit(exemplar):
    first, same, other = (
        jaxtex.synthesize(exemplar, **(SMALL | {"seed": seed})) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-3


@pytest.mark.slow
def test_observers_receive_every_step_once(exemplar):
    observed = []
    jaxtex.synthesize(exemplar, observe=observed.append, **TWO_SCALES)
    # Every third step, and the last one of each scale.
    assert [progress.step for progress in observed] == [3, 5, 6, 9, 11]
    assert sum(len(progress.infos.loss) for progress in observed) == 11


@pytest.mark.slow
def test_steps_are_divided_by_the_shares(exemplar):
    observed = []
    jaxtex.synthesize(exemplar, observe=observed.append, **TWO_SCALES, shares="3, 8")
    steps = [(progress.step, len(progress.image)) for progress in observed]
    assert steps == [(3, 32), (6, 64), (9, 64), (11, 64)]


@pytest.mark.slow
@pytest.mark.parametrize("height, width", [(0, 0), (41, 67), (96, 33)])
def test_the_result_has_the_requested_size(exemplar, height, width):
    choices = SMALL | {"height": height, "width": width, "num_steps": 2}
    image = jaxtex.synthesize(exemplar, **choices)
    assert image.shape == (height or 48, width or 64, 3)
    assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("network", ["vgg16", "vgg16_bn"])
def test_every_network_of_the_family_synthesizes(exemplar, network):
    choices = SMALL | {"layers": "relu1_2", "network": network, "weights": "random", "num_steps": 3}
    assert np.isfinite(jaxtex.synthesize(exemplar, **choices)).all()


@pytest.mark.slow
def test_iterate_yields_what_an_observer_receives(exemplar):
    choices = TWO_SCALES | {"height": 70}
    observed = []
    result = jaxtex.synthesize(exemplar, observe=observed.append, **choices)
    yielded = list(jaxtex.iterate(exemplar, **choices))
    assert [progress.step for progress in yielded] == [progress.step for progress in observed]
    np.testing.assert_array_equal(yielded[-1].image, result)


@pytest.mark.slow
def test_iterate_may_be_abandoned(exemplar):
    progress = next(jaxtex.iterate(exemplar, **TWO_SCALES))
    assert (progress.step, progress.num_steps) == (3, 11)


@pytest.mark.slow
def test_samples_are_drawn_again_every_few_steps_and_at_each_scale(exemplar):
    plan = build_plan(exemplar, statistic="sorted:samples=40", scales=2, size=64, renew_every=3)
    requested = []  # (index of the problem, number of draws)

    def record(index, problem):
        def data(draws):
            requested.append((index, draws))
            return problem.data(draws)

        return problem._replace(data=data)

    problems = [record(index, problem) for index, problem in enumerate(plan.problems)]
    loop.run(plan._replace(problems=problems))
    # Tracing needs the shapes of draw 0; the second scale is traced in a thread. The first scale
    # takes the steps 1 to 4 and the second the steps 5 to 8; a scale begins with draw 0, whatever
    # its first step.
    draws = [[number for scale, number in requested if scale == index] for index in (0, 1)]
    assert draws == [[0, 0, 1], [0, 0, 2]]


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "expected"), [("cpu", 1), ("gpu", 3)])
def test_scales_are_compiled_one_by_one_on_a_cpu_and_at_once_elsewhere(
    backend, expected, monkeypatch
):
    lock = threading.Lock()
    running = 0
    most = 0

    def compile_step():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.3)
        with lock:
            running -= 1
        return lambda state, data, length: state

    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(compilation, "build_chunk", lambda plan, problem, looped: compile_step)
    with compilation.compile_chunks(types.SimpleNamespace(problems=range(3))) as chunks:
        results = [chunk(number, None, 1) for number, chunk in enumerate(chunks)]
    assert results == [0, 1, 2]
    assert most == expected


def test_traces_are_forgotten_between_the_last_tracing_and_its_compiling(monkeypatch):
    calls = []

    def build_chunk(plan, problem, looped):
        calls.append(f"trace {problem}")
        return lambda: calls.append(f"compile {problem}") or (lambda state, data, length: state)

    monkeypatch.setattr(compilation, "build_chunk", build_chunk)
    monkeypatch.setattr(compilation.malloc, "forget_traces", lambda: calls.append("forget"))
    with compilation.compile_chunks(types.SimpleNamespace(problems=[1, 2])) as chunks:
        assert [chunk(number, None, 1) for number, chunk in enumerate(chunks)] == [0, 1]
    assert calls == ["trace 1", "compile 1", "trace 2", "forget", "compile 2"]


@pytest.mark.slow
def test_settings_of_the_callers_thread_hold_at_each_scale(exemplar, monkeypatch):
    precisions = []
    build_step = stepping.build_step

    def recorded(*arguments):
        precisions.append(jax.config.jax_default_matmul_precision)
        return build_step(*arguments)

    monkeypatch.setattr(stepping, "build_step", recorded)
    with jax.default_matmul_precision("highest"):
        loop.run(build_plan(exemplar, scales=2, size=64, num_steps=2))
    assert precisions == ["highest", "highest"]
