"""Tests of the check of arrays that are given as images."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxtex import errors
from jaxtex.images import arrays

FLOATS = [jnp.float16, jnp.bfloat16, np.float32, np.float64, np.longdouble]
PICTURE = np.random.default_rng(0).random((4, 5, 3), np.float32)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("convert", [jnp.asarray, np.asarray])
def test_floats_of_any_width_become_float32(dtype, convert):
    given = convert(PICTURE.astype(dtype)) if dtype != np.longdouble else PICTURE.astype(dtype)
    checked = arrays.check(given)
    assert checked.dtype == np.float32 and checked.flags.writeable
    np.testing.assert_array_equal(checked, np.asarray(given).astype(np.float32))


@pytest.mark.parametrize("dtype", FLOATS)
def test_values_beyond_by_a_rounding_are_clipped_and_others_refused(dtype):
    rounding = max(float(jnp.finfo(dtype).eps), 2e-7) if dtype != np.longdouble else 2e-7
    for low, high in ((-rounding, 1), (0, 1 + rounding)):
        pair = np.resize(np.array([low, high]).astype(dtype), (2, 2, 3))
        np.testing.assert_array_equal(arrays.check(pair), np.resize([0, 1], (2, 2, 3)))
        beyond = np.array([4 * low, 1 + 4 * (high - 1)]).astype(dtype)
        with pytest.raises(errors.UserError, match=r"values in \[0, 1\], got"):
            arrays.check(np.resize(beyond, (2, 2, 3)))


def test_the_given_array_is_neither_changed_nor_shared():
    given = np.full((2, 2, 3), 1 + 1e-7)
    arrays.check(given)[:] = 0
    assert (given == 1 + 1e-7).all()
    image = PICTURE.copy()
    arrays.check(image)[:] = 0
    np.testing.assert_array_equal(image, PICTURE)


@pytest.mark.parametrize(
    "given",
    [
        PICTURE.tolist(),
        PICTURE[::-1, ::-1],
        PICTURE.transpose(1, 0, 2),
        np.broadcast_to(PICTURE[:1], PICTURE.shape),  # read-only, with strides of 0
        np.asfortranarray(PICTURE),
        PICTURE.astype(">f4"),
        PICTURE > 0.5,
    ],
    ids=["nested lists", "reversed", "turned", "read-only", "Fortran", "big-endian", "booleans"],
)
def test_any_layout_is_accepted(given):
    checked = arrays.check(given)
    np.testing.assert_array_equal(checked, np.array(given, np.float32))
    assert checked.flags.c_contiguous  # a sum in another order may differ


def test_masked_values_are_refused():
    given = np.ma.masked_array(PICTURE)
    np.testing.assert_array_equal(arrays.check(given), PICTURE)
    given[1] = np.ma.masked
    for check in (arrays.check, arrays.check_mask):
        with pytest.raises(errors.UserError, match="must have no masked values"):
            check(given)


def test_the_number_of_channels_is_named():
    with pytest.raises(
        errors.UserError, match=r"shape \[H, W, 3\] or \[H, W, 4\], got \[4, 5, 2\]"
    ):
        arrays.check(PICTURE[..., :2], arrays.RGB_OR_RGBA)
    assert arrays.check(PICTURE[..., :2], arrays.ANY).shape == (4, 5, 2)


MASK = np.array([[0, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    "given",
    [MASK, MASK == 1, MASK.astype(np.uint8), MASK[..., None] / 1, np.stack([MASK] * 3, -1) / 1],
    ids=["int64", "bool", "uint8", "one channel", "three channels"],
)
def test_masks_may_be_planes_of_zeros_and_ones(given):
    np.testing.assert_array_equal(arrays.check_mask(given), MASK)


@pytest.mark.parametrize("given", [MASK * 255, MASK * 2.0, MASK[0], np.full((2, 2), np.nan)])
def test_other_masks_are_refused(given):
    with pytest.raises(errors.UserError, match="^a mask must have"):
        arrays.check_mask(given)


@pytest.mark.parametrize(
    "pictures, count",
    [
        (PICTURE, 1),
        (jnp.asarray(PICTURE), 1),
        ([PICTURE, "a.png"], 2),
        (("a,b.png", "c.png"), 2),
        (np.stack([PICTURE] * 4), 4),
        ([], 0),
    ],
)
def test_several_pictures_are_split(pictures, count):
    assert len(arrays.split("--maps", pictures)) == count


@pytest.mark.parametrize("given", [PICTURE[..., 0], PICTURE[..., :2], PICTURE[0, 0]])
def test_an_array_of_another_shape_is_not_split(given):
    with pytest.raises(
        errors.UserError, match=r"^--maps: an array must have shape \[H, W, 3\], got"
    ):
        arrays.split("--maps", given)
    assert arrays.split("--maps", np.array(["a.png", "b.png"])) == ["a.png", "b.png"]


def test_planes_are_split_on_request():
    assert len(arrays.split("--masks", MASK, planes=True)) == 1
    assert len(arrays.split("--masks", np.zeros((5, 40, 48)), planes=True)) == 5
    for wrong in (3, {"a": MASK}, {1}):
        with pytest.raises(errors.UserError, match="^--masks: must be paths, arrays"):
            arrays.split("--masks", wrong)
