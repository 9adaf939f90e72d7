"""Tests of the inputs: images, weights and masks that go together, and those that do not."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.images import color_transfer
from jaxtex.losses import targets
from jaxtex.synthesis import api, input_images, settings
from jaxtex.synthesis import config as configs

SMALL = {"size": 48, "scales": 1, "octaves": 1, "layers": "relu1_1,relu2_1", "num_steps": 30}


@pytest.fixture
def photograph():
    """A gradient with a disc, `[48, 48, 3]`."""
    rows, columns = np.mgrid[:48, :48]
    disc = ((rows - 20) ** 2 + (columns - 28) ** 2 < 150).astype(np.float32)
    return np.stack([0.2 + 0.6 * disc, rows / 60, 0.7 - 0.5 * disc], -1).astype(np.float32)


@pytest.fixture
def half_masks(tmp_path):
    """Paths of masks of the left and the right half, separated by a comma."""
    left = np.zeros((48, 64, 3), np.float32)
    left[:, :32] = 1
    for name, mask in (("left", left), ("right", 1 - left)):
        images.save(tmp_path / f"{name}.png", mask)
    return f"{tmp_path}/left.png,{tmp_path}/right.png"


def rms_difference(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


def tinted(exemplar, *factors):
    return (exemplar * factors).astype(np.float32)


@pytest.mark.slow
def test_content_is_reconstructed_without_a_style(photograph):
    choices = SMALL | {"num_steps": 60}
    result = jaxtex.transfer(photograph, None, content_layers="relu1_2", **choices)
    assert rms_difference(result, photograph) < 0.05


@pytest.mark.slow
def test_a_larger_content_weight_keeps_more_of_the_content(photograph, exemplar):
    differences = []
    for weight in (0.01, 10.0):
        choices = {"content_layers": "relu2_1", "content_color": "own", **SMALL}
        result = jaxtex.transfer(photograph, exemplar, content_weight=weight, **choices)
        differences.append(rms_difference(result, photograph))
    assert differences[1] < 0.7 * differences[0]


@pytest.mark.slow
def test_content_weight_0_synthesizes_a_texture(photograph, exemplar):
    choices = SMALL | {"height": 48, "width": 48, "num_steps": 4}
    result = jaxtex.transfer(photograph, exemplar, content_weight=0.0, **choices)
    np.testing.assert_array_equal(result, jaxtex.synthesize(exemplar, **choices))


@pytest.mark.slow
def test_terms_are_reported_by_name_and_sum_to_the_loss(photograph, exemplar):
    observed = []
    choices = SMALL | {
        "tv_weight": 0.1,
        "spectrum_weight": 0.1,
        "statistic": "gram+0.5*sorted",
        "num_steps": 2,
    }
    jaxtex.transfer(photograph, exemplar, observe=observed.append, **choices)
    infos = observed[0].infos
    weights = {"gram": 1, "sorted": 0.5, "total_variation": 0.1, "spectrum": 0.1}
    weights |= {"content": 0.0072, "structure": 0.001}
    assert set(infos.terms) == set(weights)
    loss = sum(weights[name] * values for name, values in infos.terms.items())
    np.testing.assert_allclose(infos.evaluated, loss, rtol=1e-5)


@pytest.mark.slow
def test_each_style_fills_its_mask(exemplar, half_masks):
    red, blue = tinted(exemplar, 1, 0.2, 0.2), tinted(exemplar, 0.2, 0.2, 1)
    result = jaxtex.synthesize([red, blue], masks=half_masks, **SMALL)
    left, right = result[:, :28].mean((0, 1)), result[:, 36:].mean((0, 1))
    assert left[0] > 2 * left[2] and right[2] > 2 * right[0]


@pytest.mark.slow
def test_a_style_mask_excludes_the_rest_of_the_style(exemplar, half_masks):
    red, blue = tinted(exemplar, 1, 0.2, 0.2), tinted(exemplar, 0.2, 0.2, 1)
    style = np.concatenate([red[:, :32], blue[:, 32:]], 1)
    result = jaxtex.synthesize(style, style_masks=half_masks.split(",")[0], **SMALL)
    color = result.mean((0, 1))
    assert color[0] > 2 * color[2]


@pytest.mark.slow
def test_style_weights_blend_two_styles(exemplar):
    dark, bright = tinted(exemplar, 0.3, 0.3, 0.3), np.sqrt(exemplar)
    means = [
        jaxtex.synthesize([dark, bright], style_weights=weights, **SMALL).mean()
        for weights in ("9,1", "1,1", "1,9")
    ]
    assert dark.mean() < means[0] < means[1] < means[2] < bright.mean()


@pytest.mark.slow
def test_preserve_color_keeps_the_colors_of_the_content(photograph, exemplar):
    result = jaxtex.transfer(photograph, exemplar, preserve_color="luminance", **SMALL)
    color, expected = (color_transfer.split_color(image)[1] for image in (result, photograph))
    assert rms_difference(color, expected) < 0.05


def test_preserve_color_recolors_the_style_before(photograph, exemplar):
    parsed = settings.parse_settings(configs.Config(**SMALL, preserve_color="match"))
    inputs = input_images.build_inputs([exemplar], photograph, parsed)
    expected = color_transfer.match_color(exemplar, photograph)
    np.testing.assert_allclose(inputs.styles[0], expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("brightness", [0.1, 0.5])
def test_luminance_keeps_the_brightness_of_the_content(photograph, exemplar, brightness):
    choices = SMALL | {"num_steps": 8, "preserve_color": "luminance"}
    result = jaxtex.transfer(photograph, brightness * exemplar, **choices)
    assert result.mean() == pytest.approx(photograph.mean(), abs=0.03)


@pytest.mark.slow
def test_the_same_seed_draws_the_same_samples(exemplar):
    choices = SMALL | {
        "statistic": "sliced_wasserstein:samples=64",
        "renew_every": 4,
        "num_steps": 10,
    }
    first, same, other = (jaxtex.synthesize(exemplar, seed=seed, **choices) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert rms_difference(first, other) > 1e-3


def test_stochastic_targets_depend_on_the_number_of_draws(exemplar):
    config = configs.Config(**SMALL, statistic="sliced_wasserstein:samples=64")
    (problem,) = api.build_plan(exemplar, config).problems
    first, same, other = (
        problem.data(draws)["targets"]["sliced_wasserstein"]["relu1_1"]["sample"]
        for draws in (0, 0, 1)
    )
    for key in ("positions", "directions"):
        np.testing.assert_array_equal(first[key], same[key])
        assert (first[key] != other[key]).any()
    assert problem.stochastic
    assert not api.build_plan(exemplar, configs.Config(**SMALL)).problems[0].stochastic


@pytest.mark.slow
def test_each_term_draws_its_own_samples(exemplar):
    config = configs.Config(**SMALL, statistic="sorted:samples=64 + histogram:samples=64")
    (problem,) = api.build_plan(exemplar, config).problems
    terms = [problem.data(0)["targets"][name] for name in ("sorted", "histogram")]
    positions = [target["relu1_1"]["sample"]["positions"] for target in terms]
    assert len(positions) == 2 and (positions[0] != positions[1]).any()


@pytest.mark.parametrize(
    "choices, message",
    [
        ({"content_layers": "relu9_1"}, "unknown layer 'relu9_1'"),
        ({"content_weight": 0.0, "texture_weight": 0.0}, "nothing to do"),
        ({"style_weights": "1,2"}, "--style_weights=1,2: 2 weights for 1 styles"),
        ({"masks": "a.png,b.png"}, "--masks=a.png,b.png: 2 masks for 1 styles"),
        ({"statistic": "gram@relu7_1"}, "unknown layer 'relu7_1'"),
        ({"shares": "1,2"}, "--shares=1,2: 2 shares for 1 scales"),
        ({"strips": "none,16"}, "--strips=none,16: 2 values for 1 scales"),
        ({"mesh": "images:2"}, "--mesh=images:2"),
        ({"init": "nois"}, "unknown --init 'nois'; did you mean 'noise'"),
        ({"scales": 4}, "--scales=4: 48 pixels allow at most 1 scales"),
    ],
)
def test_choices_that_do_not_go_together_are_one_line(photograph, exemplar, choices, message):
    with pytest.raises(errors.UserError) as error:
        jaxtex.transfer(photograph, exemplar, **(SMALL | choices))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_mistakes_are_found_before_any_feature_is_computed(exemplar, monkeypatch):
    """Targets are computed when the first step needs them."""

    def fail(*arguments):
        raise AssertionError("features were computed")

    monkeypatch.setattr(targets, "draw_targets", fail)
    plan = api.build_plan(exemplar, configs.Config(**SMALL))
    with pytest.raises(AssertionError, match="features were computed"):
        plan.problems[0].data(0)


def test_masks_and_colors_that_do_not_fit_are_errors(exemplar, half_masks):
    mask = half_masks.split(",")[0]
    with pytest.raises(errors.UserError, match="has 64 x 48 pixels, its image 48 x 48: the prop"):
        jaxtex.synthesize(exemplar, masks=mask, height=48, width=48, **SMALL)
    with pytest.raises(errors.UserError, match="--preserve_color=match needs --content"):
        jaxtex.synthesize(exemplar, preserve_color="match", **SMALL)
    with pytest.raises(errors.UserError, match="shifted_gram compares neighboring positions"):
        jaxtex.synthesize(exemplar, masks=mask, statistic="shifted_gram", **SMALL)


def test_several_styles_with_a_critic_need_masks(exemplar):
    choices = SMALL | {"statistic": "discriminator", "optimizer": "adam"}
    with pytest.raises(errors.UserError, match="--statistic=discriminator learns a single style"):
        jaxtex.synthesize([exemplar, exemplar[::-1]], **choices)
    with pytest.raises(errors.UserError, match="--optimizer=lbfgs needs a loss that does not"):
        jaxtex.synthesize(exemplar, **(choices | {"optimizer": "lbfgs"}))


def test_transparency_and_maps_need_a_single_style(exemplar, photograph):
    transparent = np.concatenate([exemplar, exemplar[..., :1]], -1)
    with pytest.raises(errors.UserError, match="need a single style, without other styles"):
        jaxtex.synthesize([transparent, exemplar], **SMALL)
    with pytest.raises(errors.UserError, match="need a single style, without --content"):
        jaxtex.transfer(photograph, transparent, **SMALL)
