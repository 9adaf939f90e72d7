"""Public functions, metrics and the command run under the settings of `support.jax_settings`."""

import os
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxtex
from jaxtex import metrics, optimizers
from jaxtex.runtime import threads
from jaxtex.synthesis import api, batches, config
from support.jax_settings import (
    CHECKS,
    SETTINGS,
    SMALL,
    STRICT,
    assert_equals_the_usual,
    dtypes,
    use,
)

for_each_setting = pytest.mark.parametrize("setting", SETTINGS)
for_each_metric = pytest.mark.parametrize("name", metrics.METRICS)


@pytest.fixture(scope="module")
def results():
    """Results without any setting, by name."""
    return {}


@pytest.mark.parametrize(
    "setting",
    [
        name if name == "debug_nans" else pytest.param(name, marks=pytest.mark.slow)
        for name in SETTINGS
    ],
)
def test_a_synthesis_is_the_same_under_each_setting(setting, exemplar, results):
    optimizer = "gd" if setting == "disable_jit" else "lbfgs"  # operation by operation, faster
    choices = SMALL | {"optimizer": optimizer}
    assert_equals_the_usual(
        optimizer, [setting], lambda: jaxtex.synthesize(exemplar, **choices), results
    )


def assert_functions_run(objective):
    image = jax.device_put(objective.start)
    pair = jax.device_put(np.stack([objective.start, objective.start]))
    value, gradient = jax.jit(jax.value_and_grad(objective.loss))(image, objective.data)
    values = jax.jit(jax.vmap(objective.loss, (0, None)))(pair, objective.data)
    assert value.dtype == values.dtype == gradient.dtype == jnp.float32
    assert values.shape == (2,)
    assert jax.jit(objective.features)(image, objective.data)["relu1_1"].dtype == jnp.float32
    return value, np.abs(gradient).sum()


@pytest.mark.slow
def test_built_functions_run_under_the_users_transformations(exemplar):
    expected = assert_functions_run(jaxtex.build(exemplar, **SMALL))
    with use(*STRICT, *CHECKS, "transfer_guard"):
        found = assert_functions_run(jaxtex.build(exemplar, **SMALL))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
def test_a_built_loss_is_as_wide_as_the_image(exemplar):
    with use(*STRICT):
        objective = jaxtex.build(exemplar, **SMALL, tv_weight=0.1, spectrum_weight=0.1)
        for dtype in (jnp.float32, jnp.float64):
            image = jax.ShapeDtypeStruct(objective.start.shape, dtype)
            function = jax.value_and_grad(objective.loss)
            loss, gradient = jax.eval_shape(function, image, objective.data)
            assert loss.dtype == gradient.dtype == dtype


@pytest.mark.slow
@for_each_setting
def test_our_lbfgs_runs_under_each_setting(setting):
    def loss(params):
        return jnp.sum((params["x"] - 3.0) ** 2) + (params["y"] + 1.0) ** 4

    solver = optimizers.lbfgs()

    def step(params, state):
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = solver.update(grads, state, params, value=value)
        return optax.apply_updates(params, updates), state

    start = {"x": np.zeros(2, np.float32), "y": np.zeros((), np.float32)}
    params = jax.device_put(start)
    with use(setting):
        state = jax.jit(solver.init)(params)
        step = jax.jit(step)
        for _ in range(4):
            params, state = step(params, state)
    assert dtypes(params) == dtypes(start)
    assert 0 < state.best_loss < 19


@pytest.mark.slow
def test_our_lbfgs_makes_no_special_numbers_operation_by_operation():
    solver = optimizers.lbfgs(history=2)
    params = jnp.zeros(2)
    with use(*CHECKS):
        state = solver.init(params)
        for value in (4.0, 4.0, 1.0, 1.0):  # refused, then accepted, then refused
            updates, state = solver.update(params - 3.0, state, params, value=value)
            params = params + updates
    assert jnp.isfinite(params).all()


@pytest.mark.slow
@for_each_metric
def test_metrics_are_the_same_under_all_settings(name, exemplar):
    pair = exemplar[:40, :40], exemplar[4:44, 2:42]
    expected = metrics.METRICS[name](*pair)
    other = exemplar[:40, :40].copy(), exemplar[4:44, 2:42] * np.float32(1 - 2**-20)  # not cached
    with use(*STRICT, *CHECKS, "transfer_guard"):
        assert metrics.METRICS[name](*other) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_batch_keeps_the_settings_of_the_callers_thread(exemplar):
    plans = api.build_batch([exemplar], config.Config(**SMALL), 2)
    observed = []
    with jax.enable_x64(True):
        for _ in batches.run(plans, [lambda _: observed.append(jax.config.jax_enable_x64)] * 2):
            observed.append(jax.config.jax_enable_x64)
    assert len(observed) == 6 and all(observed)


def test_work_stays_in_the_callers_thread_if_others_have_other_settings():
    with threads.executor(2) as workers:
        assert workers.submit(threading.get_ident).result() != threading.get_ident()
    with jax.enable_x64(not jax.config.jax_enable_x64), threads.executor(2) as workers:
        assert workers.submit(threads.settings).result() == threads.settings()
        with pytest.raises(ZeroDivisionError):
            workers.submit(lambda: 1 / 0).result()


@pytest.mark.slow
@pytest.mark.parametrize("choices", [(), ("--optimizer=adam", "--statistic=discriminator")])
def test_the_command_runs_with_settings_in_the_environment(choices, tmp_path):
    variables = {
        "JAX_ENABLE_X64": "1",
        "JAX_NUMPY_RANK_PROMOTION": "raise",
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
        "JAX_DEBUG_NANS": "1",
        "JAX_DEBUG_INFS": "1",
        "JAX_TRANSFER_GUARD": "disallow",
    }
    pictures = []
    for number, added in enumerate(({}, variables)):
        command = [sys.executable, "-m", "jaxtex", "--style=pebbles", "--size=64", "--num_steps=4"]
        command += ["--scales=2", "--save_every=2", f"--workdir={tmp_path / str(number)}", *choices]
        done = subprocess.run(command, env=os.environ | added, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        pictures.append(jaxtex.load_image(str(tmp_path / str(number) / "result.png")))
    np.testing.assert_allclose(pictures[0], pictures[1], atol=1 / 255)
