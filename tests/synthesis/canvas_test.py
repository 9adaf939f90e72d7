"""Tests of pictures of which pixels are kept: a hole is filled, margins grow, borders are tiled."""

import numpy as np
import pytest

import jaxtex
from jaxtex import errors, images, losses, metrics
from jaxtex.losses import terms
from jaxtex.synthesis import config as configs
from jaxtex.synthesis import input_images, settings
from jaxtex.synthesis.canvas import holes, kept_pixels, margins, patches, sizes
from jaxtex.synthesis.shorthands import resolution

FAST = {"num_steps": 3, "layers": "conv1_1,pool1", "scales": 1, "octaves": 1}


@pytest.fixture
def picture(exemplar):
    """A picture of 64 x 48 pixels whose levels are those of 8 bits."""
    return images.to_uint8(exemplar).astype(np.float32) / 255


@pytest.fixture
def mask():
    """A mask with a white square."""
    mask = np.zeros((48, 64), np.float32)
    mask[16:32, 20:36] = 1
    return mask


def build(styles, **choices):
    parsed = settings.parse_choices(choices)
    return input_images.build_inputs(styles, None, parsed)


def test_margins_are_parsed():
    assert margins.parse("left:8, bottom:2") == margins.Margins(left=8, bottom=2)
    assert margins.parse("") == (0, 0, 0, 0)
    assert configs.Config(grow={"left": 8}).grow == "left:8"


@pytest.mark.parametrize(
    "text, message",
    [
        ("up:3", "unknown --grow side 'up'"),
        ("left:3,left:4", "'left' is given twice"),
        ("left", "'left' must be a side and 1 to 16384 pixels"),
        ("left:0", "'left:0' must be a side and 1 to 16384"),
        ("left:99999", "'left:99999' must be a side and 1 to 16384"),
    ],
)
def test_wrong_margins_are_refused(text, message):
    with pytest.raises(errors.UserError, match=message):
        margins.parse(text)


def test_a_region_is_dilated_along_both_axes():
    region = np.zeros((7, 9), bool)
    region[3, 4] = True
    expected = np.zeros((7, 9), bool)
    expected[1:6, 2:7] = True
    np.testing.assert_array_equal(kept_pixels.dilate(region, 2), expected)
    assert kept_pixels.dilate(region, 20).all()


def test_composing_changes_the_hole_alone(picture, mask):
    kept = kept_pixels.Kept(picture, mask > 0)
    data = {"gray": None, "kept": kept.at(48, 64)}
    found = losses.compose(np.zeros_like(picture), data)
    np.testing.assert_array_equal(found[mask == 0], picture[mask == 0])
    assert not found[mask > 0].any()
    batch = {"gray": None, "kept": {name: array[None] for name, array in data["kept"].items()}}
    both = losses.compose(np.stack([np.zeros_like(picture), np.ones_like(picture)]), batch)
    np.testing.assert_array_equal(both[0], found)
    np.testing.assert_array_equal(both[1], np.where(mask[..., None] > 0, 1, picture))
    coarse = kept.at(24, 32)
    np.testing.assert_array_equal(coarse["hole"][..., 0], mask[::2, ::2] > 0)


@pytest.mark.slow
def test_a_filled_picture_keeps_the_others_to_the_bit(picture, mask):
    spoiled = np.where(mask[..., None] > 0, np.float32([1, 0, 0]), picture)
    result = jaxtex.synthesize(None, init=spoiled, fill=mask, **FAST)
    np.testing.assert_array_equal(result[mask == 0], picture[mask == 0])
    # No red is left, although it was in the picture, which is the exemplar.
    assert result[mask > 0].mean(0)[0] < 0.8 and result[mask > 0].mean(0)[1] > 0.1
    assert (result[mask > 0] != spoiled[mask > 0]).all(-1).mean() > 0.9


def test_the_style_is_the_picture_unless_there_is_another_one(picture, mask):
    own = build([], init=picture, fill=mask)
    np.testing.assert_array_equal(own.styles[0][mask == 0], picture[mask == 0])
    assert own.style_masks[0].any() and not own.style_masks[0][mask > 0].any()
    same = build([picture], fill=mask)
    np.testing.assert_array_equal(same.styles[0], own.styles[0])
    other = build([picture[::-1]], init=picture, fill=mask)
    np.testing.assert_array_equal(other.styles[0], picture[::-1])


def test_masks_of_the_style_say_where_its_texture_is(picture, mask):
    right = np.zeros((48, 64))
    right[:, 30:] = 1
    (used,) = build([], init=picture, fill=mask, style_masks=[right]).style_masks
    assert used.any() and not used[(right == 0) | (mask > 0)].any()
    with pytest.raises(errors.UserError, match="--style_masks: white only in the hole"):
        build([], init=picture, fill=mask, style_masks=[mask])


def test_a_large_picture_is_matched_near_its_hole(exemplar):
    large = np.tile(exemplar, (1, 6, 1))
    mask = np.zeros(large.shape[:2], np.float32)
    mask[24:40, :16] = 1
    (used,) = build([], init=large, fill=mask).style_masks
    assert used.any() and not used[:, 16 + holes.LEAST_RING :].any()


@pytest.mark.slow
def test_a_picture_that_grows_is_kept(picture):
    grown = jaxtex.synthesize(picture, grow={"left": 16, "bottom": 8}, **FAST)
    assert grown.shape == (56, 80, 3)
    np.testing.assert_array_equal(grown[:48, 16:], picture)
    assert np.abs(grown[:, :16].mean((0, 1)) - picture.mean((0, 1))).max() < 0.2


@pytest.mark.slow
def test_a_tile_keeps_all_but_its_borders(picture):
    uneven = picture * np.linspace(0.4, 1, 64, dtype=np.float32)[:, None]
    result = jaxtex.synthesize(uneven[:32], make_tileable=True, **FAST | {"num_steps": 10})
    assert result.shape == (32, 64, 3)
    np.testing.assert_array_equal(result[4:-4, 8:-8], uneven[4:28, 8:-8])
    assert metrics.seam(uneven, result) < 0.7 * metrics.seam(uneven, uneven[:32])


def test_a_tile_is_cut_to_sides_that_all_octaves_divide(picture):
    inputs = build([picture], make_tileable=True)
    assert (inputs.height, inputs.width) == (32, 64)
    np.testing.assert_array_equal(inputs.kept.picture[4:-4, 8:-8], picture[12:36, 8:-8])


def test_shorthands_stand_for_plain_choices():
    kept = {"size": 0, "scales": 1, "num_steps": resolution.KEPT_STEPS}
    tile = {"tile": "xy", "fill": "borders", **kept}
    assert resolution.resolve({"make_tileable": True}) == tile
    assert resolution.resolve({"make_tileable": True, "tile": "x"})["tile"] == "x"
    assert resolution.resolve({"fill": "mask.png"})["size"] == 0
    assert resolution.resolve({"grow": "left:8", "size": 128})["size"] == 128
    assert "size" not in resolution.resolve({"fill": "", "make_tileable": False})


@pytest.mark.parametrize(
    "choices, message",
    [
        ({"fill": np.zeros((48, 64))}, "an array has no white pixel"),
        ({"fill": np.ones((48, 64))}, "an array is white everywhere"),
        ({"fill": np.ones((48, 48))}, "48 x 48 pixels, its image 64 x 48"),
        ({"fill": "borders"}, "--fill=borders: needs --tile"),
        ({"fill": "borders", "tile": "x", "grow": "left:8"}, "--grow and --make_tileable"),
        ({"grow": "left:8", "width": 64}, "--grow and --width exclude"),
        ({"grow": "left:8", "alpha": "keep"}, "--grow and --alpha=keep exclude"),
        ({"grow": "left:16384,top:16384"}, "must be at most"),
        ({"make_tileable": 3}, "must be True or False"),
        ({"make_tileable": True, "fill": "borders"}, "exclude each other"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(picture, choices, message):
    with pytest.raises(errors.UserError, match=message) as caught:
        build([picture], **choices)
    assert "\n" not in str(caught.value)


def test_a_hole_that_leaves_nothing_at_the_size_of_the_result_is_refused():
    mask = np.ones((256, 256), np.float32)
    mask[50] = 0
    picture = np.random.default_rng(0).random((256, 256, 3), np.float32)
    with pytest.raises(errors.UserError, match="--fill: at 32 x 32 pixels nothing of the picture"):
        build([picture], fill=mask, size=32)


def test_a_content_is_refused_and_a_picture_is_needed(picture, mask):
    with pytest.raises(errors.UserError, match="--fill and --content exclude each other"):
        jaxtex.transfer(picture, picture, fill=mask)
    with pytest.raises(errors.UserError, match="--fill: the picture is missing"):
        build([], fill=mask)


@pytest.mark.slow
def test_the_detail_of_regions_is_that_of_their_pixels(picture, mask):
    everywhere = np.ones_like(mask)
    np.testing.assert_allclose(
        terms.detail_levels(picture, region=everywhere), terms.detail_levels(picture), rtol=1e-5
    )
    changed = np.where(mask[..., None] > 0, 0.5, picture)
    far = np.zeros_like(mask)
    far[:, 48:] = 1
    np.testing.assert_array_equal(
        terms.detail_levels(picture, region=far), terms.detail_levels(changed, region=far)
    )
    inner = np.zeros_like(mask)
    inner[20:28, 24:32] = 1
    plain = np.log(terms.ROUNDING)
    np.testing.assert_allclose(terms.detail_levels(changed, region=inner)[0], plain, rtol=1e-4)


def test_patches_continue_stripes_into_a_hole():
    stripes = np.tile(np.float32([0.2, 0.2, 0.7, 0.7])[:, None], (16, 64))[..., None].repeat(3, -1)
    hole = np.zeros((64, 64), bool)
    hole[20:44, 20:44] = True
    spoiled = np.where(hole[..., None], 0.5, stripes).astype(np.float32)
    rng = np.random.default_rng(0)
    filled, (taken,) = patches.fill(spoiled, hole, "", [spoiled], [~hole], rng)
    np.testing.assert_allclose(filled, stripes, atol=0.02)
    assert taken.any() and not taken[hole].any()


def test_votes_leave_no_step_at_the_outline(picture, mask):
    darker = 0.7 * picture
    rng = np.random.default_rng(0)
    filled, _ = patches.fill(picture, mask > 0, "", [darker], [mask == mask], rng)
    assert metrics.outline(mask, filled) < 0.8 * metrics.outline(
        mask, np.where(mask[..., None] > 0, darker, picture)
    )


def test_another_seed_takes_other_patches(picture, mask):
    one = build([], init=picture, fill=mask)
    again, other = one.with_seed(0).kept.picture, one.with_seed(1).kept.picture
    assert (again != other).any()
    np.testing.assert_array_equal(other[mask == 0], picture[mask == 0])


def test_regions_smaller_than_a_patch_fill_nothing(picture, mask):
    used = np.zeros(mask.shape, bool)
    used[:6] = True
    rng = np.random.default_rng(0)
    filled, (given,) = patches.fill(picture, mask > 0, "", [picture], [used], rng)
    np.testing.assert_array_equal(filled, picture)
    np.testing.assert_array_equal(given, used)


def test_the_size_of_a_result_keeps_its_function():
    assert sizes.in_proportion((48, 64), width=32) == (24, 32)
