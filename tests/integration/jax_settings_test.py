"""Everything runs under the settings of JAX with which people look for mistakes in their own code.

`STRICT` are those that change how a program is traced, all at once: tracing alone shows whether it
passes. The others change what happens when a program runs.
"""

import contextlib
import functools
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
from jaxtex import metrics, optimizers, statistics
from jaxtex.runtime import threads
from jaxtex.synthesis import (
    api,
    batches,
    compilation,
    config,
    input_images,
    planning,
    settings,
    stepping,
)

SMALL = {"size": 32, "octaves": 1, "layers": "relu1_1", "num_steps": 2, "save_every": 1}
SETTINGS = {
    "enable_x64": lambda: jax.enable_x64(True),
    "numpy_rank_promotion": lambda: jax.numpy_rank_promotion("raise"),
    "numpy_dtype_promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "debug_nans": lambda: jax.debug_nans(True),
    "debug_infs": lambda: jax.debug_infs(True),
    "checking_leaks": jax.checking_leaks,
    "disable_jit": jax.disable_jit,
    "transfer_guard": lambda: jax.transfer_guard("disallow"),
    "default_device": lambda: jax.default_device(jax.devices()[0]),
    "default_matmul_precision": lambda: jax.default_matmul_precision("bfloat16"),
    "default_prng_impl": lambda: jax.default_prng_impl("rbg"),
    "threefry_partitionable": lambda: jax.threefry_partitionable(False),
}
STRICT = ("enable_x64", "numpy_rank_promotion", "numpy_dtype_promotion", "checking_leaks")
CHECKS = ("debug_nans", "debug_infs")

for_each_setting = pytest.mark.parametrize("setting", SETTINGS)
for_each_metric = pytest.mark.parametrize("name", metrics.METRICS)

# Name -> choices; "style" and "content" are made from the exemplar.
CASES = {
    "adam": {"optimizer": "adam"},
    "gd": {"optimizer": "gd"},
    "optax": {"optimizer": optax.lbfgs()},
    "three blocks": {"octaves": 2, "layers": "relu1_2,pool2,relu3_1", "size": 48},
    "batch norm": {"network": "vgg16_bn", "weights": "random", "layers": "conv1_2,bn1_2"},
    "average pooling": {"pooling": "avg", "layers": "pool1", "padding": "reflect/wrap"},
    "filters": {"network": "steerable", "layers": "", "octaves": 2},
    "bfloat16": {"precision": "bfloat16", "layers": "relu1_1,relu2_1"},
    "strips": {"strips": "16"},
    "tile": {"tile": "xy"},
    "other terms": {"tv_weight": 0.1, "spectrum_weight": 0.1, "excite": "relu1_1:2"},
    "content": {"content": True, "preserve_color": "luminance"},
    "content norm": {"content": True, "content_norm": "plain", "preserve_color": "match"},
    "alpha": {"style": "alpha"},
    "gray": {"style": "gray"},
    "masks": {"style": "two", "masks": "halves"},
    "styles": {"style": "two", "statistic": "sorted+gram", "style_weights": [1, 3]},
    "norms": {"statistic": "gram:norm=gatys+gram:norm=plain+gram:norm=unsquared"},
    "linear critic": {
        "statistic": "discriminator:form=logistic:penalty=spectral",
        "optimizer": "adam",
    },
    "quadratic critic": {
        "statistic": "discriminator:form=quadratic:loss=minimax",
        "optimizer": "adam",
    },
    **{
        name: {"statistic": name, "optimizer": "adam" if make().critic else "lbfgs"}
        for name, make in statistics.STATISTICS.items()
    },
}
QUICK = ("bures",)


@contextlib.contextmanager
def use(*names):
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(SETTINGS[name]())
        yield


def choices_of(case, exemplar):
    """Returns style, content and choices of a case."""
    choices = SMALL | CASES.get(case, {})
    exemplar = exemplar[:, :48]
    styles = {
        "alpha": np.concatenate([exemplar, exemplar[..., :1]], -1),
        "gray": np.repeat(exemplar[..., :1], 3, -1),
        "two": [exemplar, exemplar[:, ::-1]],
    }
    style = styles.get(choices.pop("style", ""), exemplar)
    content = exemplar[::-1] if choices.pop("content", False) else None
    if choices.get("masks"):
        left = np.repeat((np.arange(32) < 16).astype(np.float32)[None], 32, 0)
        choices["masks"] = [left, 1 - left]
    return style, content, choices


def run(case, exemplar):
    style, content, choices = choices_of(case, exemplar)
    return jaxtex.transfer(content, style, **choices)


@pytest.fixture(scope="module")
def results():
    """Results without any setting, by name."""
    return {}


def assert_equals_the_usual(name, setting, make, results, tolerance=1e-6):
    if name not in results:
        results[name] = make()
    with use(*setting):
        result = make()
    assert np.asarray(result).dtype == np.asarray(results[name]).dtype
    np.testing.assert_allclose(result, results[name], atol=tolerance)


def wide_arrays(jaxpr):
    """Yields the float64 arrays of a program; optax computes some scalars in float64."""
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            dtype = str(getattr(variable.aval, "dtype", ""))
            if dtype in ("float64", "complex128") and variable.aval.shape:
                yield equation.primitive.name, variable.aval
        values = jax.tree.leaves(
            equation.params, is_leaf=lambda leaf: hasattr(leaf, "jaxpr") or hasattr(leaf, "eqns")
        )
        for value in values:
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from wide_arrays(inner)


def dtypes(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), tree)


def assert_traces_strictly(case, exemplar):
    style, content, choices = choices_of(case, exemplar)
    with use(*STRICT):
        styles = style if isinstance(style, list) else [style]
        parsed = settings.parse_choices(choices)
        inputs = input_images.build_inputs(styles, content, parsed)
        plan = planning.build_plan(inputs, parsed)
        problem = plan.problems[0]
        data, state = compilation.data_shapes(problem), stepping.state_shapes(plan, problem)
        step = stepping.build_step(problem, plan.optimizer)
        program, (after, _) = jax.make_jaxpr(step, return_shape=True)(state, data)
    own = (data, state._replace(memory=()))  # optax has some memory in float64
    assert not any(leaf.dtype.itemsize > 4 for leaf in jax.tree.leaves(own))
    assert dtypes(after) == dtypes(state)
    assert case == "optax" or not list(wide_arrays(program.jaxpr))


@pytest.mark.parametrize("case", QUICK)
def test_a_step_of_some_cases_has_one_dtype_throughout(case, exemplar):
    assert_traces_strictly(case, exemplar)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_step_of_each_case_has_one_dtype_throughout(case, exemplar):
    assert_traces_strictly(case, exemplar)


@pytest.mark.parametrize(
    "setting",
    [
        name if name in ("enable_x64", "debug_nans") else pytest.param(name, marks=pytest.mark.slow)
        for name in SETTINGS
    ],
)
def test_a_synthesis_is_the_same_under_each_setting(setting, exemplar, results):
    optimizer = "gd" if setting == "disable_jit" else "lbfgs"  # operation by operation, faster
    choices = SMALL | {"optimizer": optimizer}
    assert_equals_the_usual(
        optimizer, [setting], lambda: jaxtex.synthesize(exemplar, **choices), results
    )


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("setting", [STRICT, CHECKS], ids=["strict", "checks"])
def test_each_case_is_the_same_under_several_settings(case, setting, exemplar, results):
    if case == "optax" and setting == CHECKS:
        pytest.skip("the line search of optax begins with an infinite loss")
    make = functools.partial(run, case, exemplar)
    assert_equals_the_usual(f"case {case}", setting, make, results, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["default", "adam", "masks", "strips", "bures", "discriminator"])
def test_cases_run_operation_by_operation(case, exemplar):
    with jax.disable_jit():
        assert np.isfinite(run(case, exemplar)).all()


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
