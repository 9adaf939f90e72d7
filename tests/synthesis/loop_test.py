"""What a step is made of, that all ways to run it agree, and that it lowers every loss."""

import threading
import time
import types

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
LOOPS = ("while", "cond", "scan")


def plan_of(exemplar, **choices):
    return api.build_plan(exemplar, configs.Config(**(SMALL | choices)))


def stepper(plan):
    return stepping.build_step(plan.problems[0], plan.optimizer)


def first_state(plan):
    return optimizers.init_state(plan.optimizer, jnp.asarray(plan.start))


def operations(jaxpr, inside=()):
    """Every operation of a program, with the names of the operations that it stands in."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name, inside
        for value in jax.tree.leaves(
            equation.params, is_leaf=lambda leaf: hasattr(leaf, "jaxpr") or hasattr(leaf, "eqns")
        ):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from operations(inner, (*inside, equation.primitive.name))


def heavy(names):
    return [name for name in names if name in ("conv_general_dilated", "dot_general")]


def test_a_step_holds_one_evaluation_and_no_loop(exemplar, monkeypatch):
    traced = []
    monkeypatch.setattr(networks.VGG, "_layer", counted(networks.VGG._layer, traced))
    plan = plan_of(exemplar, layers="relu1_1,relu2_1")
    traced.clear()
    program = jax.make_jaxpr(stepper(plan))(first_state(plan), plan.problems[0].data(0))
    assert (
        traced == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1", "relu2_1"] * 2
    )  # for each octave
    found = list(operations(program.jaxpr))
    assert heavy(name for name, _ in found)
    assert not heavy(name for name, inside in found if set(inside) & set(LOOPS))


def counted(function, calls):
    def counting(self, name, x):
        calls.append(name)
        return function(self, name, x)

    return counting


@pytest.mark.skipif(
    jax.__version_info__ >= (0, 11), reason="there YNNPACK's products go over all cores"
)
def test_no_product_of_a_step_goes_over_one_core(exemplar):
    plan = plan_of(exemplar)
    compiled = compilation.lower(plan, plan.problems[0]).compile()
    assert "__ynn_fusion" not in compiled.as_text()


def test_the_network_is_traced_once_for_each_shape(exemplar, monkeypatch):
    traced = []
    monkeypatch.setattr(networks.VGG, "_layer", counted(networks.VGG._layer, traced))
    plan = plan_of(exemplar, scales=2, size=64)
    traced.clear()
    loop.run(plan)
    assert traced.count("conv1_1") == 2 * 2  # two scales, two octaves


def test_nothing_of_the_data_is_a_constant_of_the_program(exemplar):
    plan = plan_of(exemplar)
    program = jax.make_jaxpr(stepper(plan))(first_state(plan), plan.problems[0].data(0))
    constants = [np.asarray(constant) for constant in program.consts]
    assert all(
        constant.dtype.kind in "bi" and constant.size < 130 for constant in constants
    )  # numbers of rows, and masks


@pytest.mark.parametrize(
    "statistic", [name for name, make in statistics.STATISTICS.items() if not make().critic]
)
@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_three_steps_of_any_optimiser_lower_any_loss(exemplar, optimizer, statistic):
    plan = plan_of(exemplar, optimizer=optimizer, statistic=statistic)
    chunk = compilation.build_chunk(plan, plan.problems[0], looped=False)()
    state = jax.tree.map(jnp.copy, first_state(plan))
    _, infos = chunk(state, plan.problems[0].data(0), 4)
    assert infos.loss[3] < infos.evaluated[0]


def test_freed_memory_is_returned_after_compiling_and_after_the_first_step(exemplar, monkeypatch):
    plan = plan_of(exemplar)
    data, calls = plan.problems[0].data(0), []
    lower = compilation.lower

    class Lowered:
        """A step whose calls are recorded."""

        def __init__(self, *arguments):
            self.compiled = lower(*arguments).compile()

        def compile(self):
            return lambda *arguments: calls.append("step") or self.compiled(*arguments)

    monkeypatch.setattr(compilation, "lower", Lowered)
    monkeypatch.setattr(compilation.malloc, "trim", lambda: calls.append("trim"))
    chunk = compilation.build_chunk(plan, plan.problems[0], looped=False)()
    for _ in range(2):
        chunk(jax.tree.map(jnp.copy, first_state(plan)), data, 2)
    assert calls == ["trim", "step", "trim", "step", "step", "step"]


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_our_loop_and_the_devices_and_a_batch_agree(exemplar, optimizer):
    plan = plan_of(exemplar, optimizer=optimizer)
    step, data = stepper(plan), plan.problems[0].data(0)
    fresh = lambda: jax.tree.map(jnp.copy, first_state(plan))
    ours, infos = compilation.build_chunk(plan, plan.problems[0], looped=False)()(fresh(), data, 4)
    devices, devices_infos = compilation.build_chunk(plan, plan.problems[0], looped=True)()(
        fresh(), data, 4
    )
    np.testing.assert_allclose(devices.image, ours.image, atol=2e-3)
    np.testing.assert_allclose(devices_infos.loss, infos.loss, rtol=1e-2)
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), fresh())
    advance = jax.jit(jax.vmap(step, (0, None)))
    for _ in range(4):
        batch, _ = advance(batch, data)
    np.testing.assert_allclose(batch.image[1], ours.image, atol=2e-3)


def test_the_same_seed_gives_the_same_image_bit_for_bit(exemplar):
    once, again, other = (
        jaxtex.synthesize(exemplar, **(SMALL | {"seed": seed})) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1e-3


def test_observers_see_every_step_once(exemplar):
    seen = []
    jaxtex.synthesize(
        exemplar, observe=seen.append, **(SMALL | {"scales": 2, "size": 64, "num_steps": 11})
    )
    assert [progress.step for progress in seen] == [
        3,
        5,
        6,
        9,
        11,
    ]  # every third, and where a scale ends
    assert sum(len(progress.infos.loss) for progress in seen) == 11


def test_scales_get_what_their_shares_are_of_the_steps(exemplar):
    seen, choices = [], SMALL | {"scales": 2, "size": 64, "num_steps": 11}
    jaxtex.synthesize(exemplar, observe=seen.append, **choices, shares="3, 8")
    assert [(progress.step, len(progress.image)) for progress in seen] == [
        (3, 32),
        (6, 64),
        (9, 64),
        (11, 64),
    ]


@pytest.mark.parametrize("height, width", [(0, 0), (41, 67), (96, 33)])
def test_the_result_has_the_size_asked_for(exemplar, height, width):
    image = jaxtex.synthesize(
        exemplar, **(SMALL | {"height": height, "width": width, "num_steps": 2})
    )
    assert image.shape == (height or 48, width or 64, 3)
    assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1


@pytest.mark.parametrize("network", ["vgg16", "vgg16_bn"])
def test_every_network_of_the_family_synthesises(exemplar, network):
    choices = SMALL | {"layers": "relu1_2", "network": network, "weights": "random", "num_steps": 3}
    assert np.isfinite(jaxtex.synthesize(exemplar, **choices)).all()


def test_a_loop_of_ones_own_sees_what_an_observer_sees(exemplar):
    choices, seen = SMALL | {"scales": 2, "size": 64, "num_steps": 11, "height": 70}, []
    result = jaxtex.synthesize(exemplar, observe=seen.append, **choices)
    looped = list(jaxtex.iterate(exemplar, **choices))
    assert [progress.step for progress in looped] == [progress.step for progress in seen]
    np.testing.assert_array_equal(looped[-1].image, result)
    for progress in jaxtex.iterate(exemplar, **choices):
        assert progress.step == 3
        break


def test_data_is_drawn_anew_at_every_third_step_and_as_it_was_first_at_each_scale(exemplar):
    plan = plan_of(exemplar, statistic="sorted:samples=40", scales=2, size=64, renew_every=3)
    asked = []

    def watched(number, problem):
        return problem._replace(
            data=lambda epoch: asked.append((number, epoch)) or problem.data(epoch)
        )

    problems = [watched(number, problem) for number, problem in enumerate(plan.problems)]
    loop.run(plan._replace(problems=problems))
    # Both programs are traced for the shapes of their data; then, of eight steps, the second scale
    # takes those from the fifth on.
    assert asked == [(0, 0), (1, 0), (0, 0), (0, 1), (1, 0), (1, 2)]


def test_chunks_of_any_length_are_one_program_and_end_at_the_same_image(exemplar):
    plan = plan_of(exemplar)
    chunk, ends = compilation.build_chunk(plan, plan.problems[0], looped=True)(), []
    for lengths in ((6,), (1, 3, 2)):
        state, losses = jax.tree.map(jnp.copy, first_state(plan)), []
        for length in lengths:
            state, infos = chunk(state, plan.problems[0].data(0), length)
            losses += infos.evaluated.tolist()
        ends.append((np.asarray(state.image), losses))
    np.testing.assert_array_equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1] and len(set(ends[0][1])) == 6 and 0 not in ends[0][1]


@pytest.mark.parametrize(("backend", "at_once"), [("cpu", 1), ("gpu", 3)])
def test_elsewhere_all_scales_are_compiled_at_once(backend, at_once, monkeypatch):
    lock, going, most = threading.Lock(), [0], [0]

    def compiled():
        with lock:
            going[0] += 1
            most[0] = max(most[0], going[0])
        time.sleep(0.3)
        going[0] -= 1
        return lambda state, data, length: state

    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(compilation, "build_chunk", lambda plan, problem, looped: compiled)
    with loop.compile_chunks(types.SimpleNamespace(problems=range(3))) as chunks:
        results = [chunk(number, None, 1) for number, chunk in enumerate(chunks)]
    assert results == [0, 1, 2]
    assert most == [at_once]
