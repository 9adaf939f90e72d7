"""Syntheses and transfers of all kinds run under strict settings of JAX, with the same result."""

import functools

import jax
import numpy as np
import optax
import pytest

import jaxtex
from jaxtex import statistics
from jaxtex.synthesis import compilation, input_images, planning, settings, stepping
from support.jax_settings import CHECKS, SMALL, STRICT, assert_equals_the_usual, dtypes, use

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


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_step_of_each_case_has_one_dtype_throughout(case, exemplar):
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
