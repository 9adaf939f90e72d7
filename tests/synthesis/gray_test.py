"""Tests that gray stays gray: every snapshot and result of gray images has equal channels."""

import jax
import numpy as np
import pytest

import jaxtex
from jaxtex import images
from jaxtex.images import color_transfer
from jaxtex.synthesis import api, batches
from jaxtex.synthesis import config as configs

TINY = {
    "size": 32,
    "scales": 1,
    "octaves": 1,
    "layers": "relu1_1",
    "num_steps": 3,
    "save_every": 1,
}


@pytest.fixture
def colored(exemplar):
    return exemplar[:32, :32]


@pytest.fixture
def gray(colored):
    return color_transfer.to_gray(colored[::-1])


def is_gray(image):
    return bool((np.ptp(image[..., :3], -1) == 0).all())


def all_gray(content, style, **choices):
    """Returns True if all snapshots and the result are gray, and snapshots are in [0, 1]."""
    seen = []
    result = jaxtex.transfer(content, style, observe=seen.append, **(TINY | choices))
    snapshots = [progress.image for progress in seen]
    assert len(snapshots) == TINY["num_steps"]
    assert min(each.min() for each in snapshots) >= 0 and max(map(np.max, snapshots)) <= 1
    return all(is_gray(image) for image in [*snapshots, result])


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"init": "noise", "optimizer": "adam"},
        pytest.param({"optimizer": "gd", "tv_weight": 0.1}, marks=pytest.mark.slow),
        pytest.param({"init": "pebbles"}, marks=pytest.mark.slow),
        pytest.param({"init": "style", "noise": 0.3}, marks=pytest.mark.slow),
        pytest.param({"size": 64, "scales": 2, "tile": "xy"}, marks=pytest.mark.slow),
        pytest.param({"statistic": "gram", "strips": "16"}, marks=pytest.mark.slow),
        pytest.param({"statistic": "sorted:samples=64", "renew_every": 2}, marks=pytest.mark.slow),
        pytest.param({"statistic": "discriminator", "optimizer": "adam"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_gray_exemplars(gray, choices):
    assert all_gray(None, gray, **choices)


@pytest.mark.slow
def test_several_gray_exemplars_and_rounded_ones(gray, colored):
    assert all_gray(None, [gray, 1 - gray])
    assert not all_gray(None, [gray, colored])
    rounding = np.random.default_rng(0).integers(-1, 2, gray.shape) / 255
    assert all_gray(None, np.clip(gray + rounding, 0, 1))


# (content, style, preserve_color, gray?)
TRANSFERS = [
    ("gray", "gray", "none", True),
    ("colored", "gray", "none", True),  # colors are the style's
    ("gray", "colored", "none", False),
    ("gray", "colored", "match", True),
    ("gray", "colored", "luminance", True),
    ("colored", "gray", "match", False),
    ("colored", "gray", "luminance", False),
    ("gray", None, "none", True),
    ("colored", None, "none", False),
]


@pytest.mark.slow
@pytest.mark.parametrize("content, style, preserve_color, expected", TRANSFERS)
def test_transfers(gray, colored, content, style, preserve_color, expected):
    by_name = {"gray": gray, "colored": colored, None: None}
    content = by_name[content]
    if style == "colored":  # with transparency
        content = np.concatenate([content, colored[..., :1]], -1)
    result = jaxtex.transfer(
        content, by_name[style], **TINY, alpha="keep", preserve_color=preserve_color
    )
    assert is_gray(result) == expected
    assert result.shape[-1] == content.shape[-1]


@pytest.mark.slow
def test_gray_maps_and_gray_with_transparency(gray, colored):
    transparent = np.concatenate([gray, colored[..., :1]], -1)
    assert all_gray(None, transparent)
    result = jaxtex.synthesize(np.concatenate([gray, colored, gray], -1), **TINY)
    assert [is_gray(result[..., at : at + 3]) for at in (0, 3, 6)] == [True, False, True]


@pytest.mark.slow
def test_the_mask_of_a_gray_style_is_gray_beside_a_colored_one(gray, colored, tmp_path):
    left = np.zeros((32, 32, 3), np.float32)
    left[:, :16] = 1
    for name, mask in (("left", left), ("right", 1 - left)):
        images.save(tmp_path / f"{name}.png", mask)
    masks = f"{tmp_path}/left.png,{tmp_path}/right.png"
    result = jaxtex.synthesize([gray, colored], masks=masks, **TINY)
    assert is_gray(result[:, :16]) and not is_gray(result[:, 16:])


@pytest.mark.slow
@pytest.mark.parametrize("separate", [True, False])
def test_each_image_of_a_batch_by_itself(gray, colored, separate, monkeypatch):
    monkeypatch.setattr(batches, "runs_separately", lambda plan: separate)
    plans = api.build_batch([gray, colored, 1 - gray], configs.Config(**TINY), 2)
    seen = []
    results = dict(batches.run(plans, [seen.append] * 6))
    assert all(isinstance(progress.image, np.ndarray) for progress in seen)
    assert [is_gray(results[i]) for i in range(6)] == [True, True, False, False, True, True]


@pytest.mark.slow
def test_the_loss_of_a_gray_exemplar_keeps_an_own_optimization_gray(gray, colored):
    objective = jaxtex.build(gray, **TINY)
    gradient = jax.jit(jax.grad(objective.loss))(colored, objective.data)
    assert is_gray(objective.start) and is_gray(np.asarray(gradient))


@pytest.mark.slow
def test_the_final_loss_is_that_of_the_gray_result(gray):
    """A projection at the end would leave the optimum."""
    seen = []
    result = jaxtex.synthesize(gray, observe=seen.append, **TINY)
    objective = jaxtex.build(gray, **TINY)
    assert seen[-1].infos.loss[-1] == pytest.approx(
        float(objective.loss(result, objective.data)), rel=1e-3
    )
