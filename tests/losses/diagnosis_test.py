"""Tests of the line for a loss or gradient that is not finite: it names what is not."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import statistics
from jaxtex.synthesis import api, batches
from jaxtex.synthesis import config as configs

SMALL = {"size": 32, "octaves": 1, "layers": "relu1_1", "num_steps": 2, "save_every": 2}
relative = statistics.compare("relative")


def mean(features):
    return features.mean((0, 1))


def no_gradient(features):
    """Has a value but no gradient, since the branch that is not taken has none."""
    return mean(jnp.where(features > 1e9, jnp.sqrt(-1 - features), features))


def root_of_difference(target, summary):
    return jnp.sqrt(jnp.sum((target - summary) ** 2))


def root_of_nothing(target, summary):
    return root_of_difference(0 * target, 0 * summary)


# summarize, distance, choices, message
MISTAKES = {
    "gradient": (
        no_gradient,
        relative,
        {},
        "the gradient is not finite until step 2: the gradient of statistic 'own' at layer "
        "'relu1_1' of 32 x 43 positions is not finite",
    ),
    "gradient at 0": (
        mean,
        root_of_nothing,
        {},
        "the gradient is not finite until step 2: the gradient of statistic 'own' at layer "
        "'relu1_1'",
    ),
    "target": (
        lambda f: mean(jnp.log(f - 1e3)),
        relative,
        {},
        "the loss is nan until step 2: the target of statistic 'own' at layer 'relu1_1'",
    ),
    "distance": (
        mean,
        lambda target, summary: jnp.sum(summary) / 0.0,
        {},
        "the loss is inf until step 2: the distance of statistic 'own' at layer 'relu1_1'",
    ),
    "strips": (
        mean,
        lambda target, summary: jnp.sum(summary) / 0.0,
        {"strips": "16"},
        "the loss is inf until step 2: the term 'own' is not finite",
    ),
}


def install(monkeypatch, summarize, distance):
    own = statistics.Statistic(summarize, distance, average=summarize)
    monkeypatch.setitem(statistics.STATISTICS, "own", lambda: own)


@pytest.mark.parametrize(
    "summarize, distance, choices, message",
    [
        pytest.param(*mistake, id=name, marks=[pytest.mark.slow] if number else [])
        for number, (name, mistake) in enumerate(MISTAKES.items())
    ],
)
def test_the_line_names_what_is_not_finite(
    exemplar, summarize, distance, choices, message, monkeypatch
):
    install(monkeypatch, summarize, distance)
    with pytest.raises(jaxtex.UserError) as caught:
        jaxtex.synthesize(exemplar, statistic="own", **SMALL, **choices)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_gradient_that_is_missing_only_at_a_distance_of_0_is_found(exemplar, monkeypatch):
    install(monkeypatch, mean, root_of_difference)
    plan = api.build_plan(exemplar, configs.Config(statistic="own", **SMALL))
    (problem,) = plan.problems
    cause = problem.find_cause(jnp.asarray(plan.start), problem.data(0), ())
    assert cause.endswith("is not finite where the distance is 0, as that of a square root")

    install(monkeypatch, mean, relative)
    plan = api.build_plan(exemplar, configs.Config(statistic="own", **SMALL))
    (problem,) = plan.problems
    assert problem.find_cause(jnp.asarray(plan.start), problem.data(0), ()) == ""


@pytest.mark.slow
def test_the_gradient_is_not_blamed_on_the_loss(exemplar, monkeypatch):
    install(monkeypatch, no_gradient, relative)
    with pytest.raises(jaxtex.UserError) as caught:
        list(jaxtex.iterate(exemplar, statistic="own", optimizer="adam", **SMALL))
    assert "the loss is" not in str(caught.value)


@pytest.mark.slow
def test_an_image_of_a_batch_that_fails_is_nan_and_not_its_start(exemplar, monkeypatch, caplog):
    install(monkeypatch, no_gradient, relative)
    plans = api.build_batch([exemplar], configs.Config(statistic="own", **SMALL), 2)
    results = dict(batches.run(plans, [lambda progress: None] * 2))
    assert all(np.isnan(image).all() for image in results.values())
    assert "image 2 of the batch: the gradient is not finite until step 2" in caplog.text
