"""Pictures, weights and masks that go together, and those that do not; style transfer as its user meets it."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images
from jaxtex.images import color_transfer
from jaxtex.synthesis import api, input_images
from jaxtex.synthesis import config as configs

SMALL = {"size": 48, "scales": 1, "octaves": 1, "layers": "relu1_1,relu2_1", "num_steps": 30}


@pytest.fixture
def photograph():
    """A gradient with a disc, `[48, 48, 3]`."""
    rows, columns = np.mgrid[:48, :48]
    disc = ((rows - 20) ** 2 + (columns - 28) ** 2 < 150).astype(np.float32)
    return np.stack([0.2 + 0.6 * disc, rows / 60, 0.7 - 0.5 * disc], -1).astype(np.float32)


@pytest.fixture
def half(tmp_path):
    """Masks of the left and the right half, as paths."""
    left = np.zeros((48, 64, 3), np.float32)
    left[:, :32] = 1
    for name, mask in (("left", left), ("right", 1 - left)):
        images.save(tmp_path / f"{name}.png", mask)
    return f"{tmp_path}/left.png,{tmp_path}/right.png"


def distance(a, b):
    return float(np.sqrt(np.mean((a - b) ** 2)))


def test_content_is_reconstructed_where_there_is_no_style(photograph):
    result = jaxtex.transfer(
        photograph, None, content_layers="relu1_2", **(SMALL | {"num_steps": 60})
    )
    assert distance(result, photograph) < 0.05


def test_the_more_content_weighs_the_more_is_kept(photograph, exemplar):
    transfer = lambda w: jaxtex.transfer(
        photograph, exemplar, content_weight=w, content_layers="relu2_1", **SMALL
    )
    far, near = (distance(transfer(weight), photograph) for weight in (0.01, 10.0))
    assert near < 0.7 * far


def test_content_weight_0_is_a_texture(photograph, exemplar):
    choices = SMALL | {"height": 48, "width": 48}
    once = jaxtex.transfer(photograph, exemplar, content_weight=0.0, **choices)
    np.testing.assert_array_equal(once, jaxtex.synthesize(exemplar, **choices))


def test_terms_are_logged_under_their_names(photograph, exemplar):
    seen = []
    choices = SMALL | {
        "tv_weight": 0.1,
        "spectrum_weight": 0.1,
        "statistic": "gram+0.5*sorted",
        "num_steps": 2,
    }
    jaxtex.transfer(photograph, exemplar, observe=seen.append, **choices)
    terms = seen[0].infos.terms
    assert set(terms) == {"gram", "sorted", "content", "total_variation", "spectrum"}
    weights = {"gram": 1, "sorted": 0.5, "content": 0.02, "total_variation": 0.1, "spectrum": 0.1}
    np.testing.assert_allclose(
        seen[0].infos.evaluated, sum(weights[n] * terms[n] for n in terms), rtol=1e-5
    )


def test_styles_keep_to_their_masks(exemplar, half):
    red, blue = exemplar * [1, 0.2, 0.2], exemplar * [0.2, 0.2, 1]
    result = jaxtex.synthesize(
        [red.astype(np.float32), blue.astype(np.float32)], masks=half, **SMALL
    )
    left, right = result[:, :28].mean((0, 1)), result[:, 36:].mean((0, 1))
    assert left[0] > 2 * left[2] and right[2] > 2 * right[0]


def test_a_style_mask_leaves_out_the_rest(exemplar, half):
    two = np.concatenate(
        [exemplar[:, :32] * [1, 0.2, 0.2], exemplar[:, 32:] * [0.2, 0.2, 1]], 1
    ).astype(np.float32)
    result = jaxtex.synthesize(two, style_masks=half.split(",")[0], **SMALL).mean((0, 1))
    assert result[0] > 2 * result[2]


def test_a_blend_lies_between(exemplar):
    dark, bright = (exemplar * 0.3).astype(np.float32), np.sqrt(exemplar)
    means = [
        jaxtex.synthesize([dark, bright], style_weights=w, **SMALL).mean()
        for w in ("9,1", "1,1", "1,9")
    ]
    assert dark.mean() < means[0] < means[1] < means[2] < bright.mean()


def test_colours_are_kept(photograph, exemplar):
    result = jaxtex.transfer(photograph, exemplar, preserve_color="luminance", **SMALL)
    chroma = lambda image: (image @ color_transfer.TO_YIQ.T)[..., 1:]
    assert distance(chroma(result), chroma(photograph)) < 0.05
    matched = color_transfer.match_color(exemplar, photograph)
    np.testing.assert_allclose(matched.mean((0, 1)), photograph.mean((0, 1)), atol=0.06)


def test_the_same_seed_draws_the_same(exemplar):
    choices = SMALL | {
        "statistic": "sliced_wasserstein:samples=64",
        "renew_every": 4,
        "num_steps": 10,
    }
    once, again, other = (jaxtex.synthesize(exemplar, seed=seed, **choices) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert distance(once, other) > 1e-3


def test_targets_are_drawn_anew(exemplar):
    plan = api.build_plan(
        exemplar, configs.Config(**SMALL, statistic="sliced_wasserstein:samples=64")
    )
    views = [
        plan.problems[0].data(epoch)["targets"]["sliced_wasserstein"]["relu1_1"]["sample"]
        for epoch in (0, 0, 1)
    ]
    np.testing.assert_array_equal(views[0]["positions"], views[1]["positions"])
    assert all((views[0][what] != views[2][what]).any() for what in ("positions", "directions"))
    assert not api.build_plan(exemplar, configs.Config(**SMALL)).problems[0].stochastic


def test_each_term_draws_for_itself(exemplar):
    choices = SMALL | {"statistic": "sorted:samples=64 + histogram:samples=64"}
    targets = (
        api.build_plan(exemplar, configs.Config(**choices)).problems[0].data(0)["targets"]
    )
    views = [target["relu1_1"]["sample"]["positions"] for target in targets.values()]
    assert len(views) == 2 and (views[0] != views[1]).any()


@pytest.mark.parametrize(
    "choices, text",
    [
        ({"content_layers": "relu9_1"}, "unknown layer 'relu9_1'"),
        ({"content_weight": 0.0, "texture_weight": 0.0}, "nothing to do"),
        ({"style_weights": "1,2"}, "--style_weights=1,2: 2 for 1 styles"),
        ({"style_weights": "x"}, "expected a positive number, got 'x'"),
        ({"masks": "a.png,b.png"}, "2 masks for 1 styles"),
        ({"preserve_color": "hue"}, "unknown preserve_color 'hue'"),
        ({"content_norm": "l1"}, "unknown content_norm 'l1'"),
        ({"statistic": "gram@relu7_1"}, "unknown layer 'relu7_1'"),
    ],
)
def test_what_does_not_go_together_is_one_line(photograph, exemplar, choices, text):
    with pytest.raises(errors.UserError) as error:
        jaxtex.transfer(photograph, exemplar, **(SMALL | choices))
    assert text in str(error.value)


def test_masks_of_other_proportions_and_colours_without_content_are_refused(exemplar, half):
    with pytest.raises(
        errors.UserError, match="has 64 x 48 pixels, its picture 48 x 48: the same proportions"
    ):
        jaxtex.synthesize(exemplar, masks=half.split(",")[0], width=48, **SMALL)
    with pytest.raises(errors.UserError, match="--preserve_color=match wants --content"):
        jaxtex.synthesize(exemplar, preserve_color="match", **SMALL)
    with pytest.raises(
        errors.UserError, match="shifted_gram compares neighbours, and cannot be had with masks"
    ):
        jaxtex.synthesize(exemplar, masks=half.split(",")[0], statistic="shifted_gram", **SMALL)
    with pytest.raises(errors.UserError, match="--init=content: there is no --content"):
        jaxtex.synthesize(exemplar, init="content", **SMALL)


def test_paths_are_divided_at_commas_but_for_those_that_are_there(tmp_path):
    (tmp_path / "a,b.png").touch()
    assert input_images.split_paths(f"{tmp_path}/a,b.png") == [f"{tmp_path}/a,b.png"]
    assert input_images.split_paths("a.png,b.png") == ["a.png", "b.png"]
