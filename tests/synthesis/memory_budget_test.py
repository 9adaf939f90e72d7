"""Tests of rematerialization, the bytes of features, and limits of memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors
from jaxtex.runtime import device_memory, xla_options
from jaxtex.synthesis import (
    api,
    compilation,
    input_images,
    memory_budget,
    objectives,
    settings,
    stepping,
)
from jaxtex.synthesis import config as configs

QUICK = {"size": 48, "scales": 1, "octaves": 2, "num_steps": 30, "save_every": 30}


def build_spec(exemplar, **choices):
    parsed = settings.parse_settings(configs.Config(**(QUICK | choices)))
    return objectives.build_loss(input_images.build_inputs([exemplar], None, parsed), parsed, [])


@pytest.mark.slow
def test_rematerialization_changes_no_number_and_keeps_only_pooled_features(exemplar):
    config = configs.Config(**QUICK | {"octaves": 1, "layers": "relu1_2,relu3_1"})
    (problem,) = api.build_plan(exemplar, config).problems
    image, data = jnp.asarray(exemplar), problem.data(0)
    results = {}
    for remat in ("none", "all"):
        loss_fn = memory_budget.rematerialize(problem.loss_fn, remat, 0)
        evaluate = jax.value_and_grad(lambda x, loss_fn=loss_fn: loss_fn(x, data, ())[0])
        results[remat] = jax.jit(evaluate)(image)
        program = str(jax.make_jaxpr(loss_fn)(image, data, ()))
        assert ("checkpoint" in program or "remat" in program) == (remat == "all")
    for one, other in zip(results["none"], results["all"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other devices order by themselves")
def test_reading_the_loss_after_the_gradient_saves_memory_and_changes_no_bit(exemplar, monkeypatch):
    temporary_bytes, images = {}, {}
    for late in (True, False):
        if not late:
            monkeypatch.setattr(
                memory_budget, "evaluate_after", lambda gradient, values, step: values
            )
        plan = api.build_plan(exemplar, configs.Config(size=256, scales=1, num_steps=1))
        (problem,) = plan.problems
        compiled = compilation.lower(plan, problem).compile()
        temporary_bytes[late] = compiled.memory_analysis().temp_size_in_bytes
        state = stepping.init_state(plan, problem, plan.start)
        images[late] = np.asarray(compiled(state, problem.data(0))[0].trial)
    assert temporary_bytes[True] < 0.9 * temporary_bytes[False]
    np.testing.assert_array_equal(images[True], images[False])


def test_auto_rematerializes_if_memory_is_short(monkeypatch):
    monkeypatch.setattr(device_memory, "free_bytes", lambda: 1e6)
    assert memory_budget.REMATS["auto"](1e6) and not memory_budget.REMATS["auto"](1e5)


@pytest.mark.parametrize("precision, value_bytes", [("float32", 4), ("bfloat16", 2)])
def test_features_take_the_bytes_of_their_dtype(exemplar, precision, value_bytes):
    spec = build_spec(exemplar, precision=precision)
    values = 0
    for octave in range(2):
        for channels, halvings in ((64, 0), (160, 1), (480, 2)):
            reduction = 2 ** (octave + halvings)
            values += 2 * channels * (48 // reduction) * (64 // reduction)
    assert memory_budget.feature_bytes(spec, 48, 64) == value_bytes * values


def test_a_run_that_cannot_fit_is_an_error(exemplar, monkeypatch):
    config = configs.Config(**QUICK)
    needed = memory_budget.feature_bytes(build_spec(exemplar), 48, 64)
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.setattr(device_memory, "available_bytes", lambda: needed)
    api.build_plan(exemplar, config)
    monkeypatch.setattr(device_memory, "available_bytes", lambda: needed - 1)
    with pytest.raises(errors.UserError, match="--height and --width 0.82 times as large would"):
        api.build_plan(exemplar, configs.Config(**QUICK, strips="none"))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="compiler options are for CPU only")
def test_programs_of_large_exemplars_are_compiled_well(exemplar, monkeypatch):
    spec = build_spec(exemplar)
    exemplars = [exemplar] * 3
    total = 3 * memory_budget.feature_bytes(spec, *exemplar.shape[:2])
    for limit, often in ((total, True), (total + 1, False)):
        monkeypatch.setattr(memory_budget, "WELL_COMPILED_BYTES", limit)
        options = memory_budget.extraction_options(spec, exemplars)
        assert options == xla_options.compiler_options(often=often)
    assert xla_options.compiler_options(often=True) != xla_options.compiler_options(often=False)


@pytest.mark.parametrize("side, multiple, expected", [(1, 4, 4), (4, 4, 4), (5, 4, 8), (7, 1, 7)])
def test_round_up(side, multiple, expected):
    assert memory_budget.round_up(side, multiple) == expected
