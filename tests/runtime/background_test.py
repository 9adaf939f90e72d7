"""What is not there yet has its shapes; what goes wrong is raised where it is waited for."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors, statistics
from jaxtex.losses import targets
from jaxtex.runtime import background, xla_options
from jaxtex.synthesis import compilation, config, memory_budget, planning, stepping

SMALL = {
    "size": 48,
    "scales": 1,
    "octaves": 1,
    "network": "shallow",
    "weights": "random",
    "num_steps": 2,
}
ON_CPU = pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="compilers' options are of the CPU alone"
)


@pytest.fixture
def gate(monkeypatch):
    """Nothing runs ahead before it is set."""
    gate, runs = threading.Event(), background._run

    def wait(*given):
        assert gate.wait(60)
        return runs(*given)

    monkeypatch.setattr(background, "_run", wait)
    yield gate
    gate.set()


def test_shapes_come_first(gate):
    found = background.run(jax.jit(lambda x: {"sum": x.sum(), "twice": (2 * x,)}), jnp.arange(3.0))
    assert found.shapes == {
        "sum": jax.ShapeDtypeStruct((), "float32"),
        "twice": (jax.ShapeDtypeStruct((3,), "float32"),),
    }
    gate.set()
    np.testing.assert_array_equal(found.result()["twice"][0], [0, 2, 4])
    assert found.result()["sum"] == 3


def test_it_runs_as_the_caller_has_set_it(gate):
    with jax.enable_x64(True):
        found = background.run(jax.jit(lambda x: x + 1), jnp.arange(3, dtype="float64"))
    gate.set()
    assert found.shapes.dtype == found.result().dtype == "float64"


def test_what_is_only_put_into_its_place(gate):
    found = background.run(jax.jit(jnp.cos), np.zeros(2, np.float32)).placed(
        lambda x: {"cos": x, "there": np.ones((2, 3), "f")}
    )
    assert (found.shapes["cos"].shape, found.shapes["there"].shape) == ((2,), (2, 3))
    gate.set()
    np.testing.assert_array_equal(found.result()["cos"], [1, 1])
    assert background.given(found.result()).shapes == found.shapes


@pytest.mark.parametrize(
    "wrong", [{"init": "nothing.png"}, {"init": "nois"}, {"remat": "some"}, {"shares": "1,2"}]
)
def test_a_slip_is_told_before_anything_runs(wrong, monkeypatch):
    """Who has to mend it should not wait for what has begun."""
    run = []
    monkeypatch.setattr(background, "_run", lambda *given: run.append(given))
    style = np.random.default_rng(0).random((48, 48, 3), np.float32)
    with pytest.raises(errors.UserError, match="|".join(wrong.values())):
        planning.build_plan(style, config.Config(**SMALL, **wrong))
    assert not run


def test_an_error_is_raised_to_who_waits():
    def fail(x):
        raise OSError("no such thing")

    failing = lambda x: jax.pure_callback(fail, jax.ShapeDtypeStruct((), "float32"), x)
    found = background.run(jax.jit(failing), np.float32(1))
    for _ in range(2):
        with pytest.raises(jax.errors.JaxRuntimeError, match="no such thing"):
            found.result()


def test_a_step_is_traced_before_the_exemplar_is_seen(gate, exemplar):
    plan = planning.build_plan(exemplar, config.Config(**SMALL))
    lowered = compilation.lower(plan, plan.problems[0])
    gate.set()
    _, info = lowered.compile()(
        stepping.init_state(plan, plan.problems[0]), plan.problems[0].data(0)
    )
    assert np.isfinite(info.loss)


@pytest.mark.parametrize("name", statistics.STATISTICS)
def test_the_shapes_are_those_of_the_data(name, exemplar):
    optimizer = "adam" if statistics.STATISTICS[name]().critic else "lbfgs"
    (problem,) = planning.build_plan(
        exemplar, config.Config(**SMALL, statistic=name, optimizer=optimizer)
    ).problems
    assert problem.shapes == background.shapes(problem.data(0))


def test_what_is_drawn_first_is_drawn_once(exemplar, monkeypatch):
    drawn, summarise = [], targets.base.summarize
    monkeypatch.setattr(
        targets.base, "summarise", lambda *given: drawn.append(1) or summarise(*given)
    )
    (problem,) = planning.build_plan(
        exemplar, config.Config(**SMALL, statistic="sliced_wasserstein")
    ).problems
    problem.data(0), problem.data(0)
    assert len(drawn) == 1
    problem.data(1)
    assert len(drawn) == 2


@ON_CPU
def test_much_to_look_at_is_worth_compiling_well(exemplar, monkeypatch):
    made = config.Config(**SMALL)
    loss = planning.build_loss(planning.input_images.build_inputs([exemplar], None, made), made)
    several = [exemplar] * 3
    whole = 3 * memory_budget.feature_bytes(loss, *exemplar.shape[:2])
    for most, well in ((whole, True), (whole + 1, False)):
        monkeypatch.setattr(memory_budget, "MANY_BYTES", most)
        assert memory_budget.extraction_options(loss, several) == xla_options.compiler_options(
            often=well
        )
    assert xla_options.compiler_options(often=True) != xla_options.compiler_options(often=False)


def test_a_program_is_cut_into_a_part_for_each_core(monkeypatch):
    for cores, parts in [(1, 1), (2, 2), (96, 32)]:
        monkeypatch.setattr(xla_options, "available_cores", lambda cores=cores: cores)
        assert (
            xla_options.compiler_options(often=True)["xla_cpu_parallel_codegen_split_count"]
            == parts
        )
