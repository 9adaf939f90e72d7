"""Tests of strips: the loss and its gradient are those of the whole image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxtex
from jaxtex import errors, networks
from jaxtex.runtime import device_memory
from jaxtex.synthesis import api, config, input_images, planning, settings

STATISTICS = [
    "gram",
    "mean",
    "mean_and_covariance",
    "bures",
    "pca_gram:k=8",
    "gram+0.5*mean@relu1_1",
]


@pytest.fixture(autouse=True)
def equal_convolutions(monkeypatch):
    """Makes strips and whole images use the same convolutions, in double precision.

    The last bit of a convolution may decide the sign at a ReLU.
    """
    monkeypatch.setattr(networks, "algorithms_for", lambda *_: "xla")
    with jax.enable_x64(True):
        yield


LEFT = np.zeros((37, 50))
LEFT[:, :31] = 1


def build_problem(style, strips, **choices):
    fixed = {"octaves": 1, "scales": 1, "height": 96, "layers": "relu1_1,relu2_1"}
    plan = api.build_plan(style, config.Config(**(fixed | choices), strips=strips))
    (problem,) = plan.problems
    return problem


def evaluate(problem):
    image = jnp.asarray(np.random.default_rng(0).uniform(size=(problem.height, problem.width, 3)))
    loss_and_gradient = jax.jit(jax.value_and_grad(problem.loss_fn, has_aux=True))
    (loss, _), gradient = loss_and_gradient(image, problem.data(0), ())
    return float(loss), np.asarray(gradient)


def assert_strips_equal_whole(style, strips, **choices):
    whole = build_problem(style, "none", **choices)
    parts = build_problem(style, strips, **choices)
    assert whole.strip == 0 and parts.strip > 0

    expected_loss, expected_gradient = evaluate(whole)
    loss, gradient = evaluate(parts)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    tolerance = 1e-5 * np.abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, atol=tolerance)


def assert_transfer_in_strips_equals_whole(exemplar, strips="12", masks=(), **choices):
    fixed = {"scales": 1, "height": 37, "width": 50, "size": 45, "layers": "relu1_1,relu2_1"}
    fixed["content_layers"] = "relu2_1,relu1_1/2"
    styles = [exemplar, exemplar[::-1, :40]] if masks else [exemplar]
    content = exemplar[:, ::-1] ** 2
    values = []
    for rows in ("none", strips):
        parsed = settings.parse_choices(fixed | choices | {"strips": rows, "masks": list(masks)})
        inputs = input_images.build_inputs(styles, content, parsed)
        (problem,) = planning.build_plan(inputs, parsed).problems
        assert bool(problem.strip) == (rows != "none")
        values.append(evaluate(problem))
    (expected_loss, expected_gradient), (loss, gradient) = values
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    tolerance = 1e-5 * np.abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("statistic", STATISTICS)
def test_every_statistic_of_averages(exemplar, statistic):
    assert_strips_equal_whole(exemplar, "16", statistic=statistic, tv_weight=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "padding", ["zero", "reflect", "replicate", "wrap", "wrap/reflect", "reflect/wrap"]
)
def test_every_padding(exemplar, padding):
    # 96 rows: two strips of 40, and 16 that are left
    assert_strips_equal_whole(exemplar, "40", padding=padding)


@pytest.mark.slow
def test_every_octave(exemplar):
    assert_strips_equal_whole(exemplar, "16", octaves=3)


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["8", "40", "500"])
def test_strips_that_do_not_divide_the_image_and_strips_that_exceed_it(exemplar, rows):
    assert_strips_equal_whole(exemplar, rows, layers="relu1_2,pool2,relu3_1")


@pytest.mark.slow
def test_a_deep_network_with_random_weights(exemplar):
    choices = {"network": "vgg16_bn", "weights": "random", "layers": "relu1_2,relu4_1"}
    assert_strips_equal_whole(exemplar, "32", **choices)


# A content, with its octaves and all norms; odd sizes of content, style and result.
TRANSFERS = {
    "octaves": {"content_layers": "relu2_2,relu2_1/2:0.5,relu1_1/4", "width": 51},
    "unsquared": {"content_norm": "unsquared", "content_layers": "relu2_2", "strips": "8"},
    "gatys": {"content_norm": "gatys", "content_layers": "relu1_2", "strips": "500"},
    "plain": {"content_norm": "plain", "content_layers": "relu2_1/2", "height": 45},
    "self_similarity": {"content_weight": 0, "structure_layers": "relu1_2,relu2_1/4"},
    "masks": {"masks": [LEFT, 1 - LEFT], "content_layers": "relu2_1", "width": 50},
    "samples": {"statistic": "relaxed_emd:samples=40", "content_layers": "relu2_1"},
    "patches": {"statistic": "guided_correspondence:samples=40", "content_layers": "relu2_1"},
    "all": {"statistic": "sliced_wasserstein+gram@relu1_1", "excite": "relu2_1:7", "octaves": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFERS)
def test_transfers(exemplar, name):
    assert_transfer_in_strips_equals_whole(exemplar, **TRANSFERS[name])


@pytest.mark.slow
def test_a_transfer(exemplar):
    assert_transfer_in_strips_equals_whole(exemplar, height=45, statistic="mean")


def test_auto_evaluates_the_whole_image_if_it_fits(exemplar, monkeypatch):
    assert build_problem(exemplar, "auto").strip == 0
    monkeypatch.setattr(device_memory, "available_bytes", lambda: 0)
    monkeypatch.setattr(device_memory, "exceeds_memory", lambda features: False)
    smallest = 4  # rows that the poolings of two octaves allow
    assert build_problem(exemplar, "auto", octaves=2).strip == smallest
    # Sorted features of all positions are no sums over positions.
    assert build_problem(exemplar, "auto", statistic="sorted:samples=0").strip == 0


def test_auto_divides_a_transfer_where_memory_is_short(exemplar, monkeypatch):
    monkeypatch.setattr(device_memory, "available_bytes", lambda: 2e6)
    monkeypatch.setattr(device_memory, "exceeds_memory", lambda features: False)
    parsed = settings.parse_choices({"scales": 1, "size": 48, "height": 96, "width": 48})
    inputs = input_images.build_inputs([exemplar], exemplar, parsed)
    (problem,) = planning.build_plan(inputs, parsed).problems
    assert 0 < problem.strip < 96


@pytest.mark.parametrize(
    "choices, reason",
    [
        ({"statistic": "sorted:samples=0"}, "'sorted' needs the whole image"),
        ({"network": "steerable", "layers": ""}, "fixed filters"),
        ({"network": "patches", "layers": ""}, "fixed filters and patches need the whole image"),
    ],
)
def test_losses_that_need_the_whole_image_are_an_error(exemplar, choices, reason):
    with pytest.raises(errors.UserError, match=f"--strips=16: .*{reason}"):
        build_problem(exemplar, "16", **choices)


@pytest.mark.parametrize("text", ["some", "0", "-3", "1.5", "99999"])
def test_other_values_are_an_error(exemplar, text):
    with pytest.raises(errors.UserError, match=f"--strips={text}"):
        build_problem(exemplar, text)


@pytest.mark.slow
def test_a_run_in_strips_equals_a_run_on_the_whole_image(exemplar):
    choices = {"size": 48, "height": 96, "octaves": 1, "layers": "relu1_1,relu2_1", "num_steps": 4}
    with jax.enable_x64(False):
        whole = jaxtex.synthesize(exemplar, **choices, strips="none")
        parts = jaxtex.synthesize(exemplar, **choices, strips="24")
    np.testing.assert_allclose(whole, parts, atol=1e-3)
