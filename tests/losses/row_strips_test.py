"""Strip by strip the loss and its gradient are those of the whole image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import errors
from jaxtex.networks import convolutions
from jaxtex.runtime import device_memory
from jaxtex.synthesis import api, config

STATISTICS = [
    "gram",
    "mean",
    "mean_and_covariance",
    "bures",
    "pca_gram:k=8",
    "gram+0.5*mean@relu1_1",
]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """The same convolutions in double precision: a ReLU may turn over for a last bit."""
    monkeypatch.setattr(
        convolutions,
        "choose_algorithm",
        lambda features, kernel, prepared=True, algorithms="cpu": convolutions.direct,
    )
    with jax.enable_x64(True):
        yield


def problem_of(style, strips, **choices):
    fixed = {"octaves": 1, "scales": 1, "height": 96, "layers": "relu1_1,relu2_1"}
    (problem,) = api.build_plan(
        style, config.Config(**(fixed | choices), strips=strips)
    ).problems
    return problem


def evaluate(problem):
    image = jnp.asarray(np.random.default_rng(0).uniform(size=(problem.height, problem.width, 3)))
    (loss, _), gradient = jax.jit(jax.value_and_grad(problem.loss, has_aux=True))(
        image, problem.data(0), ()
    )
    return float(loss), np.asarray(gradient)


def assert_agree(style, strips, **choices):
    whole, parts = (problem_of(style, each, **choices) for each in ("none", strips))
    assert whole.strip == 0 and parts.strip > 0
    (loss, gradient), (other, slope) = map(evaluate, (whole, parts))
    np.testing.assert_allclose(other, loss, rtol=1e-6)
    np.testing.assert_allclose(slope, gradient, atol=1e-5 * np.abs(gradient).max())


@pytest.mark.parametrize("statistic", STATISTICS)
def test_every_sum_of_positions(exemplar, statistic):
    assert_agree(exemplar, "16", statistic=statistic, tv_weight=0.1)


@pytest.mark.parametrize(
    "padding", ["zero", "reflect", "replicate", "wrap", "wrap/reflect", "reflect/wrap"]
)
def test_every_padding(exemplar, padding):
    assert_agree(exemplar, "40", padding=padding)  # and 16 that are left


def test_every_octave(exemplar):
    assert_agree(exemplar, "16", octaves=3)


@pytest.mark.parametrize("rows", ["8", "40", "500"])
def test_strips_that_leave_a_rest_and_strips_of_all(exemplar, rows):
    assert_agree(exemplar, rows, layers="relu1_2,pool2,relu3_1")


def test_a_deep_network_with_weights_of_nobody(exemplar):
    assert_agree(exemplar, "32", network="vgg16_bn", weights="random", layers="relu1_2,relu4_1")


def test_auto_takes_the_whole_while_it_fits(exemplar, monkeypatch):
    assert problem_of(exemplar, "auto").strip == 0
    monkeypatch.setattr(device_memory, "available_bytes", lambda: 0)
    monkeypatch.setattr(device_memory, "exceeds_memory", lambda features: False)
    assert problem_of(exemplar, "auto", octaves=2).strip == 4  # the least that the poolings allow
    assert (
        problem_of(exemplar, "auto", statistic="sorted").strip == 0
    )  # which cannot be had in strips


@pytest.mark.parametrize(
    "choices, why",
    [
        ({"statistic": "sorted"}, "in strips there are mean"),
        ({"network": "steerable", "layers": ""}, "fixed filters"),
    ],
)
def test_what_cannot_be_had_is_refused(exemplar, choices, why):
    with pytest.raises(errors.UserError, match=f"--strips=16: .*{why}"):
        problem_of(exemplar, "16", **choices)


@pytest.mark.parametrize("text", ["some", "0", "-3", "1.5", "99999"])
def test_nonsense_is_refused(exemplar, text):
    with pytest.raises(errors.UserError, match=f"--strips={text}"):
        problem_of(exemplar, text)


def test_a_run_in_strips_is_the_run(exemplar):
    choices = {"size": 48, "height": 96, "octaves": 1, "layers": "relu1_1,relu2_1", "num_steps": 4}
    with jax.enable_x64(False):
        one, other = (
            jaxtex.synthesize(exemplar, **choices, strips=strips) for strips in ("none", "24")
        )
    np.testing.assert_allclose(one, other, atol=1e-3)
